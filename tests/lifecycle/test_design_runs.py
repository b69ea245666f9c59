"""The design language in real runs: what is run, what is kept, what is said.

Long: each study is written out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from designs import has
from kit import ROOT, Study, environment

from snakestudy.values import task_id

FINE = """\
study: small
design:
  - grid: {a: [1, 2], b: [10, 20]}
  - values_from: {metric: fit, where: "y >= 20 and b < 100", columns: [a]}
    grid: {b: [100, 200]}
task: {function: scripts/model.py:simulate, metrics: [fit]}
chunks: {tasks: 4}
"""


def design(study: Study, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "snakestudy", "design", "--cores", "2", *arguments],
        cwd=study.path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def files(study: Study) -> set[Path]:
    return {path for path in study.path.rglob("*") if "__pycache__" not in path.parts}


# pilot


def test_pilot_runs_a_few_tasks_spread_over_the_design_and_the_rest_follows(study: Study) -> None:
    study.edit("config/config.yaml", "a: [1, 2]", "a: {range: [10, 20]}")
    study.edit("config/config.yaml", "b: [10, 20]", "b: {range: [0, 10]}")
    study.edit("config/config.yaml", "{tasks: 2}", "{tasks: 25}")
    said = study.snakemake("--config", "pilot=5")
    has(said, ["5 new tasks", "pilot: 95 tasks wait for the next snakemake without it"])
    first = study.ran()
    assert (len(first), set(first.values())) == (5, {1})
    fit = study.table("fit")
    assert len(set(fit["a"] // 2)) == 5  # one of each stretch
    assert len(set(fit["b"])) > 1
    assert "is current" in study.snakemake("--config", "pilot=5")
    study.snakemake()
    rest = study.ran()
    assert len(rest) == 95
    assert not rest.keys() & first.keys()
    assert len(study.fit()) == 100
    assert "plan 2 is current" in study.snakemake("--config", "pilot=5")


@pytest.mark.parametrize("pilot", ["0", "-1", "many", "1.5", "true", "[3]"])
def test_bad_pilot_is_refused(study: Study, pilot: str) -> None:
    said = study.snakemake("-n", "--config", f"pilot={pilot}", ok=False)
    has(said, ["--config pilot", "is no number of tasks", "Write pilot=10."])


# values_from


def test_fine_grid_follows_what_the_coarse_one_found_and_the_code_it_found_it_with(
    study: Study,
) -> None:
    study.configure(FINE)
    said = study.snakemake()
    has(said, ["design.1.values_from finds no row of fit yet where y >= 20"])
    has(said, ["4 new tasks", "run snakemake again: values_from may find more sets"])
    assert len(study.ran()) == 4
    said = study.snakemake()
    assert "4 new tasks" in said
    assert study.ran() == {task_id({"a": a, "b": b}): 1 for a in (1, 2) for b in (100, 200)}
    assert "plan 2 is current" in study.snakemake()
    study.edit("scripts/model.py", 'params["a"] * params["b"]', '10 * (params["a"] - 1)')
    said = study.snakemake("--config", "on_change=rerun")
    has(said, ["scripts/model.py changed", "4 tasks taken out of the design"])
    assert study.fit() == [(1, 10, 0), (1, 20, 0), (2, 10, 10), (2, 20, 10)]
    study.edit("config/config.yaml", "y >= 20", "y >= 10")
    study.snakemake()
    assert {row[:2] for row in study.fit()} >= {(2, 100), (2, 200)}
    assert not {row[:2] for row in study.fit()} & {(1, 100), (1, 200)}


def test_sets_of_another_study_keep_their_values_and_types(study: Study, tmp_path: Path) -> None:
    study.edit("config/config.yaml", "b: [10, 20]", "b: [10, 2.5]")
    study.snakemake()
    other = Study(tmp_path / "other")
    other.write("scripts/model.py", (study.path / "scripts/model.py").read_text())
    other.configure("""\
        study: other
        design: {values_from: {study: ../study, metric: fit, where: "y > 2.5", columns: [a, b]}}
        task: {function: scripts/model.py:simulate, metrics: [fit]}
        chunks: {tasks: 3}
        """)
    other.snakemake()
    wanted = {task_id({"a": a, "b": b}) for a, b in ((1, 10), (2, 10), (2, 2.5))}
    assert set(other.ran()) == wanted
    assert "plan 1 is current" in other.snakemake("-n")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ('study: ../study, metric: fit, where: "y > 1000", columns: [a]',
         ["values_from.study", "no row of fit satisfies 'y > 1000'"]),
        ("study: ../nothing, metric: fit, columns: [a]",
         ["values_from.study", '"../nothing"', "holds no study that was planned"]),
        ("study: ../study, metric: ft, columns: [a]",
         ['values_from.metric = "ft"', "is no metric", "Did you mean fit?"]),
        ("study: ../study, metric: fit, columns: [aa]",
         ['values_from.columns = "aa"', "is no column of fit", "Did you mean a?"]),
        ('study: ../study, metric: fit, where: "z > 1", columns: [a]', ["z is no parameter here"]),
        ("metric: fti, columns: [a]", ['values_from.metric = "fti"', "Did you mean fit?"]),
        ('study: ../study, metric: fit, where: "y >", columns: [a]',
         ["values_from.where", "'y >' is no expression"]),
        ('study: ../study, metric: fit, where: "y + 1", columns: [a]',
         ["values_from.where", "is neither true nor false. Write a comparison."]),
        ('metric: fit, where: "y >", columns: [a]',
         ["values_from.where", "'y >' is no expression"]),
        ("study: ../study, metric: fit, columns: [task_id]",
         ['design = "task_id"', "is a reserved name"]),
        ("metric: fit, columns: [a]", ["declares no parameter set yet", "finds no row of fit yet"]),
    ],
)  # fmt: skip
def test_bad_values_from_is_refused(
    template: Study, tmp_path: Path, spec: str, words: list[str]
) -> None:
    other = Study(tmp_path / "other")
    other.write("scripts/model.py", (template.path / "scripts/model.py").read_text())
    spec = spec.replace("../study", str(template.path))
    other.configure(f"""\
        study: other
        design: {{values_from: {{{spec}}}}}
        task: {{function: scripts/model.py:simulate, metrics: [fit]}}
        """)
    said = other.planned(dry_run=False)
    assert said.startswith("snakestudy: config/config.yaml: design")
    has(said, [word.replace("../study", str(template.path)) for word in words])
    assert not (other.path / "results").exists()


# defaults


def test_parameter_with_a_default_is_added_changed_and_removed(finished: Study) -> None:
    original = (finished.path / "config/config.yaml").read_text()
    finished.edit("config/config.yaml", "    b:", "    p: [none, closed]\n    b:")
    finished.edit("config/config.yaml", "task:", "defaults: {p: none}\ntask:")
    said = finished.snakemake()
    assert "4 new tasks" in said
    new = {task_id({"a": a, "b": b, "p": "closed"}) for a in (1, 2) for b in (10, 20)}
    assert set(finished.ran()) == new
    fit = finished.table("fit")
    assert set(fit[~fit["task_id"].isin(new)]["p"]) == {"none"}
    assert set(fit[fit["task_id"].isin(new)]["p"]) == {"closed"}
    assert list(fit.columns) == ["task_id", "a", "p", "b", "y"]
    assert "is current" in finished.snakemake("-n")
    finished.edit("config/config.yaml", "defaults: {p: none}", "defaults: {p: closed}")
    said = finished.snakemake("-n", "--config", "on_change=stop", ok=False)
    assert "the default of p changed" in said
    finished.edit("config/config.yaml", "defaults: {p: closed}", "defaults: {p: none}")
    assert "is current" in finished.snakemake("-n")
    finished.write("config/config.yaml", original)
    finished.snakemake()
    assert not finished.ran()
    assert list(finished.table("fit").columns) == ["task_id", "a", "b", "y"]
    finished.edit("config/config.yaml", "    b:", "    p: [none, closed]\n    b:")
    finished.edit("config/config.yaml", "task:", "defaults: {p: none}\ntask:")
    finished.snakemake()
    assert not finished.ran()
    fit = finished.table("fit")
    assert sorted(fit[fit["task_id"].isin(new)]["p"]) == ["closed"] * 4


# labels, callables, where


def test_new_label_of_a_star_changes_tables_and_runs_nothing(study: Study) -> None:
    study.configure("""\
        study: small
        design: {star: {base: {a: 1, b: 10}, vary: {b: [20, 30]}, label: varied}}
        task: {function: scripts/model.py:simulate, metrics: [fit]}
        chunks: {tasks: 4}
        """)
    study.snakemake()
    assert len(study.ran()) == 3
    assert sorted(study.table("fit")["varied"]) == ["b", "b", "base"]
    study.edit("config/config.yaml", "label: varied", "label: what")
    study.snakemake()
    assert not study.ran()
    fit = study.table("fit")
    assert "varied" not in fit
    assert sorted(fit["what"]) == ["b", "b", "base"]
    study.edit("config/config.yaml", "vary: {b: [20, 30]}", "vary: {b: [20, 30], a: [2]}")
    assert "1 new task" in study.snakemake()
    assert len(study.ran()) == 1


def test_callable_is_called_again_if_its_code_or_a_file_it_names_changed(study: Study) -> None:
    study.write("resources/sets.csv", "1\n2\n")
    study.write(
        "scripts/design.py",
        """\
        def tasks():
            for line in open("resources/sets.csv"):
                yield {"a": int(line), "b": 1}
        """,
    )
    study.configure("""\
        study: small
        design: {python: scripts/design.py:tasks}
        task: {function: scripts/model.py:simulate, metrics: [fit]}
        chunks: {tasks: 3}
        """)
    study.snakemake()
    assert len(study.ran()) == 2
    study.edit("scripts/design.py", "def tasks():", "def tasks():  # the same")
    assert "plan 1 is current" in study.snakemake("-n")
    study.write("resources/sets.csv", "1\n2\n5\n")
    assert "1 new task" in study.snakemake()
    assert study.ran() == {task_id({"a": 5, "b": 1}): 1}
    study.edit("scripts/design.py", "yield", "raise")
    said = study.snakemake("-n", ok=False)
    has(said, ["design.python", "fails:", f'File "{study.path}/scripts/design.py", line 3'])


def test_sets_that_where_takes_out_come_back_without_running(finished: Study) -> None:
    finished.edit("config/config.yaml", "  grid:", '  where: "a * b > 15"\n  grid:')
    has(finished.snakemake(), ["1 set removed by design.where", "1 task taken out of the design"])
    assert len(finished.fit()) == 3
    finished.edit("config/config.yaml", '  where: "a * b > 15"\n', "")
    finished.snakemake()
    assert len(finished.fit()) == 4
    assert not finished.ran()


def test_lhs_with_another_n_says_that_it_draws_anew(study: Study) -> None:
    study.configure("""\
        study: small
        design: {sample: {n: 2, method: lhs, parameters: {a: {integers: [4, 9]}}}, grid: {b: 1}}
        task: {function: scripts/model.py:simulate, metrics: [fit]}
        chunks: {tasks: 3}
        """)
    study.snakemake()
    study.edit("config/config.yaml", "n: 2", "n: 3")
    said = study.snakemake("-n")
    has(said, ["lhs drew all points anew, as n changed from 2 to 3", "sobol, halton and random"])


# the verb


def test_design_tells_what_is_declared_and_what_is_new_and_writes_nothing(study: Study) -> None:
    study.configure("""\
        study: small
        design:
          - grid: {a: [1, 2], b: {range: [10, 20]}}
            where: "b < 18"
          - rows: [{a: 1, b: 10}, {a: 9, b: 1}]
        derive: {c: a + b}
        task: {function: scripts/model.py:simulate, metrics: [fit]}
        chunks: {tasks: 5}
        """)
    before = files(study)
    code, said = design(study, "--head", "2")
    assert code == 0
    assert said.splitlines() == [
        "small: 17 parameter sets",
        "  design.0: 16 = grid 20, 4 removed by where",
        "  design.1: 2 = rows 2",
        "  1 doubled set dropped",
        "  new 17, known 0",
        "  4 chunks of 4 to 5 tasks on 2 slots",
        "",
        "a   b   c",
        "1  10  11",
        "1  11  12",
        "... 15 more",
    ]
    assert files(study) == before
    study.snakemake()
    study.edit("config/config.yaml", "{a: 9, b: 1}", "{a: 9, b: 1}, {a: 5, b: 5}")
    before = files(study)
    code, said = design(study, "--by", "a")
    has(said, ["18 parameter sets", "new 1, known 17", "1 chunk of 1 task on 2 slots"])
    assert [line.split() for line in said.splitlines()[-5:]] == [
        ["a", "sets", "new"],
        ["1", "8", "0"],
        ["2", "8", "0"],
        ["9", "1", "0"],
        ["5", "1", "1"],
    ]
    assert files(study) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "aa"], ['--by = "aa"', "is no parameter", "Did you mean a?"]),
        (["--configfile", "no.yaml"], ["no.yaml", "cannot be read"]),
    ],
)
def test_misuse_of_the_verb_is_one_message(
    study: Study, arguments: list[str], words: list[str]
) -> None:
    code, said = design(study, *arguments)
    assert code == 1
    assert said.count("\n") == 1
    has(said, words)


def test_design_of_the_default_study_is_shown_at_once() -> None:
    study = Study(ROOT)
    code, said = design(study)
    has(said, ["flu-1978: 1,260 parameter sets", "= grid 63 x seeds 20", "beta  gamma  seed"])
    assert code == 0


def test_results_of_growing_designs_are_one_table(finished: Study) -> None:
    finished.edit("config/config.yaml", "    a: [1, 2]", "    a: [1, 2]\n    m.k: [[1, 2], {z: 1}]")
    finished.edit("config/config.yaml", "study: small", "study: small\ndefaults: {m.k: [1, 2]}")
    finished.snakemake()
    frame = pd.read_parquet(finished.path / "results/fit")
    assert sorted(frame["m.k"]) == ["[1, 2]"] * 4 + ['{"z": 1}'] * 4
