"""What a function leaves where it ran: kept as its run directory, or gone, as `run_dirs` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kit import Study

from snakestudy.running.scratch import Scratch

MODEL = """\
import os
from pathlib import Path


def simulate(p):
    assert os.listdir() == []
    if p["x"] in LEAVE:
        Path("figure.png").write_text(f"of {p['x']}, v1")
        Path("sub").mkdir()
        Path("sub/link").symlink_to("../figure.png")
    if p["x"] == 3:
        raise ValueError("three")
    return {"y": p["x"]}


LEAVE = (1, 3)
"""


def configure(study: Study, more: str = "") -> None:
    study.configure(f"""\
        study: left
        design: {{grid: {{x: [1, 2, 3]}}}}
        task: {{function: "scripts/model.py:simulate", metrics: [fit]}}
        chunks: {{max: 1}}
        {more}
        """)


def directories(study: Study) -> dict[int, Path]:
    rows = study.metadata()
    places = {x: study.run_directory(i) for x, i in zip(rows["x"], rows["task_id"], strict=True)}
    return {x: place for x, place in places.items() if place.exists()}


def test_what_a_function_leaves_becomes_its_run_directory(study: Study) -> None:
    study.write("scripts/model.py", MODEL)
    configure(study)
    study.snakemake(ok=False)
    found = directories(study)
    assert sorted(found) == [1, 3], "of a failed task too, none of a task that left nothing"
    assert (found[1] / "figure.png").read_text() == "of 1, v1"
    assert (found[3] / "sub/link").read_text() == "of 3, v1"
    notes = {x: json.loads((place / "task.json").read_text()) for x, place in found.items()}
    assert {x: note["status"] for x, note in notes.items()} == {1: "success", 3: "failure"}


def test_what_a_task_leaves_when_it_runs_again_takes_the_place_of_what_it_left(
    study: Study,
) -> None:
    study.write("scripts/model.py", MODEL)
    configure(study)
    study.snakemake(ok=False)
    study.edit("scripts/model.py", "v1", "v2")
    study.edit("scripts/model.py", "(1, 3)", "(2, 3)")
    study.snakemake(ok=False)
    found = directories(study)
    assert sorted(found) == [2, 3]
    assert (found[3] / "figure.png").read_text() == "of 3, v2"


@pytest.mark.parametrize(("run_dirs", "left"), [("none", []), ("failed", [3]), ("keep", [1, 2, 3])])
def test_other_choices_are_as_they_say(study: Study, run_dirs: str, left: list[int]) -> None:
    study.write("scripts/model.py", MODEL.replace("assert os.listdir() == []", "pass"))
    configure(study, f"run_dirs: {run_dirs}")
    study.snakemake(ok=False)
    assert sorted(directories(study)) == left


def test_second_try_finds_nothing_of_the_first(study: Study) -> None:
    study.write("scripts/model.py", MODEL)
    configure(study)
    study.edit("config/config.yaml", "metrics: [fit]", "metrics: [fit], retries: 2")
    study.snakemake(ok=False)
    assert set(study.metadata()["error"].dropna()) == {"ValueError: three"}
    (place,) = [place for x, place in directories(study).items() if x == 3]
    assert json.loads((place / "task.json").read_text())["attempt"] == 3


def test_scratch_sees_what_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scratch = Scratch(tmp_path / "scratch")
    assert scratch.is_empty()
    for name in ("a", ".hidden"):
        (scratch.path / name).write_text("1")
        assert not scratch.is_empty()
        assert scratch.move_to(tmp_path / f"kept{name}")
        assert (tmp_path / f"kept{name}" / name).read_text() == "1"
        scratch.empty()
        assert scratch.is_empty()
    (scratch.path / "a").touch()
    (scratch.path / "a").unlink()
    assert not scratch.move_to(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    scratch.empty()
    scratch.path.rmdir()
    assert scratch.is_empty()
    scratch.empty()
    scratch.enter()
    assert Path.cwd() == scratch.path
