"""Pieces as Arrow columns, by kind: of plain values, of arrays, of Arrow's own columns."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from snakestudy.tables.common_types import common_type
from snakestudy.tables.pieces import ArrowColumn, Buffer, Piece, Tokens
from snakestudy.values import as_text

TOKEN = "token"  # the kind of texts of a file
_TEXT = pa.string()
_DIGITS = 19  # before and after the point; decimals with more are texts
_SIMPLE = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: _TEXT,
    bytes: pa.binary(),
    date: pa.date32(),
    time: pa.time64("us"),
    timedelta: pa.duration("us"),
}
_NO_TYPE = (pa.ArrowException, OverflowError, TypeError, ValueError)  # of values that do not fit


def kinds_of(piece: Piece) -> dict[str, pa.Array | pa.ChunkedArray]:
    """kind -> its values, null in all other rows: the name of their type, or TOKEN."""
    if isinstance(piece, Tokens):
        return {TOKEN: pa.array(piece, _TEXT)}
    if isinstance(piece, list):
        return _of_values(piece)
    if isinstance(piece, Buffer):
        array = arrow_of(piece)
        return {str(array.type): array}
    return _of_arrow(arrow_of(piece))


def arrow_of(piece: Buffer | ArrowColumn) -> pa.Array | pa.ChunkedArray:
    """The Arrow column that a piece is sent as."""
    if isinstance(piece, ArrowColumn):
        with pa.ipc.open_stream(piece.data) as stream:
            return stream.read_all().column(0)
    count = len(piece) * prod(piece.shape)
    valid = None if piece.valid is None else _bits(piece.valid)
    data = _bits(piece.data) if piece.kind == "bool" else pa.py_buffer(piece.data)
    array = pa.Array.from_buffers(_type_named(piece.kind), count, [valid, data])
    for length in reversed(piece.shape):
        array = pa.FixedSizeListArray.from_arrays(array, length)
        array = array.cast(pa.list_(array.type.value_type))
    return array


def _bits(flags: bytes) -> pa.Buffer:
    """A bit for each byte."""
    array = pa.Array.from_buffers(pa.uint8(), len(flags), [None, pa.py_buffer(flags)])
    return array.cast(pa.bool_()).buffers()[1]


def _type_named(kind: str) -> pa.DataType:
    zoned = re.fullmatch(r"timestamp\[(us|ns), tz=(.+)\]", kind)
    return pa.timestamp(zoned[1], tz=zoned[2]) if zoned else pa.type_for_alias(kind)


def _of_values(values: list[Any]) -> dict[str, pa.Array]:
    """Plain values by kind."""
    types = set(map(type, values))
    types.discard(type(None))
    if len(types) == 1 and (type_ := _SIMPLE.get(next(iter(types)))):
        try:
            return {str(type_): pa.array(values, type_)}
        except _NO_TYPE:
            pass  # some are too large
    columns: dict[pa.DataType, list[Any]] = {}
    for row, value in enumerate(values):
        if value is None:
            continue
        type_ = _type_of(value)
        if type_ == _TEXT:
            value = text_of(value)
        if type_ not in columns:
            columns[type_] = [None] * len(values)
        columns[type_][row] = value
    return {str(type_): pa.array(column, type_) for type_, column in columns.items()}


def _type_of(value: Any) -> pa.DataType:
    """The Arrow type of one value; that of text for what has no other."""
    if isinstance(value, list):
        return _list_type(value)
    if type(value) is datetime:
        type_ = pa.timestamp("us", tz=_zone_of(value))
    elif type(value) is Decimal:
        type_ = _decimal_type(value)
    else:
        type_ = _SIMPLE.get(type(value), _TEXT)
    try:
        pa.scalar(value, type_)
    except _NO_TYPE:
        return _TEXT
    return type_


def _list_type(values: list[Any]) -> pa.DataType:
    """The type of a list: of one simple type, or of lists of one; else text."""
    types = set(map(type, values))
    types.discard(type(None))
    if types <= {float} or types in ({bool}, {str}):
        inner = _SIMPLE[types.pop()] if types else pa.null()
    else:
        inner = _common([_type_of(value) for value in values if value is not None])
        if inner == _TEXT and types != {str}:
            return _TEXT
    return pa.list_(inner)


def _common(types: Sequence[pa.DataType]) -> pa.DataType:
    return common_type(dict.fromkeys(types))


def _zone_of(value: datetime) -> str | None:
    """The name of a time's zone, or else its offset."""
    if value.tzinfo is None:
        return None
    if isinstance(value.tzinfo, ZoneInfo) and value.tzinfo.key:
        return value.tzinfo.key
    offset = value.utcoffset()
    if not offset or offset % timedelta(minutes=1):
        return "UTC"
    minutes = round(abs(offset).total_seconds() / 60)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _decimal_type(value: Decimal) -> pa.DataType:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # not a number
        return _TEXT
    scale = max(0, -exponent)
    before = len(digits) + exponent
    return pa.decimal128(2 * _DIGITS, scale) if max(scale, before) <= _DIGITS else _TEXT


def text_of(value: Any) -> str:
    """A value as text; lists and mappings as JSON."""
    if isinstance(value, float):
        return repr(value)
    limit = sys.get_int_max_str_digits()
    try:
        return as_text(_jsonable(value))
    except ValueError:  # an integer of more digits than Python writes unasked
        sys.set_int_max_str_digits(0)
        return as_text(_jsonable(value))
    finally:
        sys.set_int_max_str_digits(limit)


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return str(value)


def _of_arrow(column: pa.ChunkedArray) -> dict[str, Any]:
    """The column of an Arrow table by kind, in the types that plain values have."""
    type_ = _plain_type(column.type)
    if type_ is not None:
        try:
            return {str(type_): column if column.type == type_ else column.cast(type_)}
        except _NO_TYPE:
            pass  # integers of 64 bits without a sign, parts of a microsecond
    return _of_values(column.to_pylist())


def _plain_type(type_: pa.DataType) -> pa.DataType | None:
    """The type that plain values like these have; None if they have to be looked at."""
    types = pa.types
    if types.is_dictionary(type_):
        return _plain_type(type_.value_type)
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        inner = _plain_type(type_.value_type)
        return None if inner is None else pa.list_(inner)
    if types.is_timestamp(type_):
        return pa.timestamp("ns" if type_.unit == "ns" else "us", tz=type_.tz)
    if types.is_duration(type_):
        return pa.duration("ns" if type_.unit == "ns" else "us")
    if types.is_decimal(type_):
        fits = 0 <= type_.scale <= _DIGITS and type_.precision - type_.scale <= _DIGITS
        return pa.decimal128(2 * _DIGITS, type_.scale) if fits else None
    return next((plain for matches, plain in _PLAIN if matches(type_)), None)


def _is_text(type_: pa.DataType) -> bool:
    return type_ in (pa.string(), pa.large_string(), pa.string_view())


def _is_binary(type_: pa.DataType) -> bool:
    return type_ in (pa.binary(), pa.large_binary(), pa.binary_view())


_PLAIN: list[tuple[Callable[[pa.DataType], bool], pa.DataType]] = [
    (pa.types.is_null, pa.null()),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_integer, pa.int64()),
    (pa.types.is_floating, pa.float64()),
    (_is_text, _TEXT),
    (_is_binary, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_time, pa.time64("us")),
]
