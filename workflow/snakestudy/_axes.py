"""Where parameter values come from: axes and ranges, rows, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy

from ._errors import UserError, nearest
from ._text import read_text_table
from ._values import plain

RANGES = ("linspace", "logspace", "geomspace", "range")


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
        codes[[row for row, value in enumerate(values) if value is None]] = -1
        return cls(values, codes)

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


Part = dict[str, Column]  # some of a design's columns


def axis(value: Any) -> list[Any]:
    """The values of one axis: a list, a range (linspace, ...) or a single value.

    >>> axis({"range": [0, 1, 0.25]}), axis({"geomspace": [1, 100, 3]}), axis(7)
    ([0.0, 0.25, 0.5, 0.75], [1.0, 10.0, 100.0], [7])
    """
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, arguments), *_ = value.items()
        if kind in RANGES:
            return _range(kind, arguments)
        if nearest(kind, RANGES).startswith("Did"):
            raise UserError("is no range", value=kind, fix=nearest(kind, RANGES))
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError("is empty", value=value, fix="Write at least one value.")
    return plain_list(values)


def _range(kind: str, arguments: Any) -> list[Any]:
    form = "[start, stop, step]" if kind == "range" else "[start, stop, number]"
    numeric = isinstance(arguments, list) and all(type(item) in (int, float) for item in arguments)
    if not numeric or (len(arguments) != 3 and not (kind == "range" and len(arguments) == 2)):
        raise UserError(f"{kind} takes {form}", value=arguments)
    start, stop, count = [*arguments, 1][:3]
    if kind == "range":
        values = _arange(start, stop, count)
    elif type(count) is not int or count < 1:
        raise UserError(f"{kind} takes a whole number of values, at least 1", value=arguments)
    elif kind == "geomspace" and start * stop <= 0:
        raise UserError("geomspace takes ends of one sign, none of them 0", value=arguments)
    else:
        values = getattr(numpy, kind)(start, stop, count).tolist()
    if not values:
        raise UserError(f"{kind} is empty", value=arguments, fix=f"It takes {form}.")
    return plain_list(values)


def _arange(start: float, stop: float, step: float) -> list[Any]:
    """From start in steps, ending before stop; decimal steps give the decimals one expects."""
    if step == 0 or not all(map(isfinite, (start, stop, step))):
        raise UserError(
            f"range takes finite numbers and a step that is not 0, no {[start, stop, step]}"
        )
    exact = [Fraction(repr(number)) for number in (start, stop, step)]
    count = max(0, ceil((exact[1] - exact[0]) / exact[2]))
    values = [exact[0] + exact[2] * i for i in range(count)]
    whole = all(type(number) is int for number in (start, step))
    return [int(value) if whole else float(value) for value in values]


def plain_list(values: Iterable[Any]) -> list[Any]:
    try:
        return [plain(value) for value in values]
    except ValueError as error:
        raise UserError(str(error)) from None


def zipped(group: Mapping[str, Any]) -> Part:
    axes = {name: axis(value) for name, value in group.items()}
    lengths = {name: len(values) for name, values in axes.items()}
    if len(set(lengths.values())) > 1:
        raise UserError("has lists of unequal length", value=lengths, fix="Make them equally long.")
    return {name: Column.of(values) for name, values in axes.items()}


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Part:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: Column.of(plain_list(row.get(name) for row in rows)) for name in names}


def from_table(path: str) -> Part:
    if path.startswith("-") or not Path(path).is_file():
        raise UserError("is no file", value=path, fix="Write a path relative to the study.")
    separators = {".csv": ",", ".tsv": "\t"}
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            columns = parquet.read_table(path).to_pydict()
        elif suffix in separators:
            columns = read_text_table(Path(path), separators[suffix])
        else:
            raise UserError("is of no known kind", value=path, fix="Use csv, tsv or parquet.")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read: {error}", value=path) from None
    if not columns or not len(next(iter(columns.values()))):
        raise UserError("has no row", value=path)
    return {name: Column.of(plain_list(values)) for name, values in columns.items()}
