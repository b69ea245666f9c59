"""Columns of parameter sets, dictionary-encoded: a million sets of a grid hold few values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy

from snakestudy.errors import UserError
from snakestudy.values import canonical, plain

LIMIT = 2_000_000  # parameter sets, unless `design_limit` says more


@dataclass(frozen=True)
class Column:
    """One parameter over all sets: `values[codes[i]]` is that of set i, null where that is -1."""

    values: tuple[Any, ...]
    codes: numpy.ndarray

    @classmethod
    def of(cls, values: Iterable[Any]) -> Column:
        """A set for each value."""
        values = tuple(values)
        codes = numpy.arange(len(values), dtype=numpy.int32)
        if type(None) in set(map(type, values)):
            codes[[row for row, value in enumerate(values) if value is None]] = -1
        return cls(values, codes)

    @cached_property
    def numeric(self) -> numpy.ndarray | None:
        """The values as an array, if they are all integers of 64 bits, or all floats."""
        kinds = {*map(type, self.values)}
        if kinds != {int} and kinds != {float}:
            return None
        try:
            array = numpy.array(self.values, dtype=numpy.int64 if kinds == {int} else numpy.float64)
        except OverflowError:
            return None
        array.flags.writeable = False  # every caller has the same one
        return array

    def take(self, rows: numpy.ndarray) -> Column:
        return Column(self.values, self.codes[rows])

    def to_list(self) -> list[Any]:
        values = (*self.values, None)  # code -1 is the last
        return [values[code] for code in self.codes.tolist()]

    def array(self) -> numpy.ndarray:
        """The values as numpy sees them: numbers as numbers, anything else as objects."""
        kinds = {type(value) for value in self.values if value is not None}
        plain_kinds = kinds <= {int, float} or kinds in ({bool}, {str})
        if plain_kinds and kinds and not (self.codes < 0).any():
            nothing = next(iter(kinds))()  # no code points to a null
            return numpy.array([nothing if v is None else v for v in self.values])[self.codes]
        array = numpy.empty(len(self.values) + 1, dtype=object)
        array[:-1] = self.values
        return array[self.codes]  # code -1 is the last, which is None

    def filled(self, value: Any) -> Column:
        """The column with a value where it is null."""
        empty = self.codes < 0
        if not empty.any():
            return self
        codes = numpy.where(empty, len(self.values), self.codes).astype(numpy.int32)
        return Column((*self.values, value), codes)


ParameterColumns = dict[str, Column]  # parameter sets: columns of equal length by name


def plain_list(values: Iterable[Any]) -> list[Any]:
    """
    Raises:
        UserError: for a value that no parameter can have.
    """
    values = list(values)
    try:
        if set(map(type, values)) <= {int, bool}:  # most axes, and the long ones
            plain([min(values, default=0), max(values, default=0)])
            return values
        return [plain(value) for value in values]
    except ValueError as error:
        raise UserError(str(error)) from None


def from_columns(values_by_name: Mapping[str, Iterable[Any]]) -> ParameterColumns:
    """
    Raises:
        UserError: naming the column with a value that no parameter can have.
    """
    columns = {}
    for name, values in values_by_name.items():
        try:
            columns[name] = _dense(plain_list(values))
        except UserError as error:
            raise error.add_words(f"(column {name!r})") from None
    return columns


def from_source(values_by_name: Mapping[str, Iterable[Any]], source: str) -> ParameterColumns:
    """The columns that a file or callable gave; an error names it."""
    try:
        return from_columns(values_by_name)
    except UserError as error:
        raise UserError(error.problem, value=source) from None


def _dense(values: list[Any]) -> Column:
    """The values as a column; if they are few of one kind, each is held once."""
    kinds = {type(value) for value in values}
    few = dict.fromkeys(values) if len(kinds) == 1 and kinds <= {int, float, str} else values
    if 2 * len(few) > len(values):
        return Column.of(values)
    codes = dict(zip(few, range(len(few)), strict=True))
    return Column(tuple(few), numpy.array([codes[value] for value in values], dtype=numpy.int32))


def from_rows(rows: Sequence[Mapping[str, Any]]) -> ParameterColumns:
    """A set for each row; what a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return from_columns({name: [row.get(name) for row in rows] for name in names})


def size(columns: ParameterColumns) -> int:
    """The number of sets."""
    return len(next(iter(columns.values())).codes)


def check_size(number: int, limit: int) -> None:
    """
    Raises:
        UserError: if there are more sets than `design_limit` allows.
    """
    if number > limit:
        raise UserError(
            f"would be {number:,} parameter sets, more than design_limit ({limit:,})",
            fix=f"If that is meant, write design_limit: {number} beside design.",
        )


def product(
    factors: Sequence[tuple[str, ParameterColumns]], limit: int = LIMIT
) -> ParameterColumns:
    """Every combination of the factors (each with the key that made it), the last one fastest."""
    keys: dict[str, str] = {}
    for key, columns in factors:
        for name in columns:
            if name in keys:
                raise UserError(
                    f"is set by {keys[name]} and by {key} of one block",
                    value=name,
                    fix="Keep one of them.",
                )
            keys[name] = key
    sizes = [size(columns) for _, columns in factors]
    inner = total = prod(sizes)
    check_size(total, limit)
    combinations: ParameterColumns = {}
    for (_, columns), sets in zip(factors, sizes, strict=True):
        inner //= sets or 1
        outer = total // (sets * inner) if total else 0
        for name, column in columns.items():
            codes = column.codes if inner == 1 else numpy.repeat(column.codes, inner)
            codes = codes if outer == 1 else numpy.tile(codes, outer)
            combinations[name] = Column(column.values, codes)
    return combinations


def concat(blocks: Sequence[ParameterColumns]) -> ParameterColumns:
    """The sets of all blocks; a name that one lacks is null there."""
    if len(blocks) == 1:
        return dict(blocks[0])
    names = list(dict.fromkeys(name for columns in blocks for name in columns))
    together: ParameterColumns = {}
    for name in names:
        values: list[Any] = []
        codes = []
        for columns in blocks:
            if name not in columns:
                codes.append(numpy.full(size(columns), -1, dtype=numpy.int32))
                continue
            column = columns[name]
            codes.append(numpy.where(column.codes < 0, -1, column.codes + len(values)))
            values.extend(column.values)
        together[name] = Column(tuple(values), numpy.concatenate(codes).astype(numpy.int32))
    return together


def distinct(columns: ParameterColumns) -> ParameterColumns:
    """The sets, each once, in order of first appearance."""
    keys = combined(columns.values())
    rows = numpy.sort(numpy.unique(keys, return_index=True)[1])
    return {name: column.take(rows) for name, column in columns.items()}


def encoded(values: Iterable[Any], key: Callable[[Any], Any]) -> Column:
    """Values as a column that holds each (by its key) once."""
    code_of: dict[Any, int] = {}
    kept: list[Any] = []
    codes = []
    for value in values:
        code = -1 if value is None else code_of.setdefault(key(value), len(code_of))
        if code == len(kept):
            kept.append(value)
        codes.append(code)
    return Column(tuple(kept), numpy.array(codes, dtype=numpy.int32))


def combined(columns: Iterable[Column]) -> numpy.ndarray:
    """One integer a set, equal where all columns have equal codes (values, if each is there once).

    >>> combined([Column.of("ab").take(numpy.array([0, 0, 1])), Column.of([1, 2, 3])]).tolist()
    [0, 1, 2]
    """
    keys = numpy.zeros(1, dtype=numpy.int64)
    for column in columns:
        keys = keys * (len(column.values) + 1) + column.codes + 1
        keys = numpy.unique(keys, return_inverse=True)[1]  # small again: no overflow
    return keys


def groups(columns: Sequence[Column], rows: numpy.ndarray) -> list[numpy.ndarray]:
    """The rows cut into groups that agree in all columns, in order of appearance."""
    by_class: list[Column] = []  # equal values have one code
    for column in columns:
        classes: dict[str, int] = {}
        codes = [classes.setdefault(canonical(value), len(classes)) for value in column.values]
        codes.append(classes.get("null", -1))  # code -1 is the last
        by_class.append(Column(tuple(classes), numpy.array(codes)[column.codes[rows]]))
    keys = combined(by_class)
    _, first, inverse = numpy.unique(keys, return_index=True, return_inverse=True)
    rank = numpy.argsort(numpy.argsort(first))[inverse]  # groups by their first row
    by_rank = numpy.argsort(rank, kind="stable")
    return numpy.split(rows[by_rank], numpy.flatnonzero(numpy.diff(rank[by_rank])) + 1)
