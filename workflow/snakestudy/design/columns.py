"""Columns of parameter sets, dictionary-encoded: a million sets of a grid hold few values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    def numbers(self) -> numpy.ndarray | None:
        """The values as an array, if they are all integers of 64 bits, or all floats."""
        kinds = {*map(type, self.values)}
        if kinds != {int} and kinds != {float}:
            return None
        try:
            return numpy.array(self.values, dtype=numpy.int64 if kinds == {int} else numpy.float64)
        except OverflowError:
            return None

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


Part = dict[str, Column]  # some of a design's columns


def plain_list(values: Iterable[Any]) -> list[Any]:
    """
    Raises:
        UserError: for a value that no parameter can have.
    """
    values = list(values)
    if set(map(type, values)) <= {int, bool}:  # most axes, and the long ones
        return values
    try:
        return [plain(value) for value in values]
    except ValueError as error:
        raise UserError(str(error)) from None


def from_columns(columns: Mapping[str, Iterable[Any]]) -> Part:
    """
    Raises:
        UserError: naming the column with a value that no parameter can have.
    """
    part = {}
    for name, values in columns.items():
        try:
            part[name] = _dense(plain_list(values))
        except UserError as error:
            raise error.add_words(f"(column {name!r})") from None
    return part


def _dense(values: list[Any]) -> Column:
    """The values as a column; if they are few of one kind, each is held once."""
    kinds = {type(value) for value in values}
    few = dict.fromkeys(values) if len(kinds) == 1 and kinds <= {int, float, str} else values
    if 2 * len(few) > len(values):
        return Column.of(values)
    codes = dict(zip(few, range(len(few)), strict=True))
    return Column(tuple(few), numpy.array([codes[value] for value in values], dtype=numpy.int32))


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Part:
    """A set for each row; what a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return from_columns({name: [row.get(name) for row in rows] for name in names})


def size(part: Part) -> int:
    return len(next(iter(part.values())).codes)


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


def product(parts: Sequence[tuple[str, Part]], limit: int = LIMIT) -> Part:
    """Every combination of the parts (each with the key that made it), the last one fastest."""
    seen: dict[str, str] = {}
    for kind, part in parts:
        for name in part:
            if name in seen:
                raise UserError(
                    f"is set by {seen[name]} and by {kind} of one block",
                    value=name,
                    fix="Keep one of them.",
                )
            seen[name] = kind
    sizes = [size(part) for _, part in parts]
    inner = total = prod(sizes)
    check_size(total, limit)
    whole: Part = {}
    for (_, part), own in zip(parts, sizes, strict=True):
        inner //= own or 1
        outer = total // (own * inner) if total else 0
        for name, column in part.items():
            codes = column.codes if inner == 1 else numpy.repeat(column.codes, inner)
            whole[name] = Column(column.values, codes if outer == 1 else numpy.tile(codes, outer))
    return whole


def concat(parts: Sequence[Part]) -> Part:
    """The parts under each other; a name that one lacks is null there."""
    if len(parts) == 1:
        return dict(parts[0])
    names = list(dict.fromkeys(name for part in parts for name in part))
    stacked: Part = {}
    for name in names:
        values: list[Any] = []
        codes = []
        for part in parts:
            if name not in part:
                codes.append(numpy.full(size(part), -1, dtype=numpy.int32))
                continue
            column = part[name]
            codes.append(numpy.where(column.codes < 0, -1, column.codes + len(values)))
            values.extend(column.values)
        stacked[name] = Column(tuple(values), numpy.concatenate(codes).astype(numpy.int32))
    return stacked


def combined(columns: Iterable[Column]) -> numpy.ndarray:
    """One integer a set, equal where all columns have equal codes (values, if each is there once).

    >>> combined([Column.of("ab").take(numpy.array([0, 0, 1])), Column.of([1, 2, 3])]).tolist()
    [0, 1, 2]
    """
    keys: numpy.ndarray | None = None
    for column in columns:
        if keys is None:
            keys = column.codes
        else:
            keys = keys.astype(numpy.int64) * (len(column.values) + 1) + column.codes + 1
        keys = numpy.unique(keys, return_inverse=True)[1]  # small again: no overflow
    assert keys is not None
    return keys


def groups(columns: Sequence[Column], rows: numpy.ndarray) -> list[numpy.ndarray]:
    """The rows cut into groups that agree in all columns, in order of appearance."""
    same: list[Column] = []
    for column in columns:
        classes: dict[str, int] = {}
        codes = [classes.setdefault(canonical(value), len(classes)) for value in column.values]
        codes.append(classes.get("null", -1))  # code -1 is the last
        same.append(Column(tuple(classes), numpy.array(codes)[column.codes[rows]]))
    keys = combined(same)
    _, first, inverse = numpy.unique(keys, return_index=True, return_inverse=True)
    rank = numpy.argsort(numpy.argsort(first))[inverse]  # groups by their first row
    order = numpy.argsort(rank, kind="stable")
    return numpy.split(rows[order], numpy.flatnonzero(numpy.diff(rank[order])) + 1)
