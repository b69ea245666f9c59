"""`--config redo`: chosen tasks run once more, the others stay."""

from __future__ import annotations

import pytest
from kit import Study

from snakestudy.values import task_id


def test_redo_runs_the_chosen_tasks_once_more_and_no_others(study: Study) -> None:
    study.snakemake()
    study.ran()
    dry = study.snakemake("-n", "--config", "redo=a > 1 and b == 10")
    assert "redo: 1 task with a > 1 and b == 10 run again" in dry
    assert "to run: 1 task in 1 chunk" in dry
    assert not study.ran()
    study.snakemake("--config", "redo=a > 1 and b == 10")
    assert study.ran() == {task_id({"a": 2, "b": 10}): 1}
    assert study.fit() == [(1, 10, 10), (1, 20, 20), (2, 10, 20), (2, 20, 40)]
    plans = study.table("metadata").set_index("task_id")["plan"]
    assert plans[task_id({"a": 2, "b": 10})] == 2
    assert sorted(plans) == [1, 1, 1, 2]
    assert "plan 2 is current" in study.snakemake()
    assert not study.ran()


def test_redo_that_was_only_planned_goes_on_without_being_asked_again(study: Study) -> None:
    study.snakemake()
    study.ran()
    study.snakemake("--config", "redo=a == 2", "--until", "plan")
    assert not study.ran()
    study.snakemake()
    assert study.ran() == {task_id({"a": 2, "b": b}): 1 for b in (10, 20)}


@pytest.mark.parametrize(
    ("redo", "words"),
    [
        ("a > 5", ['"a > 5"', "holds for no parameter set"]),
        ("c > 5", ["c is no parameter here", "Known: a, b."]),
        ("a +", ["is no expression"]),
        ("a", ["neither true nor false"]),
        ("7", ["is no expression", "Write R0 > 3."]),
    ],
)
def test_bad_redo_is_refused_before_anything_runs(
    study: Study, redo: str, words: list[str]
) -> None:
    said = study.snakemake("--config", f"redo={redo}", ok=False)
    assert [word for word in words if word not in said] == [], said
    assert not (study.path / "results").exists()
