"""Expressions over parameter sets: derived columns and `where`."""

from __future__ import annotations

from ast import expr
from collections.abc import Callable, Mapping

import numpy

from snakestudy.design import expressions
from snakestudy.design.columns import Column, ParameterColumns, plain_list, size
from snakestudy.errors import UserError, error_context
from snakestudy.messages import format_value, nearest, pluralize

Formulas = Mapping[str, expr]  # column -> how it is computed


def parse_formulas(derive: Mapping[str, str]) -> dict[str, expr]:
    """Formulas in an order in which each reads only what comes before it.

    Raises:
        UserError: for what is no expression, and for circles; keys start with derive.
    """
    trees = {}
    for name, text in derive.items():
        try:
            trees[name] = expressions.parse(text)
        except UserError as error:
            raise error.with_place(key=f"derive.{name}") from None
        if name in expressions.names(trees[name]):
            raise UserError("reads what it writes", key=f"derive.{name}", value=text)
    ordered: dict[str, expr] = {}
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


def check_derived(formulas: Formulas, parameters: ParameterColumns) -> None:
    """Refuse formulas whose column is a parameter."""
    for name in formulas:
        if name in parameters:
            raise UserError("is a parameter and derived", value=name, fix="Rename one of them.")


def derived_columns(columns: ParameterColumns, formulas: Formulas) -> ParameterColumns:
    """The columns with every formula whose names they have; null where one of those is.

    Raises:
        UserError: for what cannot be computed; its key starts with derive.
    """
    columns = dict(columns)
    for name, tree in formulas.items():
        if expressions.names(tree) <= columns.keys():
            with error_context(f"derive.{name}"):
                columns[name] = _derived(tree, columns)
    return columns


def _derived(tree: expr, columns: ParameterColumns) -> Column:
    """One formula's column: null where anything it reads is null."""
    reads = {name: columns[name] for name in expressions.names(tree)}
    codes = numpy.full(size(columns), -1, dtype=numpy.int32)
    present = numpy.all([column.codes >= 0 for column in reads.values()], axis=0)
    rows = numpy.flatnonzero(numpy.broadcast_to(present, codes.shape))
    if not len(rows):
        return Column((), codes)

    def values_of(rows: numpy.ndarray) -> numpy.ndarray:
        arrays = {name: column.take(rows).array() for name, column in reads.items()}
        return expressions.one_each(tree, arrays, len(rows))

    values = _evaluated(values_of, rows, columns)
    floats = values if values.dtype.kind == "f" else numpy.array([_float(v) for v in values])
    bad = numpy.flatnonzero(~numpy.isfinite(floats))
    if len(bad):
        others = f" and {pluralize(len(bad) - 1, 'other set')}" if len(bad) > 1 else ""
        first = _in_words(columns, int(rows[bad[0]]))
        raise UserError(f"gives {floats[bad[0]]} for {first}{others}")
    codes[rows] = numpy.arange(len(rows))
    return Column(tuple(plain_list(values.tolist())), codes)


def _float(value: object) -> float:
    """A value as what may not be finite: all others are."""
    return value if isinstance(value, float) else 0.0


def _in_words(columns: ParameterColumns, row: int) -> str:
    """One parameter set, for a message."""
    rows = numpy.array([row])
    return format_value({name: column.take(rows).to_list()[0] for name, column in columns.items()})


def _evaluated(
    values_of: Callable[[numpy.ndarray], numpy.ndarray],
    rows: numpy.ndarray,
    columns: ParameterColumns,
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
        except UserError as single:
            raise single.add_words(f"for {_in_words(columns, int(failing[0]))}") from None
        raise error from None


def rows_where(where: str, columns: ParameterColumns) -> numpy.ndarray:
    """The rows for which an expression holds.

    Raises:
        UserError: if it reads what is no parameter, is no condition, or fails for a set.
    """
    tree = expressions.parse(where)
    unknown = sorted(expressions.names(tree) - columns.keys())
    if unknown:
        raise UserError(f"{unknown[0]} is no parameter here", fix=nearest(unknown[0], columns))
    reads = {name: columns[name] for name in expressions.names(tree)}

    def holds(rows: numpy.ndarray) -> numpy.ndarray:
        values = {name: column.take(rows).array() for name, column in reads.items()}
        return expressions.condition(where, values, len(rows))

    return numpy.flatnonzero(_evaluated(holds, numpy.arange(size(columns)), columns))
