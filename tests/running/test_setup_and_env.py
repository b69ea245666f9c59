"""Placeholders in `setup`, and $NAME in `env`: as a task has them, or refused before it runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kit import Study

from snakestudy.config.bash import setup_text, unknown_in_setup
from snakestudy.config.inputs import check_task
from snakestudy.config.resolve import resolve
from snakestudy.config.study import Task
from snakestudy.config.templates import fill_with_variables
from snakestudy.errors import UserError
from snakestudy.values import as_text

VALUES = {"x": "a b'\"$HOME`id`", "n": 3, "threads": 4, "task_id": "0123", "model.rate": 0.5}


def task(**keys: Any) -> Task:
    section = {"command": ["true"], **keys}
    config = {"study": "s", "design": {"seeds": 1}, "task": section}
    return Task.of(resolve("c.yaml", config)["steps"][0])


def refused(**keys: Any) -> str:
    with pytest.raises(UserError) as caught:
        check_task(task(**keys), VALUES)
    return str(caught.value)


@pytest.mark.parametrize(
    ("setup", "printed"),
    [
        ("printf %s {threads}", "4"),
        ("printf %s {x}", VALUES["x"]),
        ("printf %s '{x}' \"{x}\"", 2 * VALUES["x"]),
        ("printf %s {model.rate}-{n}", "0.5-3"),
        ("n={n}; printf %s $((n + 1))", "4"),
        ("n=7; printf %s ${n} ${n:-8} ${#n}", "771"),
        ('f() { printf %s "$1"; }; f {n}', "3"),
        ("printf %s {1,2} {a..c}", "12abc"),
        ("echo k | awk '{print}' | tr -d '\\n'", "k"),
        ("printf %s '{{n}}' \\{n\\}", "{{n}}{n}"),
        ("n=7; cat <<END\n{n} ${n} { }\nEND\n", "3 7 { }\n"),
        ("# {nothing}\nprintf %s 1", "1"),
    ],
)
def test_setup_has_placeholders_and_is_bash(setup: str, printed: str) -> None:
    assert not unknown_in_setup(setup, VALUES)
    text, variables = setup_text(setup, frozenset(VALUES))
    env = {**os.environ, **{name: as_text(VALUES[key]) for key, name in variables.items()}}
    done = subprocess.run(["bash", "-euc", text], env=env, capture_output=True, encoding="utf-8")
    assert done.stdout == printed, done.stderr


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"setup": "export N={thread}"}, ["task.setup", "{thread} is no parameter", "threads?"]),
        ({"setup": "echo $(({n} + 1))"}, ["task.setup", "stands in arithmetic"]),
        ({"env": {"X": "{thread}"}}, ["task.env.X", "{thread} is no parameter"]),
        ({"env": {"X": "$NO_SUCH/x"}}, ["task.env.X", "$NO_SUCH is not set here", "$$"]),
        ({"env": {"X": "${NO_SUCH}"}}, ["task.env.X", "$NO_SUCH is not set here"]),
        ({"env": {"X": "${{NO_SUCH}}"}}, ["task.env.X", "$NO_SUCH is not set here"]),
        ({"env": {"X": "{x"}}, ["task.env.X", "single brace"]),
    ],
)
def test_unknown_names_are_refused_before_anything_runs(
    keys: dict[str, Any], words: list[str]
) -> None:
    message = refused(**keys)
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(
    "value",
    ["$PATH", "$STUDY_DIR/lib", "$SLURM_JOB_ID", "$TMPDIR", "$$NO", "5$", "{{n}}", "a$ b", "$1"],
)
def test_what_a_job_may_have_is_let_through(value: str) -> None:
    check_task(task(env={"X": value}), VALUES)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("/opt/{n}/bin:$PATH", "/opt/3/bin:/bin:/usr/bin"),
        ("${PATH}:${{PATH}}", "/bin:/usr/bin:/bin:/usr/bin"),
        ("{x}", VALUES["x"]),
        ("$$PATH $ 5$ {{n}} $9", "$PATH $ 5$ {n} $9"),
        ("$PATHS", None),
    ],
)
def test_value_of_env_is(template: str, value: str | None) -> None:
    found = {"PATH": "/bin:/usr/bin"}
    if value is None:
        with pytest.raises(UserError, match=r"\$PATHS is not set here"):
            fill_with_variables(template, VALUES, found)
        return
    assert fill_with_variables(template, VALUES, found) == value


@pytest.mark.parametrize(
    "kind", ["command: tool", "command: [tool]", "function: 'scripts/m.py:run'"]
)
def test_path_of_env_is_where_programs_are_looked_for(
    study: Study, tmp_path: Path, kind: str
) -> None:
    tool = study.write(
        "tools/tool", '#!/bin/sh\nprintf \'x,path\\n%s,%s\\n\' "$X" "$PATH" > out.csv\n'
    )
    tool.chmod(0o755)
    study.write(
        "scripts/m.py",
        """\
        import csv, subprocess


        def run(params):
            subprocess.run(["tool"], check=True)
            return list(csv.DictReader(open("out.csv")))
        """,
    )
    metrics = "[y]" if "function" in kind else "{y: out.csv}"
    study.configure(f"""\
        study: paths
        design: {{grid: {{a: [1, 2, 3]}}}}
        task:
          {kind}
          env: {{PATH: "$STUDY_DIR/tools:$PATH", X: "{{a}}$$"}}
          metrics: {metrics}
        """)
    study.snakemake("--cores", "1")
    table = study.table("y")
    assert table["x"].tolist() == [f"{a}$" for a in table["a"]]
    assert {path.count("/tools:") for path in table["path"]} == {1}


def test_setup_of_a_run_has_the_values_of_its_task(study: Study) -> None:
    study.configure("""\
        study: setups
        design: {grid: {a: [1, 2]}}
        task:
          setup: export N={a}; M={threads}
          command: printf 'n,m,a\\n%s,%s,%s\\n' $N $M {a} > out.csv
          metrics: {y: {path: out.csv, reader: "scripts/model.py:read"}}
        """)
    study.write(
        "scripts/model.py",
        """\
        import csv


        def read(path):
            return [{"n": int(row["n"])} for row in csv.DictReader(open(path))]
        """,
    )
    study.snakemake()
    assert study.table("y")["n"].tolist() == study.table("y")["a"].tolist()
    study.edit("config/config.yaml", "{threads}", "{thread}")
    study.edit("config/config.yaml", "[1, 2]", "[1, 2, 3]")
    assert "task.setup" in study.planned()
    assert "{thread} is no parameter" in study.planned()
