"""Run directories on other storage."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from kit import Study


@pytest.fixture
def scratch(tmp_path: Path, study: Study) -> Path:
    study.edit("config/config.yaml", "study: small\n", "study: small\nrun_dirs: keep\n")
    return tmp_path / "scratch"


def set_root(study: Study, root: object) -> None:
    study.edit("config/config.yaml", "study: small\n", f"study: small\nruns_root: {root}\n")


def test_run_directories_lie_there_and_all_else_here(study: Study, scratch: Path) -> None:
    set_root(study, scratch)
    study.snakemake("-n")
    assert not scratch.exists(), "a dry run writes nothing"
    study.snakemake()
    assert study.fit() == [(1, 10, 10), (1, 20, 20), (2, 10, 20), (2, 20, 40)]
    assert os.readlink(study.path / "runs") == str(scratch / "small")
    assert len(list((scratch / "small").glob("[0-9a-f][0-9a-f]/*/params.json"))) == 4
    study.ran()
    study.snakemake()
    assert not study.ran()


def test_scratch_that_was_emptied_is_made_again(study: Study, scratch: Path) -> None:
    set_root(study, scratch)
    study.snakemake()
    shutil.rmtree(scratch)
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    study.snakemake()
    assert len(study.fit()) == 6
    assert len(list((scratch / "small").glob("[0-9a-f][0-9a-f]/*/params.json"))) == 2


def refused(study: Study, text: str) -> None:
    assert text in study.planned(dry_run=False)
    assert not (study.path / "runs").is_symlink()
    assert not (study.path / "results").exists(), "nothing was written"


def test_run_directories_that_are_here_already_are_not_lost_from_sight(
    study: Study, scratch: Path
) -> None:
    study.snakemake()
    set_root(study, scratch)
    said = study.snakemake(ok=False)
    assert "there are run directories in runs already" in said
    assert f"mkdir -p {scratch} && mv runs {scratch}/small" in said
    scratch.mkdir()
    (study.path / "runs").rename(scratch / "small")
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    study.snakemake()
    assert len(list((study.path / "runs").glob("[0-9a-f][0-9a-f]/*/params.json"))) == 6


def test_another_root_later_is_refused(study: Study, scratch: Path) -> None:
    set_root(study, scratch)
    study.snakemake()
    study.edit("config/config.yaml", str(scratch), f"{scratch}2")
    assert f"runs leads to {scratch}/small" in study.planned(dry_run=False)


def test_place_of_another_study_is_refused(study: Study, scratch: Path, tmp_path: Path) -> None:
    set_root(study, scratch)
    study.snakemake()
    other = Study(tmp_path / "other")
    for name in ("config/config.yaml", "scripts/model.py"):
        other.write(name, (study.path / name).read_text())
    refused(other, f"has the run directories of the study in {study.path}")


@pytest.mark.parametrize(
    ("root", "problem"),
    [
        ("scratch/me", "is not absolute"),
        ("$NOT_SET_HERE/runs", "has a variable that is not set"),
    ],
)
def test_root_that_is_no_place_is_refused(study: Study, root: str, problem: str) -> None:
    set_root(study, root)
    refused(study, f'runs_root = "{root}": {problem}')
