"""Columns of Arrow tables (pyarrow, polars, pandas' Arrow types): checked, of few types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from snakestudy.errors import RowError
from snakestudy.tables.cells import values_piece
from snakestudy.tables.common_types import decimal_type
from snakestudy.tables.pieces import ArrowColumn, Piece
from snakestudy.tables.times import check_years, name_for_readers

_UNNAMED_INDEX = re.compile(r"__index_level_(\d+)__")


def table_columns(table: pa.Table) -> list[tuple[Any, Any]]:
    """The (name, column) pairs of a table, with the index that pandas wrote as it says of it."""
    metadata = (table.schema.pandas_metadata or {}) if table.schema.metadata else {}
    is_nested = len(metadata.get("column_indexes", ())) > 1
    indexes = metadata.get("index_columns", [])
    ranges = [_range(index, len(table)) for index in indexes if isinstance(index, Mapping)]
    columns: list[tuple[Any, Any]] = [column for column in ranges if column]
    for name, column in zip(table.column_names, table.columns, strict=True):
        unnamed = _UNNAMED_INDEX.fullmatch(name)
        if unnamed and name in indexes:
            name = "index" if len(indexes) == 1 else f"level_{unnamed[1]}"
        columns.append((_tuple(name) if is_nested else name, column))
    return columns


def _range(index: Mapping[str, Any], rows: int) -> tuple[str, list[int]] | None:
    """The index that pandas told in words: data, unless it is the default one."""
    start, step, name = index["start"], index["step"], index["name"]
    if name is None and (start, step) == (0, 1):
        return None
    return name or "index", list(range(start, start + step * rows, step))


def _tuple(name: str) -> Any:
    """The names of a pandas column of several levels, which Arrow has as one text."""
    import ast  # seldom needed, and visits import this module

    try:
        return ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return name


def arrow_piece(column: pa.ChunkedArray | pa.Array) -> Piece:
    """
    Raises:
        RowError: for values that no table holds.
    """
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    column.validate(full=True)  # a file may say anything
    while isinstance(column.type, pa.BaseExtensionType):
        storage = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(storage, column.type.storage_type)
    target = _travelling(column.type)
    try:
        # By name, as types of lists are the same whatever they call their values.
        plain = column.cast(target) if target and str(target) != str(column.type) else column
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if target and pa.types.is_temporal(target):
            raise RowError(f"{column.type} is not exact in {target}") from None
        target = None
    if target is None:  # nested, or integers that are too long
        return values_piece(column.to_pylist())
    if pa.types.is_timestamp(plain.type) or pa.types.is_date(plain.type):
        _check_years(plain)
    sink = pa.BufferOutputStream()
    table = pa.table([plain], names=["value"])
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return ArrowColumn(sink.getvalue().to_pybytes(), len(plain))


def column_in(stream: bytes) -> pa.ChunkedArray:
    """The column that an `ArrowColumn` is sent as."""
    with pa.ipc.open_stream(stream) as tables:
        return tables.read_all().column(0)


def _check_years(column: pa.ChunkedArray) -> None:
    from pyarrow import compute

    is_date = pa.types.is_date(column.type)
    counts = column.cast(pa.int32() if is_date else pa.int64())
    ends = compute.call_function("min_max", [counts]).as_py()
    check_years("date32" if is_date else str(column.type), ends["min"] or 0, ends["max"] or 0)


def _travelling(kind: pa.DataType) -> pa.DataType | None:
    """The type in which values travel; None for those that become Python's own."""
    types = pa.types
    if types.is_dictionary(kind):
        return _travelling(kind.value_type)
    for is_kind, travelling in _TRAVELLING:
        if is_kind(kind):
            return travelling
    if types.is_decimal(kind):
        return decimal_type(kind.precision - kind.scale, kind.scale)
    if types.is_timestamp(kind):
        zone = name_for_readers(kind.tz) if kind.tz else None
        return pa.timestamp("ns" if kind.unit == "ns" else "us", zone)
    if types.is_duration(kind):
        return pa.duration("ns" if kind.unit == "ns" else "us")
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = _travelling(kind.value_type)
        return None if inner is None else pa.list_(inner)
    return None


_TRAVELLING = (
    (pa.types.is_null, pa.null()),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_string, pa.string()),
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_binary, pa.binary()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_time, pa.time64("us")),
)
