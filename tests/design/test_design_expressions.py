"""Formulas and `where` over parameter sets: which set fails, and why."""

from __future__ import annotations

import pytest
from designs import design, has, refused


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"derive": {"d": "1 / (a - 2)"}}, ["derive.d", "gives inf", '{"a": 2, "t": 1}']),
        ({"derive": {"d": "log(a - 3)"}}, ["derive.d", "gives nan", '{"a": 1, ', "2 other sets"]),
        ({"derive": {"d": "t + 1"}}, ["derive.d", "fails", '{"a": 3, "t": "x"}']),
        ({"derive": {"d": "d + 1"}}, ['derive.d = "d + 1"', "reads what it writes"]),
        ({"derive": {"d": "e", "e": "f", "f": "d"}}, ['["d", "e", "f"]', "in a circle"]),
    ],
)
def test_expression_that_cannot_be_computed_says_for_which_set(
    more: dict, words: list[str]
) -> None:
    has(refused({"zip": {"a": [1, 2, 3], "t": [1, 1, "x"]}}, **more), words)


@pytest.mark.parametrize(
    "formula", ["isnan(a)", "isfinite(a)", "sqrt(a)", "a + 1", "not a", "a < 1"]
)
def test_formula_of_nothing_but_nulls_is_null(formula: str) -> None:
    found = design({"grid": {"a": [None], "b": [1, 2]}}, derive={"r": formula})
    assert found.columns["r"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("1 // a", ["derive.d", "by zero", 'for {"a": 0}']),
        ("5 % a", ["derive.d", "by zero", 'for {"a": 0}']),
        ("where(a > 1)", ["derive.d", "'where(a > 1)' fails"]),
        ("sqrt()", ["derive.d", "'sqrt()' fails"]),
        ("2 ** -a", ["derive.d", "Integers to negative integer powers are not allowed"]),
        ("where(a > 1, 'x', 1)", ["derive.d", "fails"]),
    ],
)
def test_formula_that_fails_says_why(formula: str, words: list[str]) -> None:
    has(refused({"grid": {"a": [2, 0]}}, derive={"d": formula}), words)


def test_where_that_fails_for_some_sets_says_for_which() -> None:
    block = {"zip": {"a": [1, 2, 3], "t": [1, 1, "x"]}, "where": "t < 2"}
    has(refused(block), ["design.where", "fails", 'for {"a": 3, "t": "x"}'])
