"""`status` of a study in work."""

from __future__ import annotations

import fcntl
import re

import pytest
from kit import CONFIG, Study


@pytest.fixture
def in_work(study: Study) -> Study:
    """One chunk with two successes, and two failures that a plan tries again; not visited yet."""
    study.configure(CONFIG.replace("[1, 2]", "[1, 3]").replace("tasks: 2", "tasks: 4"))
    study.snakemake(ok=False)
    study.snakemake("--until", "plan")
    return study


def count(said: str, what: str) -> int:
    return int(re.search(rf"{what}:? (\d+)", said)[1])


def test_tasks_of_a_chunk_in_work_are_counted_once(in_work: Study) -> None:
    said = in_work.verb("status")
    counts = {what: count(said, what) for what in ("success", "failure", "pending")}
    assert counts == {"success": 2, "failure": 2, "pending": 0}


def test_chunk_is_visited_while_its_lock_is_held(in_work: Study) -> None:
    said = in_work.verb("status")
    assert (count(said, "unfinished"), count(said, "visited now")) == (1, 0)
    with (in_work.path / "results/.store/00000/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = in_work.verb("status")
    assert (count(said, "unfinished"), count(said, "visited now")) == (1, 1)
