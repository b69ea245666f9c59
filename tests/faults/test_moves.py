"""A study that is copied, zipped, cloned or put out of time goes on without computing again."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kit import ROOT, Study

from snakestudy.values import task_id

GONE = task_id({"a": 2, "b": 20})


@pytest.fixture
def unfinished(study: Study) -> Study:
    """Two chunks: one done, with run directories; one task of the other failed and was mended."""
    study.write("resources/data.txt", "1")
    study.edit("config/config.yaml", "  metrics:", "  inputs: [resources/data.txt]\n  metrics:")
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 3]")
    study.snakemake(ok=False)
    study.write("fixed", "")
    study.ran()
    return study


def without_times(old: Path, new: Path) -> None:
    shutil.copytree(old, new, symlinks=True, copy_function=shutil.copyfile)


def in_random_order(old: Path, new: Path) -> None:
    """As without_times, each file written at another time."""
    without_times(old, new)
    for path in new.rglob("*"):
        when = time.time() - random.Random(str(path)).uniform(0, 1e6)
        os.utime(path, (when, when), follow_symlinks=False)


def zipped(old: Path, new: Path) -> None:
    archive = shutil.make_archive(str(new.parent / "archive"), "zip", old)
    shutil.unpack_archive(archive, new)


def cloned(old: Path, new: Path) -> None:
    own = ["git", "-c", "user.name=N", "-c", "user.email=e@x", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "--all", "--force"], ["commit", "-qm", "all"]):
        subprocess.run([*own, *command], cwd=old, check=True)
    subprocess.run([*own, "clone", "-q", str(old), str(new)], check=True)


def without_snakemakes_records(old: Path, new: Path) -> None:
    shutil.copytree(old, new, symlinks=True)
    shutil.rmtree(new / ".snakemake")


def from_the_future(old: Path, new: Path) -> None:
    """The clock jumped back by a day: all that is there is younger than now."""
    shutil.copytree(old, new, symlinks=True)
    for path in new.rglob("*"):
        when = path.lstat().st_mtime + 86_400
        os.utime(path, (when, when), follow_symlinks=False)


WAYS = [without_times, in_random_order, zipped, cloned, without_snakemakes_records, from_the_future]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_study_goes_on_elsewhere(
    unfinished: Study, tmp_path: Path, way: Callable[[Path, Path], None]
) -> None:
    way(unfinished.path, tmp_path / "elsewhere")
    study = Study(tmp_path / "elsewhere")
    shutil.rmtree(unfinished.path)
    study.snakemake()
    failed = {task_id({"a": 3, "b": b}) for b in (10, 20)}
    assert study.ran() == dict.fromkeys(failed, 1)
    assert len(study.fit()) == 6
    assert "is current" in study.snakemake()
    study.edit("config/config.yaml", "a: [1, 2, 3]", "a: [1, 2, 3, 5]")
    study.snakemake()
    assert set(study.ran()) == {task_id({"a": 5, "b": b}) for b in (10, 20)}
    assert study.fit() == [(a, b, a * b) for a in (1, 2, 3, 5) for b in (10, 20)]
    assert "nothing missing, nothing wrong" in study.snakemake("check")


@pytest.mark.parametrize(
    "lost",
    ["results/plan", "results/.store", "results/plan/chunks", "results/.store/records",
     "results/fit", "results/metadata", "results/tasks.parquet", ".snakemake", "logs"],
)  # fmt: skip
def test_what_was_deleted_is_made_again_without_running_a_task(study: Study, lost: str) -> None:
    study.snakemake()
    wanted = study.fit()
    study.ran()
    path = study.path / lost
    path.unlink() if path.is_file() else shutil.rmtree(path)
    study.snakemake()
    assert not study.ran()
    assert study.fit() == wanted
    assert "nothing missing, nothing wrong" in study.snakemake("check")


def test_clock_that_jumps_back_while_jobs_run_stops_none_of_them(study: Study) -> None:
    """As it looks from then on: all that was published before lies in the future."""
    study.edit(
        "scripts/model.py",
        "    if params",
        "    results = Path(os.environ['STUDY_DIR'], 'results')\n"
        "    for path in [p for p in results.rglob('[!.]*') if p.stat().st_mtime < 2e9]:\n"
        "        os.utime(path, (2e9, 2e9))\n"
        "    if params",
    )
    # One visit after the other: the clock does not jump again for each of them.
    study.snakemake("--cores", "1")
    assert len(study.fit()) == 4
    assert set(study.ran().values()) == {1}
    assert "is current" in study.snakemake()


def test_configuration_that_breaks_while_jobs_queue_stops_none_of_them(study: Study) -> None:
    study.edit("config/config.yaml", "{tasks: 2}", "{tasks: 1}")
    study.edit("config/config.yaml", "a: [1, 2]", "a: {range: [10, 14]}")
    study.edit(
        "scripts/model.py",
        "    if params",
        "    with open(os.environ['STUDY_DIR'] + '/config/config.yaml', 'w') as file:\n"
        "        file.write('design: [broken')\n"
        "    if params",
    )
    study.snakemake()
    assert len(study.fit()) == 8
    assert "config/config.yaml: line 1" in study.snakemake(ok=False)


UPDATE = """
def update():
    if (template / "updated").exists():
        return
    (template / "updated").touch()
    for path in [*template.rglob("*.py"), *template.rglob("*.smk"), template / "Snakefile"]:
        path.write_text(path.read_text() + "\\n\\n# of a newer version\\n")
    rule = template / "workflow/rules/run.smk"
    rule.write_text(rule.read_text().replace("    params:", "    params:\\n        newer=1,"))
"""


@pytest.mark.parametrize("number", [1, 3])
def test_template_update_in_the_middle_of_a_study_runs_no_task_again(
    study: Study, tmp_path: Path, number: int
) -> None:
    """Files of the template, a rule's params too, change while the task of this number runs."""
    template = tmp_path / "template"
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, template / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", template)
    study.edit("config/config.yaml", "{tasks: 2}", "{tasks: 1}")
    text = (study.path / "scripts/model.py").read_text()
    path = f"template = Path({str(template)!r})\n"
    study.write("scripts/model.py", text.replace("\n\n\ndef", f"\n\n{path}{UPDATE}\n\ndef"))
    study.edit(
        "scripts/model.py",
        "    if params",
        "    if len(open(os.environ['STUDY_DIR'] + '/ran.txt').readlines()) >= "
        f"{number}:\n        update()\n    if params",
    )
    new = ("-s", str(template / "Snakefile"))
    study.snakemake(*new)
    assert (template / "updated").exists()
    assert sorted(study.ran().values()) == [1] * 4
    assert "is current" in study.snakemake(*new)
    assert "Nothing to be done" in study.snakemake(*new, "-n")
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 5]")
    study.snakemake(*new)
    assert len(study.ran()) == 2
    assert study.fit() == [(a, b, a * b) for a in (1, 2, 5) for b in (10, 20)]
