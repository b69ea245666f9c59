"""`python -m snakestudy prune`: lists first, removes only what no active task needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit import Study

from snakestudy.values import task_id


@pytest.fixture
def shrunk(study: Study) -> Study:
    """A study with run directories, from which one chunk and half of another were taken."""
    study.edit("config/config.yaml", "chunks:", "run_dirs: keep\nchunks:")
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    study.snakemake()
    study.edit("config/config.yaml", "  grid:", '  where: "a + b < 20"\n  grid:')
    study.edit("config/config.yaml", "a: [1, 2, 4]", "a: [1, 2]")
    study.snakemake()
    study.ran()
    return study


def files(study: Study) -> set[Path]:
    return {path for path in study.path.rglob("*") if "__pycache__" not in path.parts}


def numbers(said: str) -> list[int]:
    """Of inactive tasks, chunks and run directories."""
    tasks, *others = (line.split() for line in said.splitlines()[1:4])
    return [int(tasks[-1]), *(int(words[-2]) for words in others)]


def test_prune_lists_and_removes_nothing_without_yes(shrunk: Study) -> None:
    before = files(shrunk)
    said = shrunk.verb("prune")
    assert numbers(said) == [4, 1, 4]
    assert "nothing was removed; --yes removes it for good" in said
    assert files(shrunk) == before


def test_prune_removes_what_no_active_task_needs_and_the_study_goes_on(shrunk: Study) -> None:
    fit = shrunk.fit()
    assert "removed" in shrunk.verb("prune", "--yes")
    left = {path.name for path in shrunk.path.glob("runs/??/*")}
    active = {task_id({"a": a, "b": 10}) for a in (1, 2)}
    assert left == active
    assert numbers(shrunk.verb("prune")) == [0, 0, 0]
    assert "is current" in shrunk.snakemake()
    assert "nothing missing, nothing wrong" in shrunk.snakemake("check")
    assert shrunk.fit() == fit
    assert not shrunk.ran()
    shrunk.edit("config/config.yaml", '  where: "a + b < 20"\n', "")
    shrunk.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    shrunk.snakemake()
    gone = {task_id({"a": a, "b": b}) for a in (1, 2, 4) for b in (10, 20)} - active
    assert shrunk.ran() == dict.fromkeys(gone, 1)
    assert len(shrunk.fit()) == 6
    assert "nothing missing, nothing wrong" in shrunk.snakemake("check")


def test_prune_of_a_study_that_needs_all_it_has_removes_nothing(study: Study) -> None:
    study.snakemake()
    before = files(study)
    study.verb("prune", "--yes")
    assert files(study) == before
    assert "is current" in study.snakemake("-n")
