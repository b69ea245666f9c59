"""Parameter values written in the configuration: axes and ranges, zipped groups, stars."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from snakestudy.design.columns import (
    LIMIT,
    Column,
    Part,
    check_size,
    from_columns,
    from_rows,
    plain_list,
)
from snakestudy.errors import UserError
from snakestudy.messages import nearest
from snakestudy.values import canonical

MAX = sys.float_info.max
RANGES = ("linspace", "logspace", "geomspace", "range")


def axis(value: Any, limit: int = LIMIT) -> list[Any]:
    """The values of one axis: a list, a range (linspace, ...) or a single value.

    >>> axis({"range": [0, 1, 0.25]}), axis({"geomspace": [1, 100, 3]}), axis(7)
    ([0.0, 0.25, 0.5, 0.75], [1.0, 10.0, 100.0], [7])
    """
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, arguments), *_ = value.items()
        if kind in RANGES:
            return _range(kind, arguments, limit)
        if nearest(kind, RANGES).startswith("Did"):
            raise UserError("is no range", value=kind, fix=nearest(kind, RANGES))
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError("is empty", value=value, fix="Write at least one value.")
    return plain_list(values)


def _range(kind: str, arguments: Any, limit: int) -> list[Any]:
    form = "[start, stop, step]" if kind == "range" else "[start, stop, number]"
    numeric = isinstance(arguments, list) and all(type(item) in (int, float) for item in arguments)
    if not numeric or (len(arguments) != 3 and not (kind == "range" and len(arguments) == 2)):
        raise UserError(f"{kind} takes {form}", value=arguments)
    start, stop, count = [*arguments, 1][:3]
    if not all(abs(item) <= MAX for item in arguments):
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
    ends = Decimal(repr(start)), Decimal(repr(stop))
    sign = -1.0 if start < 0 else 1.0
    return [sign * value for value in _powers(*(abs(e).log10() for e in ends), count)]


def _powers(start: Decimal, stop: Decimal, count: int) -> list[float]:
    """Powers of 10, with the 28 digits of `decimal`."""
    step = (stop - start) / max(count - 1, 1)
    return [float(Decimal(10) ** (start + step * i)) for i in range(count)]


def zipped(group: Mapping[str, Any], limit: int = LIMIT) -> Part:
    """The axes of a group, varied together."""
    axes = _axes(group, limit)
    lengths = {name: len(values) for name, values in axes.items()}
    if len(set(lengths.values())) > 1:
        raise UserError("has lists of unequal length", value=lengths, fix="Make them equally long.")
    return from_columns(axes)


def star(base: Mapping[str, Any], vary: Mapping[str, Any], limit: int) -> tuple[Part, Column]:
    """The base, then one parameter at a time; and for each set the name of what varies.

    The base occurs once: a value that is the base's own gives no further set.
    """
    for name in vary:
        if name not in base:
            raise UserError("is not in base", key=f"vary.{name}", fix="Write its base value there.")
    axes = _axes(vary, limit, "vary.")
    check_size(1 + sum(map(len, axes.values())), limit)
    base = dict(zip(base, plain_list(base.values()), strict=True))
    rows, labels = [base], ["base"]
    for name, values in axes.items():
        others = [value for value in values if not _same(value, base[name])]
        rows += [{**base, name: value} for value in others]
        labels += [name] * len(others)
    return from_rows(rows), Column.of(labels)


def _same(one: Any, other: Any) -> bool:
    return canonical(one) == canonical(other)


def _axes(values: Mapping[str, Any], limit: int, place: str = "") -> dict[str, list[Any]]:
    axes = {}
    for name, value in values.items():
        try:
            axes[name] = axis(value, limit)
        except UserError as error:
            raise error.prefix_key(f"{place}{name}") from None
    return axes
