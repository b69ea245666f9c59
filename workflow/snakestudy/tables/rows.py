"""Rows in any form as columns of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any

from snakestudy.errors import RowError
from snakestudy.tables.text import Columns

_SCALARS = {bool, int, float, str, type(None)}
_OTHERS = {bytes, complex, set, frozenset, Decimal, date, datetime, clock, timedelta}


def as_columns(rows: Any, reserved_columns: set[str]) -> tuple[int, Columns]:
    """Rows in any form as (their number, columns of plain values).

    Args:
        rows: a mapping of scalars (one row) or of sequences, a list of mappings, a pandas
            or polars DataFrame, a pyarrow Table.
        reserved_columns: names a column may not have: those of parameters.

    Raises:
        RowError: for anything else, unequal lengths, a name that is reserved or no text.
    """
    if isinstance(rows, (dict, Mapping)):  # dict first: a Mapping is looked for at length
        count, columns = _from_mapping(rows)
    elif hasattr(rows, "to_pydict"):
        check_doubled(rows.column_names)
        columns = {name: _plain(values) for name, values in rows.to_pydict().items()}
        count = len(rows)
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        count, columns = len(rows), _from_frame(rows)
    elif isinstance(rows, (list, tuple)) and all(isinstance(row, Mapping) for row in rows):
        count, columns = len(rows), _from_rows(rows)
    else:
        raise RowError(
            f"a {type(rows).__name__} is no rows (a mapping of scalars or of sequences, a list "
            "of mappings, a DataFrame or a pyarrow Table)"
        )
    _check_names(columns, reserved_columns)
    return count, columns


def _check_names(columns: Columns, reserved_columns: set[str]) -> None:
    for name in columns:
        if not isinstance(name, str) or not name:
            raise RowError(f"the column name {name!r} is no text")
        if name in reserved_columns:
            raise RowError(f"the column {name!r} has the name of a parameter; rename one of them")


def _from_rows(rows: Sequence[Mapping[Any, Any]]) -> Columns:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [_plain(row.get(name)) for row in rows] for name in names}


def _from_mapping(rows: Mapping[Any, Any]) -> tuple[int, Columns]:
    if _SCALARS.issuperset(map(type, rows.values())):
        return 1, {name: [value] for name, value in rows.items()}
    values = {name: _plain(value) for name, value in rows.items()}
    sequences = {name: value for name, value in values.items() if isinstance(value, list)}
    if not sequences:
        return 1, {name: [value] for name, value in values.items()}
    if len(sequences) < len(values):
        alone = sorted(values.keys() - sequences.keys())[0]
        raise RowError(f"{alone!r} is a scalar beside sequences")
    lengths = {name: len(value) for name, value in sequences.items()}
    if len(set(lengths.values())) > 1:
        raise RowError(f"columns of unequal length: {lengths}")
    return next(iter(lengths.values())), sequences


def _from_frame(frame: Any) -> Columns:
    if hasattr(frame, "get_column"):  # polars
        return {name: _plain(values) for name, values in frame.to_dict(as_series=False).items()}
    if any(name is not None for name in frame.index.names):
        doubled = set(frame.index.names) & set(frame.columns)
        if doubled:
            raise RowError(f"{sorted(doubled)[0]!r} is an index and a column")
        frame = frame.reset_index()
    check_doubled(list(frame.columns))
    return {name: _from_series(frame[name]) for name in frame.columns}


def check_doubled(names: list[Any]) -> None:
    doubled = sorted({str(name) for name in names if names.count(name) > 1})
    if doubled:
        raise RowError(f"column {doubled[0]!r} is doubled")


def _from_series(series: Any) -> list[Any]:
    """The values of a pandas column: NaN of floats stays NaN, whatever else is missing is null."""
    values = series.tolist()
    if type(series.dtype).__module__.startswith("numpy") and series.dtype.kind == "f":
        return values
    pairs = zip(values, series.isna().tolist(), strict=True)
    return [None if missing else _plain(value) for value, missing in pairs]


def _plain(value: Any) -> Any:
    """The value made of Python's own types: the process that takes it knows no others."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        known = _SCALARS.issuperset(map(type, value))
        return list(value) if known else [_plain(item) for item in value]
    if isinstance(value, range):
        return list(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    for method in ("tolist", "to_list"):  # numpy and pandas, polars
        if hasattr(value, method):
            return _plain(getattr(value, method)())
    if isinstance(value, (date, timedelta)):
        value = _plain_time(value)
    if value is not None and type(value) not in _OTHERS:
        raise RowError(f"a {type(value).__name__} is no value of a table")
    return value


def _plain_time(value: Any) -> date | timedelta | None:
    """A date or span of pandas as Python has it, to the microsecond."""
    if value != value:  # NaT
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    return value.to_pytimedelta() if hasattr(value, "to_pytimedelta") else value
