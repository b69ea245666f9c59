"""Columns whose values keep the kind they were returned with, and the one type they are shown in.

In the store, a column has the Arrow type of its values. If they are of several kinds, it is a
struct with a child for each, of which every row has one at most: a child is named by its type,
`token` for texts of a file (see `pieces.Tokens`), `absent` where a task's rows lack the column. A
null is of no kind. So what a column is shown as follows from the rows that are there, whatever
others were there before or lie beside them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from snakestudy.tables.arrow import common_type
from snakestudy.tables.pieces import ArrowColumn, Buffer, Piece, Tokens, token_type, token_values
from snakestudy.values import as_text

ABSENT, TOKEN = "absent", "token"
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
_TYPE_OF_TOKENS = {
    "null": pa.null(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "string": _TEXT,
}


@dataclass(frozen=True)
class Variants:
    """A column's values by kind.

    Attributes:
        rows: how many.
        kinds: kind -> the values of it, null in all other rows; none that is null throughout.
    """

    rows: int
    kinds: dict[str, pa.ChunkedArray]

    @classmethod
    def of_stored(cls, column: pa.ChunkedArray) -> Variants:
        """A column as it is stored."""
        if not pa.types.is_struct(column.type):
            column = _normal(column)
            return cls._of(len(column), {str(column.type): column})
        names = [column.type.field(i).name for i in range(column.type.num_fields)]
        columns = map(_normal, column.flatten())
        return cls._of(len(column), dict(zip(names, columns, strict=True)))

    @classmethod
    def of_piece(cls, piece: Piece) -> Variants:
        """Values as a task handed them over."""
        if isinstance(piece, Tokens):
            arrays = {TOKEN: pa.array(piece, _TEXT)}
        elif isinstance(piece, list):
            arrays = _of_values(piece)
        elif isinstance(piece, Buffer):
            array = arrow_of(piece)
            arrays = {str(array.type): array}
        else:
            arrays = _of_arrow(arrow_of(piece))
        return cls._of(len(piece), {kind: pa.chunked_array(a) for kind, a in arrays.items()})

    @classmethod
    def absent(cls, rows: int) -> Variants:
        """Rows that lack the column."""
        return cls._of(rows, {ABSENT: pa.chunked_array([pa.repeat(True, rows)])})

    @classmethod
    def under_each_other(cls, columns: Sequence[Variants]) -> Variants:
        if len(columns) == 1:
            return columns[0]
        types = {kind: array.type for column in columns for kind, array in column.kinds.items()}
        kinds = {}
        for kind, type_ in types.items():
            chunks: list[pa.Array] = []
            for column in columns:
                array = column.kinds.get(kind)
                chunks += [pa.nulls(column.rows, type_)] if array is None else array.chunks
            kinds[kind] = pa.chunked_array(chunks, type_)
        return cls(sum(column.rows for column in columns), kinds)

    @classmethod
    def _of(cls, rows: int, arrays: dict[str, pa.ChunkedArray]) -> Variants:
        return cls(rows, {k: array for k, array in arrays.items() if array.null_count < rows})

    def stored(self) -> pa.ChunkedArray:
        """The column as it is stored."""
        return self.stored_as(stored_type([(k, array.type) for k, array in self.kinds.items()]))

    def stored_as(self, type_: pa.DataType) -> pa.ChunkedArray:
        """The column in a stored type that has all of its kinds."""
        if not pa.types.is_struct(type_):
            return self.kinds.get(str(type_)) or pa.chunked_array([pa.nulls(self.rows, type_)])
        fields = [type_.field(i) for i in range(type_.num_fields)]
        columns = {
            field.name: self.kinds[field.name] if field.name in self.kinds
            else pa.chunked_array([pa.nulls(self.rows, field.type)])
            for field in fields
        }  # fmt: skip
        table = pa.table(columns, schema=pa.schema(fields))
        return table.to_struct_array()

    @property
    def first(self) -> int | None:
        """The first row that has the column; None if none does."""
        absent = self.kinds.get(ABSENT)
        if absent is None:
            return 0
        flags = absent.is_valid().to_pylist()
        return flags.index(False) if False in flags else None

    def type(self) -> pa.DataType:
        """The type that holds them all."""
        return common_type(
            _type_of_tokens(array) if kind == TOKEN else array.type
            for kind, array in self.kinds.items()
            if kind != ABSENT
        )

    def shown(self, type_: pa.DataType) -> pa.ChunkedArray:
        """The values in a type that holds them all, texts taken from the values.

        Raises:
            ArrowException: for a time that has no place in nanoseconds.
        """
        own = {kind: array for kind, array in self.kinds.items() if kind != ABSENT}
        arrays = [_shown(array, kind, type_) for kind, array in own.items()]
        if not arrays:
            return pa.chunked_array([pa.nulls(self.rows, type_)])
        if len(arrays) == 1:
            return arrays[0]
        from pyarrow import compute  # takes longer than a small visit's other work with tables

        return compute.call_function("coalesce", arrays)


def _normal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column whose lists call their values as those made here, whatever a file calls them."""
    if not pa.types.is_list(column.type):
        return column
    type_ = _normal_type(column.type)
    return column if str(type_) == str(column.type) else column.cast(type_)


def _normal_type(type_: pa.DataType) -> pa.DataType:
    return pa.list_(_normal_type(type_.value_type)) if pa.types.is_list(type_) else type_


def kinds_in(type_: pa.DataType) -> list[tuple[str, pa.DataType]]:
    """The kinds that a stored type has room for."""
    if pa.types.is_null(type_):
        return []
    if not pa.types.is_struct(type_):
        type_ = _normal_type(type_)
        return [(str(type_), type_)]
    fields = [type_.field(i) for i in range(type_.num_fields)]
    return [(field.name, _normal_type(field.type)) for field in fields]


def stored_type(kinds: Sequence[tuple[str, pa.DataType]]) -> pa.DataType:
    """The type in which a column of these kinds is stored."""
    fields = dict(kinds)
    if not fields:
        return pa.null()
    if len(fields) == 1 and not fields.keys() & {ABSENT, TOKEN}:
        return next(iter(fields.values()))
    return pa.struct(list(fields.items()))


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


# -- plain values -----------------------------------------------------------------------------


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


# -- Arrow's columns ----------------------------------------------------------------------------


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


# -- showing ------------------------------------------------------------------------------------


def _type_of_tokens(column: pa.ChunkedArray) -> pa.DataType:
    return _TYPE_OF_TOKENS[token_type(column.to_pylist())]


def _shown(column: pa.ChunkedArray, kind: str, type_: pa.DataType) -> pa.ChunkedArray:
    """Values of one kind in a type that holds them."""
    if kind == TOKEN:
        values = token_values(column.to_pylist(), str(type_))
        return pa.chunked_array([pa.array(values, type_)])
    if column.type == type_:
        return column
    if type_ == _TEXT:
        if getattr(column.type, "unit", "") == "ns":  # Python has no times so fine
            return column.cast(_TEXT)
        texts = [None if value is None else text_of(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, _TEXT)])
    return column.cast(type_, safe=pa.types.is_timestamp(type_) or pa.types.is_duration(type_))


def stored_pieces(pieces: Sequence[Piece | int]) -> pa.ChunkedArray:
    """Pieces under each other as a stored column; a number stands for rows that lack it."""
    parts = [
        Variants.absent(piece) if isinstance(piece, int) else Variants.of_piece(piece)
        for piece in pieces
    ]
    return Variants.under_each_other(parts).stored()


def stored_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns of stored tables that are put under each other, in order of appearance."""
    kinds: dict[str, dict[str, pa.DataType]] = {}
    counts: dict[str, int] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, {}).update(kinds_in(field.type))
            counts[field.name] = counts.get(field.name, 0) + 1
    for name, count in counts.items():
        if count < len(schemas):
            kinds[name][ABSENT] = pa.bool_()
    return pa.schema([(name, stored_type(list(own.items()))) for name, own in kinds.items()])


def as_stored(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A stored table in a `stored_schema` that it is part of."""
    columns = []
    has = dict(zip(table.column_names, table.columns, strict=True))
    for field in schema:
        column = has.get(field.name)
        if column is None:
            columns.append(Variants.absent(len(table)).stored_as(field.type))
        elif column.type == field.type:
            columns.append(column)
        else:
            columns.append(Variants.of_stored(column).stored_as(field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def as_before(table: pa.Table, natural: pa.Schema) -> pa.Table:
    """A shown table with its columns as they are by themselves, where that can be told."""
    columns, types = {}, dict(zip(natural.names, natural.types, strict=True))
    for name, column in zip(table.column_names, table.columns, strict=True):
        type_ = types.get(name, column.type)
        if column.type == _TEXT and str(type_) in ("int64", "double", "bool"):
            values = token_values(column.to_pylist(), str(type_))
            column = pa.chunked_array([pa.array(values, type_)])
        elif column.type == pa.float64() and type_ == pa.int64():
            column = column.cast(type_, safe=False)
        columns[name] = column
    return pa.table(columns)
