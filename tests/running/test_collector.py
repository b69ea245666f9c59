"""What becomes of results: kept, counted, told to other visits."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit import Study

from snakestudy.errors import Stopped
from snakestudy.layout import Layout, aside
from snakestudy.running import collector, progress
from snakestudy.running.batch import TaskSpec
from snakestudy.running.collector import Collector
from snakestudy.running.context import RunContext
from snakestudy.running.plan_notes import FIRST, PlanNotes
from snakestudy.running.progress import Progress
from snakestudy.running.result import FIELDS, BatchResult, Result, fields_of
from snakestudy.running.row_buffer import MetricRows
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import Footer
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import read

CONFIG = """\
study: kept
design: {grid: {a: [1, 2, 3]}}
task: {command: [python, scripts/model.py], metrics: [fit], mem_mb: 10}
chunks: {tasks: 3}
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = Study(tmp_path_factory.mktemp("planned") / "study")
    study.write("scripts/model.py", "")
    study.configure(CONFIG)
    study.snakemake("plan")
    return study.path


@pytest.fixture
def layout(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Of a planned study of three tasks in one chunk, in the working directory."""
    monkeypatch.chdir(shutil.copytree(planned, tmp_path / "study", symlinks=True))
    monkeypatch.setattr(collector, "PART_SECONDS", 1000)  # parts are written when told
    return Layout()


def collect(layout: Layout, on_failure: str = "continue", **change: Any) -> Collector:
    manifest = Manifest.load(layout.manifest("00000"))
    manifest = replace(manifest, spec=replace(manifest.spec, on_failure=on_failure))
    context = RunContext.of(manifest, "run", 1, layout.runs)
    footer = Footer("kept", 1, chunk="00000")
    return Collector(
        manifest,
        context,
        layout,
        **{
            "footer": footer,
            "untried": {0, 1, 2},
            "total": 3,
            "may_repeat": True,
            **change,
        },
    )


def of(index: int, error: str | None = None, exit_code: int = 0, **rest: Any) -> BatchResult:
    result = Result(1.0, 2.0, 4, exit_code, error, 5.0, "host", "digest")
    metrics = {} if error else {"fit": MetricRows([index], [2], {"y": [[index, index]]})}
    return BatchResult.of([index], [fields_of(result)], metrics=metrics, **rest)


def kept(layout: Layout, *columns: str) -> list[tuple]:
    """Columns of the metadata of the chunk's only part."""
    store = Store(layout.chunk_store("00000"))
    table = read(store.table("metadata", store.part_numbers()[0]))
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


# -- what a worker hands over --------------------------------------------------------------------


def test_columns_of_a_batch_hold_the_fields_of_its_results() -> None:
    results = [
        Result(1.0, 2.0, 3, 4, "five", 6.0, "seven", "eight"),
        Result(11.0, 12.0, 13, None, None, None, "17", "18"),
    ]
    batch = BatchResult.of([5, 7], list(map(fields_of, results)))
    assert batch.index == [5, 7]
    for name in FIELDS:
        assert getattr(batch, name) == [getattr(result, name) for result in results]
    assert BatchResult.of([], []).error == []


def test_failure_of_one_task_is_a_batch_of_one() -> None:
    spec = TaskSpec(3, "ab", {}, "digest", 0, 1, None)
    batch = BatchResult.of_failure(spec, Result(1.0, error="gone", exit_code=-9))
    assert (batch.index, batch.error, batch.metrics) == ([3], ["gone"], {})
    assert batch.with_exit_code([-9]) == [0]
    assert batch.with_exit_code([-15, 0]) == []


# -- what is kept --------------------------------------------------------------------------------


def test_results_are_one_part_in_the_manifest_s_order(layout: Layout) -> None:
    keeper = collect(layout)
    for index in (2, 0):
        keeper.take(of(index))
    keeper.take(of(1, "bad", 3))
    assert Store(layout.chunk_store("00000")).part_numbers() == []
    keeper.flush()
    keeper.flush()
    store = Store(layout.chunk_store("00000"))
    assert store.part_numbers() == [1]
    ids = Manifest.load(layout.manifest("00000")).ids
    assert store.last_rows()["task_id"].to_pylist() == ids
    assert store.last_rows()["status"].to_pylist() == ["success", "failure", "success"]
    assert kept(layout, "a", "error", "exit_code", "host") == [
        (1, None, 0, "host"),
        (2, "bad", 3, "host"),
        (3, None, 0, "host"),
    ]


def test_part_is_written_when_it_is_time(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "PART_SECONDS", 0)
    keeper = collect(layout)
    keeper.take(of(0))
    keeper.take(of(1))
    assert Store(layout.chunk_store("00000")).part_numbers() == [1, 2]


def test_rows_of_edited_code_are_not_kept(layout: Layout) -> None:
    keeper = collect(layout)
    keeper.take(of(0))
    Path("scripts/model.py").write_text("1")
    with pytest.raises(Stopped, match=r"scripts/model\.py changed since the plan"):
        keeper.flush()
    Path("scripts/model.py").write_text("")
    keeper.flush()
    assert Store(layout.chunk_store("00000")).part_numbers() == []


def test_rows_are_not_kept_if_code_was_edited_and_the_edit_undone(layout: Layout) -> None:
    model = Path("scripts/model.py")
    times = model.stat()
    keeper = collect(layout)
    keeper.check_files()  # before workers begin
    keeper.take(of(0))
    for text in ("1", ""):
        model.write_text(text)
        os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(Stopped, match=r"scripts/model\.py was written to while tasks ran"):
        keeper.flush()
    keeper.flush()
    assert Store(layout.chunk_store("00000")).part_numbers() == []
    keeper = collect(layout)
    keeper.check_files()
    keeper.take(of(0))
    model.chmod(0o755)  # by the tasks themselves, as it seems
    keeper.flush()
    assert Store(layout.chunk_store("00000")).part_numbers() == [1]


def test_earlier_directories_go_when_the_row_is_kept_and_not_before(layout: Layout) -> None:
    keeper = collect(layout)
    ids = Manifest.load(layout.manifest("00000")).ids
    directories = [layout.run_directory(task_id) for task_id in ids[:2]]
    for directory in directories:
        directory.mkdir(parents=True)
        aside(directory).mkdir()
    keeper.take(of(0))
    assert all(aside(directory).exists() for directory in directories)
    keeper.flush()
    assert [aside(directory).exists() for directory in directories] == [False, True]
    assert all(directory.exists() for directory in directories)


# -- killed as for memory ------------------------------------------------------------------------


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_try_of_a_killed_task_is_taken_back_where_its_job_is_repeated(
    layout: Layout, exit_code: int
) -> None:
    keeper = collect(layout, on_failure="stop")
    keeper.take(of(0, "killed", exit_code))
    keeper.take(of(1))
    keeper.flush()
    assert keeper.killed == 1
    assert kept(layout, "a", "attempt") == [(1, 3), (2, 4)]


def test_killed_task_has_failed_where_no_job_comes_after(layout: Layout) -> None:
    keeper = collect(layout, may_repeat=False)
    keeper.take(of(0, "killed", -9))
    keeper.flush()
    assert (keeper.killed, kept(layout, "a", "attempt")) == (0, [(1, 4)])


# -- when a plan stops ---------------------------------------------------------------------------


def test_failure_stops_the_plan_if_the_study_says_so(layout: Layout) -> None:
    collect(layout).take(of(0, "bad", 1))
    with pytest.raises(Stopped, match="plan 1 is stopped: a task failed \\(bad\\)"):
        collect(layout, on_failure="stop").take(of(0, "bad", 1))


def test_changed_input_of_a_task_stops_the_plan_and_what_is_done_is_kept(layout: Layout) -> None:
    keeper = collect(layout)
    with pytest.raises(Stopped, match="plan 1 is stopped: its input changed"):
        keeper.take(of(0, stopped="its input changed"))
    keeper.flush()
    assert kept(layout, "a") == [(1,)]


def test_stop_of_another_visit_ends_this_one_and_another_plan_s_does_not(layout: Layout) -> None:
    keeper = collect(layout)
    PlanNotes(layout, 2).stop("why not")
    keeper.take(of(0))
    PlanNotes(layout, 1).stop("enough")
    with pytest.raises(Stopped, match="plan 1 is stopped: enough"):
        keeper.take(of(1))


def test_plan_whose_first_tasks_all_fail_is_stopped(layout: Layout) -> None:
    one, other = PlanNotes(layout, 1), PlanNotes(layout, 1)
    one.count_first(["bad"] * (FIRST - 2))
    other.count_first(["worse"])
    other.raise_if_stopped()
    one.count_first(["worst", None])
    with pytest.raises(Stopped, match=f"its first {FIRST} finished .* the last with: worst"):
        other.raise_if_stopped()


def test_plan_of_which_one_of_the_first_tasks_succeeds_goes_on(layout: Layout) -> None:
    notes = PlanNotes(layout, 1)
    notes.count_first([*["bad"] * (FIRST - 1), None])
    notes.count_first(["bad"] * 3 * FIRST)
    notes.raise_if_stopped()


def test_success_after_another_visit_s_first_failures_changes_no_words(layout: Layout) -> None:
    PlanNotes(layout, 1).count_first(["bad"] * FIRST)
    notes = PlanNotes(layout, 1)
    notes.count_first([None])
    with pytest.raises(Stopped, match="the last with: bad"):
        notes.raise_if_stopped()


def test_tasks_that_ran_before_are_not_among_the_first(layout: Layout) -> None:
    keeper = collect(layout, untried={0})
    for _ in range(FIRST):
        keeper.take(of(1, "bad", 1))
    keeper = collect(layout)
    for _ in range(FIRST - 1):
        keeper.take(of(0, "bad", 1))
    with pytest.raises(Stopped, match="all failed"):
        keeper.take(of(0, "bad", 1))


# -- progress ------------------------------------------------------------------------------------


def test_progress_is_told_in_words_and_not_before_a_task_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", -1)
    visit = Progress("00007", 8)
    visit.count(0, 0)
    assert capsys.readouterr().err == ""
    visit.count(2, 0)
    visit.count(2, 1)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "chunk 00007: 2 of 8 tasks, about 0 s left"
    assert second == "chunk 00007: 4 of 8 tasks, 1 failed, about 0 s left"
