"""Expressions over parameter sets: derived columns and `where`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy

from snakestudy.design import expressions
from snakestudy.design.columns import Column, Part, plain_list, size
from snakestudy.errors import UserError
from snakestudy.messages import format_value, nearest, pluralize


def error_context(key: str, function: Any, *arguments: Any, **more: Any) -> Any:
    """Call the function; an error it raises lies at this key."""
    try:
        return function(*arguments, **more)
    except UserError as error:
        raise error.prefix_key(key) from None


def parsed(derive: Mapping[str, str]) -> dict[str, Any]:
    """Formulas in an order in which each reads only what comes before it."""
    trees = {}
    for name, text in derive.items():
        try:
            trees[name] = expressions.parse(text)
        except UserError as error:
            raise error.with_place(key=f"derive.{name}") from None
        if name in expressions.names(trees[name]):
            raise UserError("reads what it writes", key=f"derive.{name}", value=text)
    ordered: dict[str, Any] = {}
    while len(ordered) < len(trees):
        ready = [
            name
            for name, tree in trees.items()
            if name not in ordered and not (expressions.names(tree) & trees.keys()) - ordered.keys()
        ]
        if not ready:
            circle = sorted(trees.keys() - ordered.keys())
            raise UserError("read each other in a circle", key="derive", value=circle)
        ordered.update((name, trees[name]) for name in ready)
    return ordered


def derived_columns(part: Part, formulas: Mapping[str, Any]) -> Part:
    """The part with every formula whose names it has; null where it lacks one."""
    part = dict(part)
    for name, tree in formulas.items():
        if name in part:
            raise UserError("is a parameter and derived", value=name, fix="Rename one of them.")
        reads = expressions.names(tree)
        if reads <= part.keys():
            part[name] = error_context(f"derive.{name}", _derived, tree, part)
    return part


def _derived(tree: Any, part: Part) -> Column:
    """One formula's column: null where anything it reads is null."""
    reads = {name: part[name] for name in expressions.names(tree)}
    codes = numpy.full(size(part), -1, dtype=numpy.int32)
    there = numpy.all([column.codes >= 0 for column in reads.values()], axis=0)
    rows = numpy.flatnonzero(numpy.broadcast_to(there, codes.shape))
    if not len(rows):
        return Column((), codes)

    def values_of(rows: numpy.ndarray) -> numpy.ndarray:
        arrays = {name: column.take(rows).array() for name, column in reads.items()}
        return expressions.one_each(tree, arrays, len(rows))

    values = _evaluated(values_of, rows, part)
    numbers = values if values.dtype.kind == "f" else numpy.array([_number(v) for v in values])
    bad = numpy.flatnonzero(~numpy.isfinite(numbers)) if len(numbers) else ()
    if len(bad):
        others = f" and {pluralize(len(bad) - 1, 'other set')}" if len(bad) > 1 else ""
        raise UserError(f"gives {numbers[bad[0]]} for {_set(part, rows[bad[0]])}{others}")
    codes[rows] = numpy.arange(len(rows))
    return Column(tuple(plain_list(values.tolist())), codes)


def _number(value: Any) -> float:
    return value if isinstance(value, float) else 0.0


def _set(part: Part, row: int) -> str:
    """One parameter set, for a message."""
    at = numpy.array([row])
    return format_value({name: column.take(at).to_list()[0] for name, column in part.items()})


def _evaluated(
    values_of: Callable[[numpy.ndarray], numpy.ndarray], rows: numpy.ndarray, part: Part
) -> numpy.ndarray:
    """The values for these rows; an error names the first set that fails by itself."""
    try:
        return values_of(rows)
    except UserError as error:
        if not len(rows):
            raise
        failing = rows
        while len(failing) > 1:
            half = failing[: len(failing) // 2]
            try:
                values_of(half)
            except UserError:
                failing = half
            else:
                failing = failing[len(half) :]
        try:
            values_of(failing)
        except UserError as one:
            raise one.add_words(f"for {_set(part, failing[0])}") from None
        raise error from None


def rows_where(where: str, part: Part) -> numpy.ndarray:
    """The rows for which an expression holds.

    Raises:
        UserError: if it reads what is no parameter, is no condition, or fails for a set.
    """
    tree = expressions.parse(where)
    unknown = sorted(expressions.names(tree) - part.keys())
    if unknown:
        raise UserError(f"{unknown[0]} is no parameter here", fix=nearest(unknown[0], part))
    reads = {name: part[name] for name in expressions.names(tree)}

    def held(rows: numpy.ndarray) -> numpy.ndarray:
        values = {name: column.take(rows).array() for name, column in reads.items()}
        return expressions.condition(where, values, len(rows))

    return numpy.flatnonzero(_evaluated(held, numpy.arange(size(part)), part))
