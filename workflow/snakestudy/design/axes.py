"""Axes written in the configuration: lists, ranges, single values."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from snakestudy.design.columns import LIMIT, check_size, plain_list
from snakestudy.errors import UserError, error_context
from snakestudy.messages import format_value, nearest, similar

_MAX = sys.float_info.max
_RANGES = ("linspace", "logspace", "geomspace", "range")

# What one writes who means a list, in words of Python, of R and of other tools for sweeps.
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = rf"{_NUMBER}(?:\s*[,;]\s*{_NUMBER})+[,;]?"
_LISTS = re.compile(
    rf"""(?:
    {_NUMBERS} | \(\s*{_NUMBERS}\s*\)                          # 1, 2, 3
    | \[ (?: \s* | .*[,;].* | \s*{_NUMBER}\s* ) \]             # [1, 2]
    | \d+ \s*\.\.\.?\s* \d+                                   # 1..5
    | (?:\w+\.)* (?: (?:lin|log|geom)space | a?range | seq | list | tuple | array | interval
      | choice ) \(.*\)
    | (?:np|numpy|random) \. [\w.]+ \(.*\)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SEVERAL = frozenset(
    ["values", "list", "choice", "choices", "uniform", "loguniform", "normal", "integers"]
)
_FIRST = frozenset(["min", "low", "lower", "from", "start", "begin"])
_LAST = frozenset(["max", "high", "upper", "to", "stop", "end"])
_BESIDE = frozenset(["step", "steps", "num", "n", "number", "count", "points", "log", "scale"])
_FORMS = (
    "a list ([1, 2]) or a range ({linspace: [start, stop, number]}, {range: [start, stop, step]})"
)


def axis(value: Any, limit: int = LIMIT) -> list[Any]:
    """The values of one axis: a list, a range (linspace, ...) or a single value.

    >>> axis({"range": [0, 1, 0.25]}), axis({"geomspace": [1, 100, 3]}), axis(7)
    ([0.0, 0.25, 0.5, 0.75], [1.0, 10.0, 100.0], [7])
    >>> axis({"value": [1, 2]})
    [[1, 2]]

    Raises:
        UserError: for what is empty, no value, or one value that looks like several.
    """
    kind = _only_key(value)
    if kind == "value":
        return plain_list([value["value"]])
    if kind in _RANGES:
        return _range(kind, value[kind], limit)
    if kind is not None and similar(kind, _RANGES):
        raise UserError("is no range", value=kind, fix=nearest(kind, _RANGES))
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError("is empty", value=value, fix="Write at least one value.")
    if any(_only_key(item) in _RANGES for item in values):
        fix = "Write the numbers, or two blocks; rows take any value as it is."
        raise UserError("has a range among its values", value=value, fix=fix)
    if not isinstance(value, list) and (meant := _as_list(value)):
        fix = (
            f"Write {meant}; or {{value: {format_value(value, 200)}}} if it is meant as one value."
        )
        raise UserError("is one value that looks like several", value=value, fix=fix)
    return plain_list(values)


def _only_key(value: Any) -> str | None:
    return next(iter(value)) if isinstance(value, Mapping) and len(value) == 1 else None


def _as_list(value: Any) -> str | None:
    """How the list that may be meant by a value is written; None if it looks like one value."""
    if isinstance(value, Mapping):
        keys = value.keys()
        ends = keys & _FIRST and keys & _LAST and keys <= _FIRST | _LAST | _BESIDE
        if ends or _only_key(value) in _SEVERAL:
            return f"{_FORMS}, or `sample` for random points"
        dotted = next(_lists_in(value), None)
        return dotted and f"dotted names (NAME.{dotted}: [...])"
    if not isinstance(value, str) or not _LISTS.fullmatch(value.strip()):
        return None
    if re.fullmatch(rf"[\[(]?\s*{_NUMBERS}\s*[\])]?", value.strip()):
        return f"[{', '.join(re.findall(_NUMBER, value))}]"
    return _FORMS


def _lists_in(value: Mapping[str, Any]) -> Iterator[str]:
    """The dotted names, within a mapping, of the lists in it."""
    for name, item in value.items():
        if isinstance(item, list):
            yield name
        elif isinstance(item, Mapping):
            yield from (f"{name}.{inner}" for inner in _lists_in(item))


def _range(kind: str, arguments: Any, limit: int) -> list[Any]:
    form = "[start, stop, step]" if kind == "range" else "[start, stop, number]"
    numeric = isinstance(arguments, list) and all(type(item) in (int, float) for item in arguments)
    if not numeric or (len(arguments) != 3 and not (kind == "range" and len(arguments) == 2)):
        raise UserError(f"{kind} takes {form}", value=arguments)
    start, stop, count = [*arguments, 1][:3]
    if not all(abs(item) <= _MAX for item in arguments):
        raise UserError(f"{kind} takes finite numbers", value=arguments)
    if kind == "range":
        values = _arange(start, stop, count, limit)
    elif type(count) is not int or count < 1:
        raise UserError(f"{kind} takes a whole number of values, at least 1", value=arguments)
    elif kind == "geomspace" and start * stop <= 0:
        raise UserError("geomspace takes ends of one sign, none of them 0", value=arguments)
    else:
        check_size(count, limit)
        make = {"linspace": _linspace, "logspace": _logspace, "geomspace": _geomspace}[kind]
        try:
            values = make(start, stop, count)
        except ArithmeticError:
            raise UserError(f"{kind} gives numbers that are too large", value=arguments) from None
    if not values:
        raise UserError(f"{kind} is empty", value=arguments, fix=f"It takes {form}.")
    return plain_list(values)


# A value is the identity of a task. These round the exact one, so that no version or machine
# moves its last digit, and decimal steps give the decimals one expects.


def _arange(start: float, stop: float, step: float, limit: int) -> list[Any]:
    """From start in steps, ending before stop."""
    if step == 0:
        raise UserError(f"range takes a step that is not 0, no {[start, stop, step]}")
    exact = [Fraction(repr(number)) for number in (start, stop, step)]
    count = max(0, ceil((exact[1] - exact[0]) / exact[2]))
    check_size(count, limit)
    if type(start) is int and type(step) is int:
        return list(range(start, start + count * step, step))
    return _steps(exact[0], exact[2], count)


def _linspace(start: float, stop: float, count: int) -> list[float]:
    first, last = Fraction(repr(start)), Fraction(repr(stop))
    return _steps(first, (last - first) / max(count - 1, 1), count)


def _steps(first: Fraction, step: Fraction, count: int) -> list[float]:
    """first, first + step, ...; each the float nearest to it."""
    below = first.denominator * step.denominator
    start, stride = first.numerator * step.denominator, step.numerator * first.denominator
    return [(start + stride * i) / below for i in range(count)]


def _logspace(start: float, stop: float, count: int) -> list[float]:
    return _powers(Decimal(repr(start)), Decimal(repr(stop)), count)


def _geomspace(start: float, stop: float, count: int) -> list[float]:
    first, last = (abs(Decimal(repr(end))).log10() for end in (start, stop))
    sign = -1.0 if start < 0 else 1.0
    return [sign * value for value in _powers(first, last, count)]


def _powers(start: Decimal, stop: Decimal, count: int) -> list[float]:
    """Powers of 10, with the 28 digits of `decimal`."""
    step = (stop - start) / max(count - 1, 1)
    return [float(Decimal(10) ** (start + step * i)) for i in range(count)]


def expand_axes(axes: Mapping[str, Any], limit: int = LIMIT) -> dict[str, list[Any]]:
    """name -> the values of its axis.

    Raises:
        UserError: naming the axis that cannot be one.
    """
    values = {}
    for name, value in axes.items():
        with error_context(name):
            values[name] = axis(value, limit)
    return values
