"""One value that looks like several is refused, with the spelling of either meaning."""

from __future__ import annotations

from typing import Any

import pytest
from designs import design, refused, rows
from kit import Study

from snakestudy.values import task_id


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        ("1, 2, 3", "[1, 2, 3]"),
        ("1,2", "[1, 2]"),
        ("0.1; 1e-3 ;-2.", "[0.1, 1e-3, -2.]"),
        ("[1, 2]", "[1, 2]"),
        ("(1, 2)", "[1, 2]"),
        ("[a, b]", "a list ([1, 2])"),
        ("[1]", "a list"),
        ("[]", "a list"),
        ("1..5", "{range: [start, stop, step]}"),
        ("np.linspace(0,1,5)", "{linspace: [start, stop, number]}"),
        ("numpy.logspace(0, 1, 5)", "{linspace"),
        ("range(10)", "{range"),
        ("list(range(10))", "{range"),
        ("np.arange(0, 1, 0.1)", "{range"),
        ("seq(0, 1, by = 0.1)", "{range"),
        ("np.random.uniform(0, 1, 9)", "{linspace"),
        ("choice(a, b)", "a list"),
        ({"values": [0, 1]}, "a list"),
        ({"values": "0, 1"}, "a list"),
        ({"choice": ["a", "b"]}, "a list"),
        ({"uniform": [0, 1]}, "`sample`"),
        ({"min": 0, "max": 1}, "{linspace"),
        ({"start": 0, "stop": 1, "num": 5}, "{linspace"),
        ({"from": 0, "to": 1, "step": 5}, "{range"),
        ({"lr": [0.1, 0.01]}, "NAME.lr: [...]"),
        ({"k": 1, "opt": {"lr": {"linspace": [0, 1, 2]}}}, "NAME.opt.lr.linspace: [...]"),
    ],
)
@pytest.mark.parametrize("kind", ["grid", "zip", "star"])
def test_one_value_that_looks_like_several_is_refused(value: Any, spelling: str, kind: str) -> None:
    vary = {"base": {"x": 0}, "vary": {"x": value}}
    message = refused({kind: vary if kind == "star" else {"x": value}})
    assert f"design.{kind}.{'vary.' * (kind == 'star')}x = " in message
    assert "looks like several" in message
    assert f"Write {spelling}" in message or spelling in message
    assert "{value: " in message
    kept = design({"grid": {"x": {"value": value}}})
    assert kept.ids == [task_id({"x": value})]
    assert rows(design({"rows": [{"x": value}]})) == rows(kept) == [(value,)]


@pytest.mark.parametrize(
    "value",
    [
        *("sin(x)", "f(1, 2)", "log(x) + 1", "x, y", "a,b", "1 2 3", "(0 0 -9.81)", "[0-9]+"),
        *("12:30:00", "2024-01-01", "1-5", "v1.2", "1e-3 m", "lr=0.1,decay=0", "Köln, Bonn"),
        *({"n": 10}, {"log": True}, {"max": 5}, {"value": 1, "unit": "m"}, {"from": "a"}),
        {"min": 0, "max": 1, "wrap": True},
    ],
)
def test_text_or_mapping_that_looks_like_one_value_is_one(value: Any) -> None:
    assert rows(design({"grid": {"x": value}})) == [(value,)]


def test_range_within_a_list_is_refused() -> None:
    message = refused({"grid": {"x": [0, {"linspace": [1, 2, 5]}]}})
    assert "has a range among its values" in message


@pytest.mark.parametrize("value", [[1, 2], {"value": 1}, {"linspace": [0, 1, 2]}, "1, 2", None])
def test_value_is_one_value_whatever_it_is(value: Any) -> None:
    assert rows(design({"grid": {"x": {"value": value}, "y": [1, 2]}})) == [(value, 1), (value, 2)]


def test_study_that_has_such_a_value_goes_on_with_it(study: Study) -> None:
    study.write("scripts/model.py", "def run(p):\n    return {'y': len(p['x'])}\n")
    text = """\
        study: lists
        design: DESIGN
        task: {function: "scripts/model.py:run"}
        """
    study.configure(text.replace("DESIGN", "{rows: [{x: '1, 2'}]}"))
    study.snakemake()
    study.configure(text.replace("DESIGN", "{grid: {x: '1, 2'}}"))
    assert 'Write [1, 2]; or {value: "1, 2"}' in study.planned()
    study.configure(text.replace("DESIGN", "{grid: {x: {value: '1, 2'}}}"))
    assert "plan 1 is current" in study.planned()
