"""Pieces as Arrow columns, by kind: plain values one by one, all others as they are."""

from __future__ import annotations

import re
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import prod
from typing import Any

import pyarrow as pa

from snakestudy.tables.arrow_columns import column_in
from snakestudy.tables.common_types import common_type, decimal_type
from snakestudy.tables.pieces import ArrowColumn, Buffer, Piece, Tokens
from snakestudy.tables.times import zone_name
from snakestudy.values import as_text

TOKEN = "token"  # the kind of texts of a file
_TEXT = pa.string()
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
    array = arrow_of(piece)
    return {str(array.type): array}


def arrow_of(piece: Buffer | ArrowColumn) -> pa.Array | pa.ChunkedArray:
    """The Arrow column that a piece is sent as."""
    if isinstance(piece, ArrowColumn):
        return column_in(piece.data)
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
        type_ = pa.timestamp("us", tz=zone_name(value.tzinfo))
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
        inner = common_type({_type_of(value) for value in values if value is not None})
        if inner == _TEXT and types != {str}:
            return _TEXT
    return pa.list_(inner)


def _decimal_type(value: Decimal) -> pa.DataType:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # not a number
        return _TEXT
    return decimal_type(len(digits) + exponent, max(0, -exponent)) or _TEXT


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
