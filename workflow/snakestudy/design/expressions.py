"""The one evaluator of expressions: arithmetic, comparisons, and/or/not, numpy functions."""

from __future__ import annotations

import ast
import keyword
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import reduce
from itertools import pairwise
from typing import Any

from snakestudy.errors import UserError
from snakestudy.messages import nearest
from snakestudy.values import MOST_DIGITS

_MOST_LEVELS = 200  # of a tree: all that goes through one is recursive

FUNCTIONS = frozenset(
    """
    abs ceil clip cos cosh exp expm1 floor hypot isfinite isnan log log10 log1p log2 maximum
    minimum mod power round sign sin sinh sqrt tan tanh where
    """.split()  # noqa: SIM905
)

_BINARY: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type, Callable] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def parse(text: str) -> ast.expr:
    """The syntax tree of an expression in the permitted language.

    Raises:
        UserError: if it does not parse or holds anything else.
    """
    try:
        try:
            tree = ast.parse(_spared(text.strip(), frozenset()), mode="eval").body
        except SyntaxError:
            tree = ast.parse(_spared(text.strip(), _KEYWORDS), mode="eval").body
        _check(tree, text)
    except (SyntaxError, ValueError) as error:
        problem = error.args[0].partition(":")[0]
        raise UserError(f"{_cut(text)!r} is no expression ({problem})") from None
    except (RecursionError, MemoryError):
        fix = "Derive parts of it."
        raise UserError(f"{_cut(text)!r} is nested too deeply", fix=fix) from None
    return tree


# Python takes some words for its own and reads others in another form of Unicode (µ, decomposed
# letters). A parameter is called as it is written: such a name has another in the tree.
_KEYWORDS = frozenset(keyword.kwlist) - {"and", "or", "not", "True", "False", "None"}
_TEXT_OR_WORD = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\W\d](?:\w|[^\x00-\x7f])*""")
_SPARED = re.compile("_study_([0-9a-f]+)_")


def _spared(text: str, keywords: frozenset[str]) -> str:
    """An expression with the names in it that Python would not read as they are spelt out."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word in keywords or (
            word.isidentifier() and unicodedata.normalize("NFKC", word) != word
        ):
            return f"_study_{word.encode().hex()}_"
        return word

    return text if text.isascii() and not keywords else _TEXT_OR_WORD.sub(other, text)


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def _written(node: ast.AST) -> str:
    """A tree as text, its names as they were written."""
    return _SPARED.sub(lambda match: bytes.fromhex(match[1]).decode(), ast.unparse(node))


def names(tree: ast.expr) -> set[str]:
    """The parameters an expression reads; dotted names whole.

    >>> sorted(names(parse("sqrt(model.rate) > b and not c")))
    ['b', 'c', 'model.rate']
    """
    if isinstance(tree, (ast.Name, ast.Attribute)):
        return {_dotted(tree)}
    if isinstance(tree, ast.Call):
        return set().union(*(names(argument) for argument in tree.args))
    children = (child for child in ast.iter_child_nodes(tree) if isinstance(child, ast.expr))
    return set().union(*map(names, children))


def evaluate(tree: ast.expr, values: Mapping[str, Any]) -> Any:
    """The value of an expression over numpy arrays (or scalars) by name.

    Raises:
        UserError: if a name is unknown or the values do not go together.
    """
    import numpy

    with numpy.errstate(all="ignore"):
        try:
            return _value(tree, values)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise UserError(f"{_written(tree)!r} fails: {error}") from None


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    import numpy

    def value(child: ast.expr) -> Any:
        return _value(child, values)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name() | ast.Attribute():
            name = _dotted(node)
            if name not in values:
                raise UserError(f"{name} is no parameter here", fix=nearest(name, values))
            return values[name]
        case ast.BinOp():
            return _exact(_BINARY[type(node.op)], value(node.left), value(node.right))
        case ast.UnaryOp(op=ast.Not()):
            return numpy.logical_not(value(node.operand))
        case ast.UnaryOp():
            operand = value(node.operand)
            return -operand if isinstance(node.op, ast.USub) else +operand
        case ast.BoolOp():
            join = numpy.logical_and if isinstance(node.op, ast.And) else numpy.logical_or
            return reduce(join, map(value, node.values))
        case ast.Compare():
            sides = [value(side) for side in (node.left, *node.comparators)]
            pairs = zip(node.ops, pairwise(sides), strict=True)
            tests = (_compare(_COMPARE[type(op)], *pair) for op, pair in pairs)
            return reduce(numpy.logical_and, tests)
        case ast.Call(func=ast.Name(id=name)):
            return getattr(numpy, name)(*map(value, node.args))
    raise AssertionError(node)


def _compare(operation: Callable, left: Any, right: Any) -> Any:
    """A comparison; one of order does not hold where a side is null."""
    import numpy

    sides = [numpy.asarray(side) for side in (left, right)]
    ordered = operation not in (operator.eq, operator.ne)
    if not ordered or all(side.dtype != object for side in sides):
        return operation(left, right)
    left, right = numpy.broadcast_arrays(*sides)
    present = (left != None) & (right != None)  # noqa: E711 (numpy compares each)
    result = numpy.zeros(present.shape, dtype=bool)
    result[present] = operation(left[present], right[present]).astype(bool)
    return result


def _exact(operation: Callable, left: Any, right: Any) -> Any:
    """An operation on integers as numpy does it, unless that would overflow in silence."""
    import numpy

    is_power = operation is operator.pow and type(left) is int and type(right) is int
    if is_power and right * left.bit_length() > 3 * MOST_DIGITS:
        raise ArithmeticError("the integers grow too large; write one of them as a float")
    result = operation(left, right)
    if getattr(result, "dtype", None) is not None and result.dtype.kind in "iu":
        if operation in (operator.floordiv, operator.mod) and not numpy.all(right):
            raise ArithmeticError("division by zero")
        floats = operation(numpy.asarray(left, dtype=float), numpy.asarray(right, dtype=float))
        if not numpy.allclose(result, floats, rtol=1e-6, atol=1):
            raise ArithmeticError("the integers grow too large; write one of them as a float")
    return result


def one_each(tree: ast.expr, values: Mapping[str, Any], size: int) -> Any:
    """The values of an expression as an array of the given size.

    Raises:
        UserError: as `evaluate`, or if it gives something else.
    """
    import numpy

    value = evaluate(tree, values)
    try:
        return numpy.broadcast_to(numpy.asarray(value), size)
    except ValueError:
        text = _written(tree)
        raise UserError(f"{text!r} fails: it does not give one value for each set") from None


def condition(text: str, values: Mapping[str, Any], size: int) -> Any:
    """Where an expression holds: an array of bools of the given size.

    Raises:
        UserError: if it does not parse, fails, or is neither true nor false.
    """
    holds = one_each(parse(text), values, size)
    if holds.dtype != bool and not (holds.dtype == object and set(map(type, holds)) <= {bool}):
        raise UserError("is neither true nor false", value=text, fix="Write a comparison.")
    return holds.astype(bool)


def _dotted(node: ast.expr) -> str:
    return _written(node)


def _check(node: ast.expr, text: str, levels: int = _MOST_LEVELS) -> None:
    if not levels:
        raise RecursionError

    def refuse(what: str) -> UserError:
        return UserError(
            f"{_cut(what)} in {_cut(text)!r} is not permitted",
            fix="Write arithmetic, comparisons, and/or/not and numpy functions of parameters.",
        )

    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None) | ast.Name():
            return
        case ast.Attribute(value=ast.Name() | ast.Attribute()):
            return _check(node.value, text, levels - 1)
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            if name not in FUNCTIONS:
                raise refuse(f"{name}()")
            children = node.args
        case ast.BinOp() if type(node.op) in _BINARY:
            children = [node.left, node.right]
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
            children = [node.operand]
        case ast.BoolOp():
            children = node.values
        case ast.Compare() if all(type(op) in _COMPARE for op in node.ops):
            children = [node.left, *node.comparators]
        case _:
            raise refuse(_written(node))
    for child in children:
        _check(child, text, levels - 1)
