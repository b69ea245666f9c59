"""One task by itself: its run directory, what it finds, its metrics read again."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snakestudy.config.resolve import resolve
from snakestudy.config.study import Task
from snakestudy.errors import Stopped
from snakestudy.layout import aside
from snakestudy.running.batch import TaskBatch, TaskSpec
from snakestudy.running.context import RunContext
from snakestudy.running.result import RUNNING_RECORD, Result
from snakestudy.running.runner import Runner
from snakestudy.running.scratch import Scratch
from snakestudy.running.worker import RunningRecord, run_slice
from snakestudy.tables.pieces import as_list

MADE = "0123456789abcdef"  # digest of what ran
READERS = """\
from pathlib import Path


def curve(path):
    return {"v": float(path.read_text()) + float(Path("beside.txt").read_text())}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a study; that of this process is put back after the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study/scripts").mkdir(parents=True)
    (tmp_path / "study/scripts/readers.py").write_text(READERS)
    return tmp_path / "study"


def context(study: Path, run_dirs: str = "keep", **task: Any) -> RunContext:
    config = {"study": "s", "design": {"seeds": 1}, "task": task}
    return RunContext(
        step="run",
        task=Task.of(resolve("c.yaml", config)["steps"][0]),
        chunk="00000",
        plan=1,
        parameters=("a",),
        files={},
        run_dirs=run_dirs,
        study=study,
        runs=study / "runs",
    )


def spec(digest: str = MADE, reread: str | None = None, **values: Any) -> TaskSpec:
    return TaskSpec(0, "ab12", values or {"a": 1}, digest, 0, 9, reread)


def rows(result: Result | None, metric: str) -> dict[str, list]:
    assert result is not None
    assert result.error is None
    return result.metrics[metric][1]


# -- metrics read again --------------------------------------------------------------------------

WRITES = ["bash", "-c", "echo 1 > curve.dat; echo 10 > beside.txt; echo 'E = 5'; exit {a}"]
REREAD = {"regex": "E = (?P<e>\\d)", "path": "stdout.log"}


def write_and_reread(study: Path, a: int, **change: Any) -> Result | None:
    """Run a task that exits with `a`, then read another metric from its directory."""
    Runner(context(study, command=WRITES)).run(spec(a=a), 1)
    note = study / "runs/ab/ab12/task.json"
    if change:
        note.write_text(json.dumps({**json.loads(note.read_text()), **change}))
    again = context(study, command=WRITES, metrics={"energy": REREAD})
    return Runner(again).reread(spec(reread=f"{MADE} energy=x", a=a))


def test_metrics_are_read_again_from_the_directory_that_made_the_row(study: Path) -> None:
    result = write_and_reread(study, a=0)
    assert rows(result, "energy") == {"e": [5]}
    assert result is not None
    assert (result.digest, result.exit_code, result.attempt) == (f"{MADE} energy=x", 0, 1)
    note = json.loads((study / "runs/ab/ab12/task.json").read_text())
    assert (note["digest"], note["status"]) == (f"{MADE} energy=x", "success")


@pytest.mark.parametrize(
    "change", [{"status": "running"}, {"digest": "f" * 16}, {"digest": f"{MADE}-01234567"}]
)
def test_no_metrics_are_read_again_from_a_directory_that_something_else_left(
    study: Path, change: dict[str, str]
) -> None:
    assert write_and_reread(study, a=0, **change) is None


def test_no_metrics_are_read_again_from_the_directory_of_a_failed_try(study: Path) -> None:
    assert write_and_reread(study, a=3) is None


def test_no_metrics_are_read_again_where_there_is_no_directory(study: Path) -> None:
    again = context(study, command=WRITES, metrics={"energy": REREAD})
    assert Runner(again).reread(spec(reread=f"{MADE} energy=x")) is None
    assert not (study / "runs").exists()


def test_metric_that_cannot_be_read_again_fails_its_task(study: Path) -> None:
    Runner(context(study, command=WRITES)).run(spec(a=0), 1)
    again = context(study, command=WRITES, metrics={"no": "no.csv"})
    result = Runner(again).reread(spec(reread=f"{MADE} no=x", a=0))
    assert result is not None
    assert result.error == "metric no: the task wrote no file no.csv"
    assert json.loads((study / "runs/ab/ab12/task.json").read_text())["status"] == "failure"


def test_reader_runs_in_the_run_directory_at_first_and_again(study: Path) -> None:
    metric = {"path": "curve.dat", "reader": "scripts/readers.py:curve"}
    runner = Runner(context(study, command=WRITES, metrics={"curve": metric}))
    assert rows(runner.run(spec(a=0), 1), "curve") == {"v": [11]}
    os.chdir(study)
    assert rows(runner.reread(spec(reread=f"{MADE} curve=x", a=0)), "curve") == {"v": [11]}


# -- the run directory ---------------------------------------------------------------------------


def counting(study: Path, exit_code: int = 1, **task: Any) -> RunContext:
    """Of a command that notes its tries in a file of its directory."""
    line = f"echo $STUDY_ATTEMPT >> tries.txt; exit {exit_code}"
    return context(study, command=["bash", "-c", line], **task)


def tries(directory: Path) -> str:
    return (directory / "tries.txt").read_text().replace("\n", " ").strip()


def test_earlier_directory_stands_aside_until_its_row_is_kept_and_later_tries_do_not(
    study: Path,
) -> None:
    runner, directory = Runner(counting(study)), study / "runs/ab/ab12"
    for attempt in (1, 2, 3):
        runner.run(spec(), attempt)
    assert tries(directory) == "3"
    assert tries(aside(directory)) == "1"


@pytest.mark.parametrize(
    ("exit_code", "note", "wanted"),
    [
        (1, {}, "1 2"),
        (1, {"status": "running"}, "1 2"),
        (0, {}, "1"),
        (1, {"digest": "f" * 16}, "1"),
    ],
    ids=["failed", "killed", "succeeded", "other code"],
)
def test_try_continues_in_the_directory_of_one_that_was_not_done(
    study: Path, exit_code: int, note: dict[str, str], wanted: str
) -> None:
    runner = Runner(counting(study, exit_code, restart="continue"))
    directory = study / "runs/ab/ab12"
    runner.run(spec(), 1)
    file = directory / "task.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **note}))
    runner.run(spec(), 1)
    assert tries(directory) == wanted


def test_rows_that_an_earlier_try_posted_do_not_count(study: Path) -> None:
    line = "if [ $STUDY_ATTEMPT = 1 ]; then echo '{\"y\": 1}' > results.json; exit 1; fi"
    command = ["bash", "-c", line.replace("{", "{{").replace("}", "}}")]
    runner = Runner(context(study, command=command, metrics=["fit"], restart="continue"))
    assert runner.run(spec(), 1).error == "exit code 1"
    assert runner.run(spec(), 2).error == "the task posted no rows (see post_run_results)"


def test_task_in_a_fixed_directory_finds_it_as_it_is(study: Path) -> None:
    place = study.parent / "place"
    place.mkdir()
    (place / "tries.txt").write_text("0\n")
    fixed = replace(counting(study), fixed_directory=place)
    Runner(fixed).run(spec(), 1)
    assert tries(place) == "0 1"
    assert not (study / "runs").exists()


def test_what_hinders_a_task_is_its_error_and_noted(study: Path) -> None:
    result = Runner(context(study, command=["true"], inputs=["no.dat"])).run(spec(), 1)
    assert result.error is not None
    assert "no.dat" in result.error
    note = json.loads((study / "runs/ab/ab12/task.json").read_text())
    assert (note["status"], note["error"]) == ("failure", result.error)


def test_own_input_that_is_not_what_was_planned_with_ends_the_visit(study: Path) -> None:
    (study / "1.dat").write_text("now")
    runner = Runner(context(study, command=["true"], inputs=["{a}.dat"]))
    with pytest.raises(Stopped, match="input files of task ab12 changed"):
        runner.run(spec(digest=f"{MADE}-01234567"), 1)


# -- when a job ends -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "task", "wanted"),
    [
        (None, {"runtime": "1h"}, True),
        (60, {"runtime": "1h"}, False),
        (60, {"runtime": "30s"}, True),
        (60, {"runtime": "1h", "restart": "continue"}, True),
        (20, {"runtime": "1h", "restart": "continue"}, False),
        (60, {}, True),
        (20, {}, False),
        (20, {"grace": 10}, True),
    ],
)
def test_task_starts_if_it_can_end_or_be_told_before_its_job_does(
    study: Path, seconds: float | None, task: dict[str, Any], wanted: bool
) -> None:
    deadline = seconds and time.time() + seconds
    job = replace(context(study, command=["true"], **task), deadline=deadline)
    assert Runner(job).may_start() == wanted


# -- functions -----------------------------------------------------------------------------------

FUNCTION = """\
import os
from pathlib import Path


def simulate(params):
    if params["a"] == 3:
        raise ValueError("three")
    Path("y.txt").write_text(str(params["a"]))
    return {"attempt": os.environ["STUDY_ATTEMPT"], "task": os.environ["STUDY_TASK_ID"],
            "params": os.environ.get("STUDY_PARAMS"), "there": len(os.listdir())}
"""


def functions(study: Path, name: str, **rest: Any) -> RunContext:
    (study / f"scripts/{name}.py").write_text(FUNCTION)  # a module is imported once
    return context(study, function=f"scripts/{name}.py:simulate", **rest)


def test_function_is_told_its_try_its_task_and_where_its_parameters_lie(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STUDY_ATTEMPT", "STUDY_TASK_ID", "STUDY_PARAMS"):
        monkeypatch.setenv(name, "of another")  # put back after the test
    runner = Runner(functions(study, "told", metrics=["fit"]))
    for attempt in (1, 2, 1):
        found = rows(runner.run(spec(), attempt), "fit")
        assert found["attempt"] == [str(attempt)]
        assert found["task"] == ["ab12"]
        assert found["params"] == [str(study / "runs/ab/ab12/params.json")]


def test_functions_without_a_run_directory_run_in_one_place_that_is_emptied(study: Path) -> None:
    scratch = Scratch(study / "scratch")
    runner = Runner(functions(study, "emptied", run_dirs="none", metrics=["fit"]), scratch)
    for _ in range(2):
        assert rows(runner.run(spec(), 1), "fit")["there"] == [1]
        assert [path.name for path in (study / "scratch").iterdir()] == ["y.txt"]
        scratch.empty()
        assert list((study / "scratch").iterdir()) == []
    assert not (study / "runs").exists()


def test_debugger_sees_what_a_function_raised(study: Path) -> None:
    seen = []

    def debug(traceback: Any) -> None:
        while traceback.tb_next:
            traceback = traceback.tb_next
        seen.append(traceback.tb_frame.f_locals)

    runner = Runner(functions(study, "debugged"), debug=debug)
    assert runner.run(spec(a=3), 1).error == "ValueError: three"
    assert seen == [{"params": {"a": 3}}]


# -- a slice of a worker -------------------------------------------------------------------------

SLOW = """\
import time


def simulate(params):
    time.sleep(params["a"])
    return {"y": 1}
"""


@pytest.fixture
def record(tmp_path: Path) -> RunningRecord:
    (tmp_path / "records").write_bytes(bytes(RUNNING_RECORD.size))
    with (tmp_path / "records").open("r+b") as file:
        return RunningRecord(file.fileno(), 0)


def test_worker_hands_over_what_is_done_after_half_a_second(
    study: Path, record: RunningRecord
) -> None:
    (study / "scripts/slow.py").write_text(SLOW)
    job = context(study, function="scripts/slow.py:simulate", metrics=["fit"], run_dirs="none")
    scratch = Scratch(study / "scratch")
    ids, seconds = [f"ab{place}" for place in range(5)], [0.01, 0.3, 0.3, 0.01, 0.01]
    rest = [MADE] * 5, [0] * 5, [1] * 5, [None] * 5
    batch = TaskBatch([*range(5, 10)], ids, {"a": seconds}, *rest)
    result = run_slice(Runner(job, scratch), batch, scratch, record)
    assert result.index == [5, 6, 7]
    assert (result.error, result.stopped, result.is_late) == ([None] * 3, None, False)
    indices, counts, columns = result.metrics["fit"]
    assert (indices, counts) == ([5, 6, 7], [1, 1, 1])
    assert list(map(as_list, columns["y"])) == [[1, 1, 1]]
    late = Runner(replace(job, deadline=time.time() - 1), scratch)
    result = run_slice(late, batch, scratch, record)
    assert (result.index, result.error, result.is_late) == ([], [], True)
