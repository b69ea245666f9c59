"""Reading a study from Python: finished, stopped half-way, running, or none at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kit import Study

import snakestudy as st
from snakestudy.errors import UserError

CONFIG = """\
study: read
design:
  - grid: {a: [1, 3], b: [10, 20]}
  - rows: [{a: 4, b: 30, model.kind: fast}, {a: 5, b: 30, model.kind: slow}]
derive: {double: b * 2}
task: {function: scripts/model.py:simulate, metrics: [fit, curve]}
chunks: {tasks: 6}
"""
MODEL = """\
import os, time
from pathlib import Path


def simulate(params):
    if params["a"] == 3:
        raise ValueError(f"three is too much at {params['b']}")
    if Path(os.environ["STUDY_DIR"], "slowly").exists():
        time.sleep(0.5)
    return {"fit": {"y": params["a"] * params["b"]}, "curve": {"t": [0, 1, 2]}}
"""


@pytest.fixture
def read(study: Study) -> Study:
    """Six tasks in one chunk, of which those with a == 3 fail."""
    study.write("scripts/model.py", MODEL)
    study.configure(CONFIG)
    return study


def pairs(table: pd.DataFrame) -> list[tuple[int, int]]:
    return sorted(zip(table["a"], table["b"], strict=True))


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        call()
    return str(caught.value)


def test_finished_study_gives_tasks_results_metadata_failures_and_completed_ids(
    read: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    read.snakemake(ok=False)
    study = st.open(str(read.path))

    tasks = study.tasks()
    assert list(tasks.columns) == [
        *("task_id", "seq", "a", "b", "model.kind", "double", "chunk", "plan", "status"),
    ]
    assert list(tasks["seq"]) == [0, 1, 2, 3, 4, 5]
    assert list(tasks["double"]) == [20, 40, 20, 40, 60, 60]
    assert list(tasks["status"]) == ["success"] * 2 + ["failure"] * 2 + ["success"] * 2
    assert set(tasks["plan"]) == {1}
    assert set(tasks["chunk"]) == {"00000"}

    fit = study.results("fit")
    assert list(fit.columns) == ["task_id", "a", "b", "model.kind", "double", "y"]
    assert pairs(fit) == [(1, 10), (1, 20), (4, 30), (5, 30)]
    assert list(fit["y"]) == list(fit["a"] * fit["b"])
    assert len(study.results("curve")) == 12
    pd.testing.assert_frame_equal(study.results("fit", partial=True), fit)
    for where, expected in {
        "y > 15": [(1, 20), (4, 30), (5, 30)],
        "y > 15 and double == 40": [(1, 20)],
        "model.kind == 'slow'": [(5, 30)],
        "not (a == 1) and sqrt(y) < 12": [(4, 30)],
        "a > 100": [],
    }.items():
        found = study.results("fit", where=where)
        assert pairs(found) == expected, where
        assert list(found.index) == list(range(len(expected)))
        assert pairs(study.results("fit", where=where, partial=True)) == expected, where
    assert len(study.results("curve", where="t > 0 and a == 1")) == 4

    metadata = study.metadata()
    assert sorted(metadata["task_id"]) == sorted(tasks["task_id"])
    assert metadata["started"].dt.tz is not None
    failures = study.failures()
    assert pairs(failures) == [(3, 10), (3, 20)]
    assert list(failures["error"]) == [
        "ValueError: three is too much at 10",
        "ValueError: three is too much at 20",
    ]
    completed = study.completed_task_ids()
    assert sorted(completed) == sorted(fit["task_id"])

    monkeypatch.chdir(read.path)
    pd.testing.assert_frame_equal(st.open().tasks(), tasks)
    pd.testing.assert_frame_equal(st.open(Path("../study")).results("fit"), fit)


def test_misuse_says_what_is_wrong_and_what_to_write_instead(read: Study) -> None:
    read.edit("scripts/model.py", 'params["a"] == 3', "False")
    read.snakemake()
    study = st.open(read.path)
    wrong = {}
    for call, pieces in (
        (lambda: study.results("fitt"), ['"fitt"', "no metric", "Did you mean fit?"]),
        (lambda: study.results("metadata"), ['"metadata"', "no metric", "curve, fit"]),
        (lambda: study.results("fit", where="z > 1"), ["z is no parameter", "y"]),
        (lambda: study.results("fit", where="dubble > 1"), ["dubble", "Did you mean double?"]),
        (lambda: study.results("fit", where="y >"), ["y >", "no expression"]),
        (lambda: study.results("fit", where="y.max() > 1"), ["not permitted"]),
        (lambda: study.results("fit", where="y + 1"), ["y + 1", "neither true nor false"]),
    ):
        try:
            wrong[str(pieces)] = f"returned {call()!r}"
        except UserError as error:
            if not all(piece in str(error) for piece in pieces):
                wrong[str(pieces)] = str(error)
        except Exception as error:
            wrong[str(pieces)] = repr(error)
    assert wrong == {}


def test_directory_without_a_study_is_refused_by_name(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        message = message_of(lambda directory=directory: st.open(directory))
        assert str(directory) in message
        assert "no study" in message
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study after its first failure ended it, with the tasks after that not begun."""
    study = Study(tmp_path_factory.mktemp("stopped") / "study")
    study.write("scripts/model.py", MODEL)
    study.configure(CONFIG + "on_failure: stop\n")
    assert "on_failure is stop" in study.snakemake(ok=False)
    return study


@pytest.fixture
def stopped(stopped_once: Study, tmp_path: Path) -> Study:
    return stopped_once.copy(tmp_path / "study")


def test_stopped_study_gives_what_is_finished_with_partial_and_says_so_without(
    stopped: Study,
) -> None:
    study = st.open(stopped.path)
    partial = study.results("fit", partial=True)
    assert pairs(partial) == [(1, 10), (1, 20)]
    assert list(partial["y"]) == [10, 20]
    assert pairs(study.results("fit", where="y > 15", partial=True)) == [(1, 20)]
    assert sorted(study.completed_task_ids()) == sorted(partial["task_id"])
    message = message_of(lambda: study.results("fit"))
    assert "results/fit" in message
    assert "not there yet" in message
    assert "partial=True" in message
    stopped.edit("config/config.yaml", "on_failure: stop", "on_failure: accept")
    stopped.snakemake()
    assert pairs(study.results("fit")) == [(1, 10), (1, 20), (4, 30), (5, 30)]


def test_stopped_study_tells_its_failures(stopped_once: Study) -> None:
    failures = st.open(stopped_once.path).failures()
    assert set(failures["a"]) == {3}
    assert failures["error"][0].startswith("ValueError: three is too much")


@pytest.mark.parametrize("what", ["tasks", "metadata"])
def test_advice_on_a_stopped_study_can_be_followed(stopped_once: Study, what: str) -> None:
    study = st.open(stopped_once.path)
    try:
        found = getattr(study, what)()
    except UserError as error:
        advice = str(error)
    else:
        assert len(found) >= 3
        return
    assert "snakemake finish" in advice
    assert ("partial=True" in advice) == (what == "metadata")  # only that takes it


def test_running_study_gives_what_is_finished_so_far(read: Study) -> None:
    read.write("slowly", "")
    read.edit("config/config.yaml", "a: [1, 3]", "a: [1, 2, 6, 7, 8, 9, 11]")
    read.edit("config/config.yaml", "tasks: 6", "tasks: 100")
    seen: list[int] = []
    with read.started("--cores", "1") as process:
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
            if not (read.path / "results/plan/0001.json").exists():
                continue
            study = st.open(read.path)
            completed = study.completed_task_ids()
            partial = study.results("fit", partial=True)
            assert set(completed) <= set(partial["task_id"])
            assert len(partial) >= len(completed)
            if len(partial):
                assert list(partial["y"]) == list(partial["a"] * partial["b"])
            seen.append(len(completed))
        assert process.wait(timeout=60) == 0, (read.path / "output.txt").read_text()
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert any(0 < count < 16 for count in seen)
    assert len(st.open(read.path).results("fit")) == 16


def test_tasks_taken_out_are_in_no_table(shrunk_once: Study) -> None:
    study = st.open(shrunk_once.path)
    for table in (
        study.tasks(),
        study.results("fit"),
        study.results("fit", partial=True),
        study.metadata(),
        study.metadata(partial=True),
    ):
        assert pairs(table) == [(1, 10)]
    assert study.completed_task_ids() == list(study.tasks()["task_id"])
