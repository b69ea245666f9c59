"""The one evaluator: what it permits, what it refuses, how it works on whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestudy.design.expressions import FUNCTIONS, evaluate, names, parse
from snakestudy.errors import UserError


def value(text: str, **values: Any) -> Any:
    return evaluate(parse(text), values)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("7 // 2 + 7 % 4", 6),
        ("2 ** 3 ** 2", 512),
        ("-a + +b", 1),
        ("(a + b) * 2", 10),
        ("a < b", True),
        ("a == 2 and b != 2", True),
        ("a > b or not b > a", False),
        ("sqrt(a * 8)", 4.0),
        ("maximum(a, b)", 3),
        ("where(a > b, 'x', 'y') == 'y'", True),
        ("round(2.567, 1)", 2.6),
        ("None", None),
        ("'a' == \"a\"", True),
        ("True", True),
        ("  a\n", 2),
        ("1e-3", 0.001),
    ],
)
def test_expression_of_scalars_gives(text: str, wanted: Any) -> None:
    assert value(text, a=2, b=3) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a.sqrt()",
        "__import__('os')",
        "__import__('os').system('true')",
        "open('x')",
        "eval('1')",
        "numpy.sqrt(a)",
        "sum(a)",
        "lambda: 1",
        "[x for x in a]",
        "{x for x in a}",
        "(x for x in a)",
        "a[0]",
        "a[1:2]",
        "[1, 2]",
        "(1, 2)",
        "{'a': 1}",
        "{1}",
        "f'{a}'",
        "(a := 1)",
        "a if b else c",
        "a in b",
        "a not in b",
        "a is b",
        "a @ b",
        "a & b",
        "a | b",
        "~a",
        "a << 2",
        "sqrt(*a)",
        "sqrt(x=a)",
        "'a'.upper",
        "(a + b).real",
        "1j",
        "b'x'",
        "...",
        "await a",
        "sqrt(open(a))",
        "a + [1][0]",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not permitted"):
        parse(text)


@pytest.mark.parametrize("text", ["a.__class__", "a.real", "a.T.dtype", "__builtins__"])
def test_attribute_is_never_taken_of_a_value(text: str) -> None:
    with pytest.raises(UserError, match=f"{text} is no parameter"):
        value(text, a=np.array([1]))


@pytest.mark.parametrize("text", ["a >", "", "a b", "a = 1", "import os", "1 +* 2", "a\nb", "\x00"])
def test_what_does_not_parse_is_no_expression(text: str) -> None:
    with pytest.raises(UserError, match="is no expression"):
        parse(text)


def test_refusal_says_what_to_write_instead() -> None:
    with pytest.raises(UserError, match=r"open\(\) in 'open\(a\)' is not permitted.*arithmetic"):
        parse("open(a)")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_one_of_numpy(name: str) -> None:
    assert callable(getattr(np, name))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a + b", {"a", "b"}),
        ("model.rate * a", {"model.rate", "a"}),
        ("a.b.c > 1 and not d", {"a.b.c", "d"}),
        ("sqrt(a) + where(b > 1, c, 2)", {"a", "b", "c"}),
        ("sqrt(sqrt)", {"sqrt"}),
        ("1 < a < 'b'", {"a"}),
        ("2 * 3", set()),
    ],
)
def test_names_are_the_parameters_read(text: str, wanted: set[str]) -> None:
    assert names(parse(text)) == wanted


def test_dotted_name_is_one_parameter() -> None:
    assert evaluate(parse("model.rate * 2 + model.size"), {"model.rate": 3, "model.size": 1}) == 7


def test_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"alpah is no parameter here. Did you mean alpha\?"):
        value("alpah > 1", alpha=1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a > 1 and b > 1", [False, False, True]),
        ("a > 1 or b > 1", [False, True, True]),
        ("not a > 1", [True, False, False]),
        ("not (a == 1 or b == 1)", [False, False, True]),
        ("1 < a <= 3", [False, True, True]),
        ("0 < b < a < 3", [False, True, False]),
        ("a == b", [True, False, True]),
        ("t == 'x' and a < 3", [True, False, False]),
        ("t != 'x'", [False, True, True]),
        ("m == None", [True, False, False]),
        ("m == 'x' or m == 2", [False, True, True]),
    ],
)
def test_and_or_not_and_chains_work_row_by_row(text: str, wanted: list[bool]) -> None:
    mixed = np.array([None, "x", 2], dtype=object)
    found = value(
        text, a=np.array([1, 2, 3]), b=np.array([1, 1, 3]), t=np.array(list("xyz")), m=mixed
    )
    assert np.asarray(found).tolist() == wanted


@pytest.mark.parametrize("text", ["t + 1", "t > 1", "-t", "sqrt(t)", "sqrt(a, a, a, a)", "a + u"])
def test_values_that_do_not_go_together_are_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match="fails: "):
        value(text, a=np.array([1, 2]), t=np.array(["x", "y"]), u=np.array([1, 2, 3]))


def test_division_of_constants_by_zero_is_a_user_error() -> None:
    with pytest.raises(UserError, match=r"fails: .*zero"):
        value("1 / 0")


def test_division_of_columns_by_zero_gives_infinity_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    assert value("a / b", a=np.array([1, -1]), b=np.array([0, 0])).tolist() == [np.inf, -np.inf]
    assert not recwarn.list


NUMBERS = st.integers(-50, 50)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1))
def test_columns_give_what_python_gives_row_by_row(rows: list[tuple[int, int, int]]) -> None:
    a, b, c = (np.array(column) for column in zip(*rows, strict=True))
    for text in (
        "a + b * c - 2",
        "a < b <= c",
        "a > 0 and b > 0 or not c > 0",
        "(a - b) ** 2 // 7",
    ):
        wanted = [eval(text, {"a": x, "b": y, "c": z}) for x, y, z in rows]
        assert value(text, a=a, b=b, c=c).tolist() == wanted


@pytest.mark.parametrize(
    "name",
    ["lambda", "class", "if", "in", "is", "µ", "μ", "e\u0301", "ﬁ", "model.class", "µ.lambda"],
)
def test_name_is_read_as_it_is_written(name: str) -> None:
    tree = parse(f"2 * {name} + {name}")
    assert names(tree) == {name}
    assert evaluate(tree, {name: 2}) == 6
    with pytest.raises(UserError, match=f"{name} is no parameter here"):
        evaluate(tree, {"a": 2})


def test_names_that_python_takes_for_one_are_two() -> None:
    assert value("µ - μ", **{"µ": 3, "μ": 1}) == 2
    assert value("'µ lambda' == x", x="µ lambda")


def test_long_sum_is_evaluated_and_a_longer_one_refused() -> None:
    assert value("+".join(190 * "a"), a=1) == 190
    for text in ("+".join(2000 * "a"), 5000 * "-" + "a", 150 * "sqrt(" + "a" + 150 * ")"):
        if text.startswith("sqrt"):
            assert value(text, a=1) == 1
            continue
        with pytest.raises(UserError, match="nested too deeply"):
            parse(text)


@pytest.mark.parametrize("text", ["9 ** 9 ** 9", "10 ** 20000"])
def test_power_of_integers_that_would_not_end_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="grow too large"):
        value(text)


def test_integer_of_too_many_digits_is_no_expression() -> None:
    with pytest.raises(UserError, match=r"is no expression \(Exceeds the limit"):
        parse(5000 * "1")
