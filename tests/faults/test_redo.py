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


def test_redo_that_was_only_planned_is_counted_when_the_study_has_grown(study: Study) -> None:
    study.snakemake()
    study.snakemake("--config", "redo=a == 2", "--until", "plan")
    study.ran()
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    assert "to run: 4 tasks in 2 chunks (00001, 00002)" in study.planned()
    study.snakemake()
    ran = {task_id({"a": a, "b": b}): 1 for a in (2, 4) for b in (10, 20)}
    assert study.ran() == ran


@pytest.mark.parametrize("arguments", [[], ["--config", "retry=all"]])
def test_task_that_failed_under_two_codes_is_tried_again_once_it_is_mended(
    study: Study, arguments: list[str]
) -> None:
    study.edit("config/config.yaml", "a: [1, 2]", "a: [3]")
    for old, new in (("three is", "3 is"), ("3 is", "THREE is")):
        study.snakemake(ok=False)
        study.edit("scripts/model.py", old, new)
    assert "the next snakemake tries them again" in study.snakemake(ok=False)
    study.ran()
    study.write("fixed", "")
    study.snakemake(*arguments)
    assert study.fit() == [(3, 10, 30), (3, 20, 60)]
    assert set(study.ran().values()) == {1}


@pytest.mark.parametrize(
    ("redo", "words"),
    [
        ("a > 5", ['"a > 5"', "holds for no parameter set"]),
        ("c > 5", ["c is no parameter here", "Known: a, b."]),
        ("a +", ["is no expression"]),
        ("a", ["neither true nor false"]),
        ("7", ["neither true nor false"]),
    ],
)
def test_bad_redo_is_refused_before_anything_runs(
    study: Study, redo: str, words: list[str]
) -> None:
    said = study.snakemake("--config", f"redo={redo}", ok=False)
    assert [word for word in words if word not in said] == [], said
    assert not (study.path / "results").exists()
