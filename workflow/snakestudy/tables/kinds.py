"""Columns whose values keep the kind they were returned with, and the one type they are shown in.

In the store, a column has the Arrow type of its values. If they are of several kinds, it is a
struct with a child for each, of which every row has one at most: a child is named by its type,
`token` for texts of a file (see `pieces.Tokens`), `absent` where a task's rows lack the column. A
null is of no kind. So what a column is shown as follows from the rows that are there, whatever
others were there before or lie beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from snakestudy.tables.common_types import common_type
from snakestudy.tables.piece_kinds import TOKEN, kinds_of, text_of
from snakestudy.tables.pieces import Piece, token_type, token_values

ABSENT = "absent"
_TEXT = pa.string()
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
        arrays = kinds_of(piece)
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
        type_ = common_type(
            _type_of_tokens(array) if kind == TOKEN else array.type
            for kind, array in self.kinds.items()
            if kind != ABSENT
        )
        return type_ if self.fits(type_) else _TEXT

    def fits(self, type_: pa.DataType) -> bool:
        """Whether the values have a place in a type that holds their types.

        All have, but for times before 1678 or after 2262 in nanoseconds, and spans as long.
        """
        if not is_in_nanoseconds(type_):
            return True
        try:
            for array in self.kinds.values():
                if _is_time(array.type) and array.type != type_:
                    array.cast(type_)
        except pa.ArrowInvalid:
            return False
        return True

    def shown(self, type_: pa.DataType) -> pa.ChunkedArray:
        """The values in a type that holds them all, texts taken from the values."""
        own = {kind: array for kind, array in self.kinds.items() if kind != ABSENT}
        arrays = [_shown(array, kind, type_) for kind, array in own.items()]
        if not arrays:
            return pa.chunked_array([pa.nulls(self.rows, type_)])
        if len(arrays) == 1:
            return arrays[0]
        from pyarrow import compute  # takes longer than a small visit's other work with tables

        return compute.call_function("coalesce", arrays)


def _is_time(type_: pa.DataType) -> bool:
    return pa.types.is_timestamp(type_) or pa.types.is_duration(type_)


def is_in_nanoseconds(type_: pa.DataType) -> bool:
    return _is_time(type_) and type_.unit == "ns"


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
    return column.cast(type_, safe=_is_time(type_))


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


def as_stored(table: pa.Table, schema: pa.Schema, keys: int = 0) -> pa.Table:
    """A stored table in a `stored_schema` that it is part of; keys: first columns that stay."""
    columns = dict(zip(table.column_names[:keys], table.columns[:keys], strict=True))
    has = dict(zip(table.column_names[keys:], table.columns[keys:], strict=True))
    for field in schema:
        column = has.get(field.name)
        if column is None:
            column = Variants.absent(len(table)).stored_as(field.type)
        elif column.type != field.type:
            column = Variants.of_stored(column).stored_as(field.type)
        columns[field.name] = column
    return pa.table(columns)


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
