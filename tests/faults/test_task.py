"""`python -m snakestudy task`: one task by itself; the study is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kit import Study, environment

from snakestudy.values import task_id

ONE = task_id({"a": 1, "b": 10})
SCRIPT = "cat data.txt; echo warned >&2; echo y > fit.csv; echo $1 >> fit.csv; exit $2\n"


def task(study: Study, *arguments: str, stdin: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "snakestudy", "task", *arguments],
        cwd=study.path,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def listing(study: Study) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_mtime_ns) for path in study.path.rglob("*"))


def test_task_runs_in_a_directory_of_its_own_and_leaves_the_study_alone(
    study: Study, tmp_path: Path
) -> None:
    study.snakemake()
    study.ran()
    before = {name: when for name, when in listing(study) if name.suffix != ".pyc"}
    code, said = task(study, ONE[:6], "--dir", str(tmp_path / "one"))
    assert code == 0
    assert "y: [10]" in said
    assert (tmp_path / "one" / "params.json").read_text() == '{"a": 1, "b": 10}'
    assert study.ran() == {ONE: 1}
    after = dict(listing(study))
    changed = {name for name, when in before.items() if after.get(name) != when}
    assert changed <= {study.path}


def test_changed_copy_has_the_new_values_and_its_own_task_id(study: Study) -> None:
    study.edit("config/config.yaml", "task:", "derive: {c: a + b}\ntask:")
    study.snakemake()
    study.ran()
    code, said = task(study, ONE, "--set", "a=7", "--set", "b=1e1")
    assert code == 0
    assert '{"a": 7, "b": 10.0, "c": 17.0}' in said
    assert "y: [70.0]" in said
    assert study.ran() == {task_id({"a": 7, "b": 10}): 1}


def test_failure_is_told_and_the_exit_status_says_so(study: Study) -> None:
    study.snakemake()
    code, said = task(study, ONE, "--set", "a=3")
    assert code == 1
    assert "failed: ValueError: three is too much" in said
    assert "in simulate" in said


def test_pdb_stops_where_the_function_failed(study: Study) -> None:
    study.snakemake()
    code, said = task(study, ONE, "--set", "a=3", "--pdb", stdin="p params\nq\n")
    assert code == 1
    assert "(Pdb) {'a': 3, 'b': 10}" in said


@pytest.mark.parametrize(("exit_code", "state"), [(0, "succeeded"), (3, "failed: exit code 3")])
def test_command_has_its_real_inputs_and_its_output_is_shown(
    study: Study, tmp_path: Path, exit_code: int, state: str
) -> None:
    study.write("resources/data.txt", "from the study\n")
    study.write("scripts/run.sh", SCRIPT)
    study.configure(f"""\
        study: small
        design: {{grid: {{a: [1, 2]}}}}
        task:
          command: [bash, scripts/run.sh, "{{a}}", "{exit_code}"]
          inputs: [resources/data.txt]
          metrics: {{fit: fit.csv}}
        """)
    study.snakemake(ok=None)
    code, said = task(study, task_id({"a": 2}), "--dir", str(tmp_path / "own"))
    assert (code, state in said) == (min(exit_code, 1), True), said
    assert "from the study" in said
    assert "warned" in said
    assert ("y: [2]" in said) == (exit_code == 0)
    assert (tmp_path / "own" / "data.txt").read_text() == "from the study\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zz"], ['"zz"', "is no task of this study", "results/tasks.parquet"]),
        ([""], ["fits 4 tasks"]),
        ([ONE, "--set", "c=1"], ['--set = "c=1"', "is no NAME=VALUE", "Known: a, b."]),
        ([ONE, "--set", "a"], ["is no NAME=VALUE"]),
        ([ONE, "--dir", "config"], ['--dir = "config"', "is not empty"]),
    ],
)
def test_misuse_is_one_message(study: Study, arguments: list[str], words: list[str]) -> None:
    study.snakemake()
    code, said = task(study, *arguments)
    assert code == 1
    assert said.startswith("snakestudy: ")
    assert [word for word in words if word not in said] == [], said


def test_study_that_was_not_planned_is_refused(study: Study) -> None:
    code, said = task(study, ONE)
    assert (code, "holds no study that was planned" in said) == (1, True)
