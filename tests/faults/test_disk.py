"""A disk that is full, files that may not grow, a folder that cannot be written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from kit import ROOT, Study, environment

BIG = """\
import os, random


def simulate(p):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{os.environ['STUDY_TASK_ID']}\\n")
    numbers = random.Random(p["seed"])
    return {"y": [numbers.random() for _ in range(20_000)]}
"""
SNAKEMAKE = f"{sys.executable} -m snakemake -s {ROOT / 'Snakefile'} --cores 2"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Eight tasks of 20,000 random rows, 160 kB each, in two chunks."""
    study = Study(tmp_path / "study")
    study.write("scripts/model.py", BIG)
    study.configure("""\
        study: big
        design: {seeds: 8}
        task: {function: scripts/model.py:simulate, inputs: [resources/data.bin], metrics: [fit]}
        chunks: {tasks: 4}
        on_failure: accept
        """)
    study.write("resources/data.bin", "x" * 200_000)
    return study


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple]:
    """What an undisturbed run ends with."""
    whole = study.__wrapped__(tmp_path_factory.mktemp("whole"))  # type: ignore[attr-defined]
    whole.snakemake()
    return rows(whole)


def rows(study: Study) -> list[tuple]:
    table = study.table("fit")[["task_id", "seed", "y"]]
    assert (study.table("metadata")["status"] == "success").all()
    return sorted(table.itertuples(index=False, name=None))


def limited(study: Study, line: str) -> str:
    """Snakemake under a limit, given as lines of bash before it; it has to fail."""
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-ec", f"{line}\nexec {SNAKEMAKE}"],
        cwd=study.path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode != 0, done.stdout
    return done.stdout


def finish(study: Study) -> Counter:
    """Run to the end without the limit, a second time for tasks that failed; what ran."""
    study.snakemake("--unlock", ok=None)
    study.ran()
    study.snakemake()
    study.snakemake()
    return study.ran()


@pytest.mark.parametrize("kilobytes", [100, 300, 500])
def test_files_that_may_not_grow_lose_nothing(
    study: Study, wanted: list[tuple], kilobytes: int
) -> None:
    """100 kB: inputs are not staged; 300 kB: no part of two tasks; 500 kB: no whole table."""
    if kilobytes == 100:  # each task fails; else the failures of their visits do
        study.edit("config/config.yaml", "on_failure: accept", "on_failure: continue")
    said = limited(study, f"ulimit -f {kilobytes}")
    assert "File too large" in said
    assert kilobytes == 100 or "ulimit -f" in said
    finish(study)
    assert rows(study) == wanted
    assert not list(study.path.glob("results/**/.*.parquet.*"))


def test_full_disk_is_told_and_loses_nothing(study: Study, wanted: list[tuple]) -> None:
    kept = study.path.parent / "kept"
    kept.mkdir()
    said = limited(
        study,
        f"""
        mkdir results
        mount -t tmpfs -o size=900k none results
        trap 'cp -a results/. {kept}' EXIT
        {SNAKEMAKE}
        exit 1
        """,
    )
    assert "No space left on device" in said
    assert "free some space" in said
    shutil.rmtree(study.path / "results")
    shutil.copytree(kept, study.path / "results", symlinks=True)
    finish(study)
    assert rows(study) == wanted


def test_folder_that_cannot_be_written_is_told_and_nothing_runs(
    study: Study, wanted: list[tuple]
) -> None:
    (study.path / "results").mkdir()
    said = limited(study, "mount --bind results results\nmount -o remount,ro,bind results")
    assert "Read-only file system" in said
    assert not study.ran()
    finish(study)
    assert rows(study) == wanted
