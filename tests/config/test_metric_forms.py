"""Metrics: names of columns, paths with placeholders; what no task could have is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_config import task

from snakestudy.config.inputs import check_task
from snakestudy.config.study import Metric, Task
from snakestudy.errors import UserError


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"path": "a.dat", "columns": ["x", "t"]}, ['columns = "x"', "is a parameter, too"]),
        ("o/{y}/a.csv", ["path", "{y} is no parameter"]),
        ("o/{x/a.csv", ["path", "single brace"]),
    ],
)
def test_metric_that_no_task_could_have_is_refused(metric: Any, words: list[str]) -> None:
    found = Task.of(task(metrics={"m": metric}))
    with pytest.raises(UserError) as caught:
        check_task(found, ["x"])
    assert str(caught.value).startswith("task.metrics.m.")
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "path", ["a.dat", "a.csv", "a.tsv.gz", "out/{x}/a.csv", "*_{task_id}.npy", "a{{b}}.txt"]
)
def test_columns_may_be_named_where_a_file_may_have_no_names(path: str) -> None:
    found = Task.of(task(metrics={"m": {"path": path, "columns": ["t", "y"]}}))
    check_task(found, ["x"])
    assert found.metrics[0].columns == ("t", "y")
    assert Task.of(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ({"path": "a.dat", "reader": "r.py:f"}, "does not go with reader"),
        ({"path": "a.dat", "regex": "(?P<e>.)"}, "does not go with regex"),
        ({"path": "a.json"}, "does not go with a file of kind .json"),
        ({"path": "a.parquet.gz"}, "which names its columns itself"),
    ],
)
def test_columns_are_refused_where_names_come_from_elsewhere(metric: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        task(metrics={"m": {**metric, "columns": ["t"]}})
    with pytest.raises(UserError, match="is doubled"):
        task(metrics={"m": {"path": "a.dat", "columns": ["t", "t"]}})


def test_metric_without_columns_is_stored_as_before() -> None:
    stored = Metric.of({"name": "m", "path": "a.csv"}).to_json()
    assert list(stored) == ["name", "path", "regex", "match", "reader"]
