"""A metric that cannot be read: the task ran, its other rows stand, a mended reading reads it."""

from __future__ import annotations

import json

import pytest
from kit import Study

from snakestudy.provenance.row_digest import RowDigest

PROGRAM = """\
import os
from pathlib import Path

with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
    file.write("x\\n")
x = int(os.environ["STUDY_TASK_ID"], 16) % 7
print(f"energy: {x}")
Path("fit.csv").write_text(f"y\\n{x}\\n")
"""
READER = """\
def curve(path):
    raise ValueError("not so")
"""
RIGHT = "{path: stdout.log, regex: 'energy: (?P<e>.*)'}"
WRONG = {
    "regex": "{path: stdout.log, regex: 'Energy = (?P<e>.*)'}",
    "path": "energy.csv",
    "reader": "{path: stdout.log, reader: scripts/readers.py:curve}",
}


def configure(study: Study, energy: str, more: str = "") -> None:
    study.configure(f"""\
        study: unread
        design: {{grid: {{x: [1, 2, 3]}}}}
        task:
          command: [python, scripts/model.py]
          metrics: {{fit: fit.csv, energy: {energy}}}
        chunks: {{tasks: 2}}
        {more}
        """)


@pytest.fixture
def study(study: Study) -> Study:
    study.write("scripts/model.py", PROGRAM)
    study.write("scripts/readers.py", READER)
    return study


def starts(study: Study) -> int:
    """How often the program was started since the last call."""
    return sum(study.ran().values())


@pytest.mark.parametrize("wrong", WRONG)
def test_mended_reading_reads_what_ran_and_nothing_runs_again(study: Study, wrong: str) -> None:
    configure(study, WRONG[wrong])
    said = study.snakemake(ok=False)
    assert "3 tasks, 3 failed" in said
    assert (
        "3 tasks ran, but metric energy could not be read: mend task.metrics.energy and run "
        "snakemake, nothing is computed again" in said
    )
    assert starts(study) == 3
    rows = study.metadata()
    assert set(rows["status"]) == {"failure"}
    assert set(rows["exit_code"]) == {0}
    assert rows["error"].str.startswith("metric energy: ").all()
    fit = study.table("fit")
    assert list(fit["y"]) == [int(i, 16) % 7 for i in fit["task_id"]], "its rows stand"
    assert len(study.table("energy")) == 0
    if wrong == "reader":
        study.write(
            "scripts/readers.py", "def curve(path):\n    return {'e': path.read_text()[8:]}"
        )
    else:
        configure(study, RIGHT)
    why = "metric energy is new or read in another way: 3 tasks read again from their run dir"
    assert why in study.planned()
    assert "3 tasks, all succeeded" in study.snakemake()
    assert starts(study) == 0
    energy = study.table("energy")
    assert [int(e) for e in energy["e"]] == list(study.table("fit")["y"]) == list(fit["y"])
    assert study.metadata()["error"].isna().all()
    note = json.loads((study.run_directory(energy["task_id"].iloc[0]) / "task.json").read_text())
    assert (note["status"], note["error"]) == ("success", None)
    assert "Nothing to be done" in study.snakemake()


def test_reading_may_be_mended_in_several_goes_or_taken_out(study: Study) -> None:
    configure(study, WRONG["path"])
    study.snakemake(ok=False)
    configure(study, WRONG["regex"])
    assert "nothing that matches 'Energy" in study.snakemake(ok=False)
    configure(study, RIGHT.replace("energy:", "Energy:"))
    study.snakemake(ok=False)
    study.edit("config/config.yaml", ", energy: {path: stdout.log, regex: 'Energy: (?P<e>.*)'}", "")
    assert "metric energy, which could not be read, is no more" in study.planned()
    assert "3 tasks, all succeeded" in study.snakemake()
    assert starts(study) == 3


def test_failed_reading_is_a_failed_try_and_given_up_until_it_is_mended(study: Study) -> None:
    configure(study, WRONG["path"], "give_up: 2")
    study.snakemake(ok=False)
    assert "3 failed tasks tried again" in study.snakemake(ok=False)
    assert starts(study) == 6
    assert "3 of them are given up" in study.snakemake(ok=False)
    assert starts(study) == 0
    assert set(study.metadata()["attempt"]) == {2}
    configure(study, RIGHT, "give_up: 2")
    study.snakemake()
    assert starts(study) == 0


def test_one_task_without_its_file_is_tried_again_alone(study: Study) -> None:
    study.write(
        "scripts/model.py",
        PROGRAM
        + """\
import json
is_mended = Path(os.environ["STUDY_DIR"], "mended").exists()
if json.load(open("params.json"))["x"] == 2 and not is_mended:
    Path("fit.csv").unlink()
""",
    )
    configure(study, RIGHT)
    study.snakemake(ok=False)
    assert list(study.table("fit")["x"].sort_values()) == [1, 3]
    assert sorted(study.table("energy")["x"]) == [1, 2, 3]
    starts(study)
    study.write("mended", "")
    study.snakemake()
    assert starts(study) == 1
    assert sorted(study.table("fit")["x"]) == [1, 2, 3]


@pytest.mark.parametrize(("run_dirs", "again"), [("failed", 0), ("none", 3)])
def test_directories_of_unread_tasks_are_kept_as_of_failed_ones(
    study: Study, run_dirs: str, again: int
) -> None:
    configure(study, WRONG["regex"], f"run_dirs: {run_dirs}")
    said = study.snakemake(ok=False)
    assert ("they run again: run_dirs is none" in said) == bool(again)
    starts(study)
    configure(study, RIGHT, f"run_dirs: {run_dirs}\non_change: stop".replace("\n", "\n" + 8 * " "))
    study.snakemake()
    assert starts(study) == again
    assert not list((study.path / "runs").glob("??/*"))


def test_plan_that_unread_metrics_stopped_goes_on_where_it_was(study: Study) -> None:
    configure(study, WRONG["regex"])
    study.edit("config/config.yaml", "[1, 2, 3]", "{range: [0, 20, 1]}")
    study.edit("config/config.yaml", "tasks: 2", "max: 1")
    assert "its first 10 finished tasks all failed" in study.snakemake(ok=False)
    assert 10 <= (before := starts(study)) < 20
    configure(study, RIGHT)
    study.edit("config/config.yaml", "[1, 2, 3]", "{range: [0, 20, 1]}")
    study.edit("config/config.yaml", "tasks: 2", "max: 1")
    study.snakemake()
    assert starts(study) == 20 - before


def test_changed_code_runs_again_whatever_could_be_read(study: Study) -> None:
    configure(study, WRONG["regex"])
    study.snakemake(ok=False)
    starts(study)
    configure(study, RIGHT)
    study.edit("scripts/model.py", "% 7", "% 5")
    study.snakemake()
    assert starts(study) == 3


def test_function_with_one_metric_that_is_none_keeps_the_rows_of_the_other(study: Study) -> None:
    study.write(
        "scripts/model.py",
        "def simulate(p):\n    return {'fit': {'y': p['x']}, 'curve': {'a': [1, 2], 'b': [1]}}\n",
    )
    study.configure("""\
        study: unread
        design: {grid: {x: [1, 2]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit, curve]}
        """)
    said = study.snakemake(ok=False)
    assert "metric curve: " in said
    assert "mend task.metrics" not in said, "what a function returned is not read again"
    assert sorted(study.table("fit")["y"]) == [1, 2]
    (digest,) = set(study.metadata()["digest"])
    assert RowDigest.parse(digest).unread == {"curve": ""}
    study.edit("scripts/model.py", "[1]", "[1, 3]")
    study.snakemake()
    assert len(study.table("curve")) == 4
