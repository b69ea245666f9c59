"""A study is the same under every locale: its texts are UTF-8."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from kit import SNAKEMAKE, Study, environment

from snakestudy.values import task_id

C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CONFIG = """\
    study: locales
    design: {grid: {site: [SITES]}}
    task:
      TASK
      env: {SITE: "{site}"}
      metrics: METRICS
    """
FUNCTION = """\
    import os


    def run(params):
        return {"told": params["site"], "env": os.environ["SITE"]}
    """


@pytest.fixture(scope="session")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a locale in which a byte is a letter."""
    if not shutil.which("localedef"):
        pytest.skip("no localedef here")
    places = tmp_path_factory.mktemp("locales")
    made = places / "de_DE.ISO-8859-1"
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(made)]
    if subprocess.run(command, capture_output=True).returncode or not made.is_dir():
        pytest.skip("no locale of ISO-8859-1 can be made here")
    return {"LC_ALL": made.name, "LOCPATH": str(places)}


@pytest.fixture(params=["C", "ISO-8859-1"])
def locale(request: pytest.FixtureRequest) -> dict[str, str]:
    return C if request.param == "C" else request.getfixturevalue("latin_1")


def snakemake(study: Study, locale: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [*SNAKEMAKE, "--cores", "2", *arguments],
        cwd=study.path,
        env={**environment(), **locale},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, output
    return output


def configure(study: Study, task: str, metrics: str, sites: str) -> None:
    text = CONFIG.replace("TASK", task).replace("METRICS", metrics).replace("SITES", sites)
    study.configure(text)


@pytest.mark.parametrize(
    ("task", "metrics"),
    [
        ('function: "scripts/model.py:run"', "[result]"),
        (
            """command: printf 'told\\tenv\\n%s\\t%s\\n' {site} "$SITE" > out.tsv""",
            "{result: out.tsv}",
        ),
        (
            """command: [bash, -c, 'printf "told\\tenv\\n%s\\t%s\\n" "$1" "$SITE" > out.tsv', x,
            "{site}"]""",
            "{result: out.tsv}",
        ),
    ],
    ids=["function", "line", "list"],
)
def test_texts_are_the_same_in_every_locale(
    study: Study, locale: dict[str, str], task: str, metrics: str
) -> None:
    study.write("scripts/model.py", FUNCTION)
    configure(study, task, metrics, "Köln")
    study.snakemake()
    assert "plan 1 is current" in snakemake(study, locale, "-n")
    configure(study, task, metrics, "Köln, Zürich, 北京")
    output = snakemake(study, locale)
    assert "2 new tasks" in output
    table = study.table("result")
    assert sorted(table["site"]) == ["Köln", "Zürich", "北京"]
    assert table["told"].tolist() == table["env"].tolist() == table["site"].tolist()
    assert table["task_id"].tolist() == [task_id({"site": site}) for site in table["site"]]
    for verb in (["status"], ["design"]):
        said = subprocess.run(
            [SNAKEMAKE[0], "-m", "snakestudy", *verb],
            cwd=study.path,
            env={**environment(), **locale},
            capture_output=True,
        )
        assert said.returncode == 0, said.stderr
    assert "北京" in said.stdout.decode()


def test_command_line_is_utf8_in_every_locale(study: Study, locale: dict[str, str]) -> None:
    study.write("scripts/model.py", FUNCTION)
    configure(study, 'function: "scripts/model.py:run"', "[result]", "x")
    snakemake(study, locale, "--config", "design={grid: {site: [Köln]}}")
    assert study.table("result")["site"].tolist() == ["Köln"]


def test_file_that_the_locale_cannot_name_has_a_message(
    study: Study, locale: dict[str, str]
) -> None:
    study.write("resources/Köln.dat", "1")
    study.write("scripts/model.py", FUNCTION)
    configure(
        study,
        'function: "scripts/model.py:run"\n      inputs: [resources/Köln.dat]',
        "[result]",
        "x",
    )
    done = subprocess.run(
        [*SNAKEMAKE, "--cores", "1"],
        cwd=study.path,
        env={**environment(), **locale},
        capture_output=True,
    )
    message = done.stderr.decode(errors="replace")
    assert done.returncode == 1
    assert "Traceback" not in message
    assert "PYTHONUTF8=1" in message
    snakemake(study, {**locale, "PYTHONUTF8": "1"})
    assert Path(study.path, "results/outcome.json").exists()
