"""Rows in any form as columns: what functions return, what files hold."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

from ._text import Columns, read_text_table

_SCALARS = {bool, int, float, str, type(None)}
_OTHERS = {bytes, complex, set, frozenset, Decimal, date, datetime, clock, timedelta}


class RowError(Exception):
    """What is wrong with rows; where a task made them, the text is the task's error."""


def as_columns(rows: Any, taken: set[str]) -> tuple[int, Columns]:
    """Rows in any form as (their number, columns of plain values).

    Args:
        rows: a mapping of scalars (one row) or of sequences, a list of mappings, a pandas
            or polars DataFrame, a pyarrow Table.
        taken: names a column may not have: those of parameters.

    Raises:
        RowError: for anything else, unequal lengths, a name that is taken or no text.
    """
    if isinstance(rows, (dict, Mapping)):  # dict first: a Mapping is looked for at length
        count, columns = _from_mapping(rows)
    elif hasattr(rows, "to_pydict"):
        _check_doubled(rows.column_names)
        columns = {name: _plain(values) for name, values in rows.to_pydict().items()}
        count = len(rows)
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        count, columns = len(rows), _from_frame(rows)
    elif isinstance(rows, (list, tuple)) and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [_plain(row.get(name)) for row in rows] for name in names}
        count = len(rows)
    else:
        raise RowError(
            f"a {type(rows).__name__} is no rows (a mapping of scalars or of sequences, a list "
            "of mappings, a DataFrame or a pyarrow Table)"
        )
    for name in columns:
        if not isinstance(name, str) or not name:
            raise RowError(f"the column name {name!r} is no text")
        if name in taken:
            raise RowError(f"the column {name!r} has the name of a parameter; rename one of them")
    return count, columns


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
        return {name: _plain(own) for name, own in frame.to_dict(as_series=False).items()}
    if any(name is not None for name in frame.index.names):
        doubled = set(frame.index.names) & set(frame.columns)
        if doubled:
            raise RowError(f"{sorted(doubled)[0]!r} is an index and a column")
        frame = frame.reset_index()
    _check_doubled(list(frame.columns))
    return {name: _from_series(frame[name]) for name in frame.columns}


def _check_doubled(names: list[Any]) -> None:
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


def _plain_time(value: date | timedelta) -> Any:
    """What pandas has for it as Python has it, to the microsecond."""
    if value != value:  # NaT
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    return value.to_pytimedelta() if hasattr(value, "to_pytimedelta") else value


def _json(text: str) -> Any:
    """What JSON text holds; a key that is there twice is an error, not its last value."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_doubled([name for name, _ in pairs])
        return dict(pairs)

    return json.loads(text, object_pairs_hook=mapping)


def read_file(path: Path) -> Any:
    """Rows as `as_columns` takes them, from a file of the kind its suffix says."""
    match path.suffix.lower():
        case ".csv":
            return read_text_table(path, ",")
        case ".tsv":
            return read_text_table(path, "\t")
        case ".json":
            return _json(path.read_text(encoding="utf-8-sig"))
        case ".jsonl":
            lines = path.read_text(encoding="utf-8-sig").split("\n")
            return [_json(line) for line in lines if line.strip()]
        case ".parquet":
            from pyarrow import parquet

            return parquet.ParquetFile(path).read()
        case ".feather" | ".arrow":
            from pyarrow import feather

            return feather.read_table(path)
        case ".npz":
            import numpy

            with numpy.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name].tolist() for name in arrays.files}
        case _:
            return read_text_table(path)


def load_function(target: str, study: Path) -> Callable[..., Any]:
    """The function of a `path.py:function`; its directory and the study can be imported from."""
    path, _, name = target.rpartition(":")
    key = os.path.abspath(path)
    if key not in _MODULES:
        for root in (str(study), os.path.dirname(key)):
            if root not in sys.path:
                sys.path.insert(0, root)
        module_name = Path(key).stem
        spec = importlib.util.spec_from_file_location(module_name, key)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(module_name, module)
        spec.loader.exec_module(module)
        _MODULES[key] = module
    return getattr(_MODULES[key], name)


_MODULES: dict[str, Any] = {}
