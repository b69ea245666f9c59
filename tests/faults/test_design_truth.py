"""Whatever is edited in a design: every row in the results is what its parameters give."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from kit import SNAKEMAKE, Study, environment

from snakestudy.values import task_id

MODEL = """\
import os

FACTORS = {"none": 1, "closed": 2, "half": 3}


def simulate(params):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{os.environ['STUDY_TASK_ID']}\\n")
    return {"y": params["a"] * FACTORS[params.get("p", "none")]}
"""

TASK = "task: {function: scripts/model.py:simulate, metrics: [fit]}\nchunks: {tasks: 2}\n"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks that know nothing of p, run."""
    study = Study(tmp_path_factory.mktemp("truth") / "study")
    study.write("scripts/model.py", MODEL)
    configure(study, "grid: {a: [1, 2]}")
    study.snakemake()
    return study.path


@pytest.fixture
def two(once: Path, tmp_path: Path) -> Study:
    shutil.copytree(once, tmp_path / "study", symlinks=True)
    study = Study(tmp_path / "study")
    study.ran()
    return study


def configure(study: Study, design: str, more: str = "", tasks: int = 2) -> None:
    task = TASK.replace("tasks: 2", f"tasks: {tasks}")
    study.configure(f"study: small\ndesign: {{{design}}}\n{more}\n{task}")


def ids(p: str | None, *values: int) -> set[str]:
    return {task_id({"a": a, "p": p}) for a in values}


def assert_true(study: Study, size: int) -> pd.DataFrame:
    fit = study.table("fit")
    assert len(fit) == size
    factors = {"none": 1, "closed": 2, "half": 3}
    assert fit["y"].tolist() == [a * factors[p] for a, p in zip(fit["a"], fit["p"], strict=True)]
    tasks = pd.read_parquet(study.path / "results/tasks.parquet")
    assert set(tasks["task_id"]) == set(fit["task_id"])
    assert set(tasks["status"]) == {"success"}
    return fit


def test_results_follow_a_default_that_changes_and_changes_back(two: Study) -> None:
    configure(two, "grid: {a: [1, 2], p: [none, closed]}", "defaults: {p: none}")
    assert "2 new tasks" in two.snakemake()
    assert set(two.ran()) == ids("closed", 1, 2)
    assert_true(two, 4)

    # The other default: those that have it now lose their results, which were made with the old.
    configure(two, "grid: {a: [1, 2], p: [closed]}", "defaults: {p: closed}")
    assert "the default of p changed" in two.snakemake()
    assert set(two.ran()) == ids(None, 1, 2)
    assert set(assert_true(two, 2)["p"]) == {"closed"}

    # Back: those made with the other default run again, those that named it come back.
    configure(two, "grid: {a: [1, 2], p: [none, closed]}", "defaults: {p: none}")
    two.snakemake()
    assert set(two.ran()) == ids(None, 1, 2)
    assert_true(two, 4)

    # Taken out, a default that changes meanwhile, and back in.
    configure(two, "grid: {a: [1, 2], p: [closed]}", "defaults: {p: none}")
    two.snakemake()
    assert not two.ran()
    assert_true(two, 2)
    configure(two, "grid: {a: [1, 2], p: [none, half]}", "defaults: {p: half}")
    two.snakemake("--config", "on_change=rerun")
    assert set(two.ran()) == ids(None, 1, 2) | ids("none", 1, 2)
    assert_true(two, 4)
    assert "is current" in two.snakemake("-n")


def test_design_edited_after_a_pilot_drops_and_adds_and_runs_nothing_twice(two: Study) -> None:
    default = "defaults: {p: none}"
    configure(two, "grid: {a: {range: [1, 31]}, p: [none, closed]}", default, 25)
    said = two.snakemake("--config", "pilot=7")
    assert "5 new tasks" in said
    assert "pilot: 53 tasks wait for the next snakemake without it" in said
    pilot = two.ran()
    assert len(pilot) == 5
    assert_true(two, 7)
    assert "is current" in two.snakemake("-n", "--config", "pilot=7")
    configure(two, "grid: {a: {range: [1, 21]}, p: [none, closed, half]}", default, 25)
    two.snakemake()
    rest = two.ran()
    assert not rest.keys() & pilot.keys()
    assert set(rest.values()) == {1}
    assert_true(two, 60)


def test_blocks_of_every_kind_make_one_table_and_grow(two: Study) -> None:
    two.write("resources/sets.json", '\ufeff[{"a": 3}, {"a": 4, "p": "closed"}]')
    two.write(
        "scripts/sets.py",
        """\
        import pandas as pd


        def tasks():
            print("said")
            return pd.DataFrame({"a": [5, 6], "p": ["closed", float("nan")]})
        """,
    )
    text = """\
study: small
design:
  - grid: {a: [1, 2]}
  - table: resources/sets.json
  - python: scripts/sets.py:tasks
  - sample: {n: 4, method: halton, seed: 1, parameters: {a: {uniform: [10, 20]}}}
  - star: {base: {a: 7, p: none}, vary: {p: [closed, half], a: [8]}, label: varied}
defaults: {p: none}
derive: {twice: 2 * a}
"""
    two.configure(text + TASK)
    assert "12 new tasks" in two.snakemake()
    fit = assert_true(two, 14)
    assert fit["twice"].tolist() == (2 * fit["a"]).tolist()
    assert sorted(fit["varied"].dropna()) == ["a", "base", "p", "p"]
    assert len(two.ran()) == 12
    two.configure(text.replace("n: 4", "n: 6").replace("a: [8]", "a: [8, 9]") + TASK)
    assert "3 new tasks" in two.snakemake()
    assert_true(two, 17)
    assert len(two.ran()) == 3


def test_what_a_callable_prints_stays_out_of_what_snakemake_prints(two: Study) -> None:
    two.write("scripts/sets.py", "def tasks():\n    print('said')\n    yield {'a': 1}\n")
    configure(two, "python: scripts/sets.py:tasks")

    def printed(option: str) -> tuple[str, str]:
        done = subprocess.run(
            [*SNAKEMAKE, "--cores", "1", option],
            cwd=two.path,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    out, err = printed("--dry-run")
    assert "said" not in out
    assert "said" in err
    two.snakemake()
    graph, err = printed("--dag")  # of the newest plan; it calls nothing of the study's
    assert graph.lstrip().startswith("digraph")
    assert "said" not in graph + err
