"""Rows in any form as columns: pieces as they travel."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from snakestudy.errors import RowError
from snakestudy.tables.cells import NUMBERS, SCALARS, Cells, check_texts, values_piece
from snakestudy.tables.pieces import Piece, Pieces
from snakestudy.tables.sequences import sequence_piece
from snakestudy.tables.settled import settled

if TYPE_CHECKING:
    from collections.abc import Set

_TEXT = {str}
_NUMBERS = {bool, int, float, complex, Decimal}


def as_columns(rows: Any, reserved_columns: Set[str]) -> tuple[int, Pieces]:
    """Rows in any form as (their number, columns).

    Args:
        rows: a mapping of scalars (one row) or of sequences, a list or iterator of mappings, a
            DataFrame or Series of pandas or polars, a table of pyarrow, an array, a number.
        reserved_columns: names a column may not have: those of parameters.

    Raises:
        RowError: for anything else, whatever it is; unequal lengths, a name that is reserved or
            no text, values that no table holds.
    """
    try:
        if isinstance(rows, (dict, Mapping)):  # dict first: a Mapping is looked for at length
            count, columns = _from_mapping(rows)
        else:
            count, columns = _from_other(settled(rows))
        if not _TEXT.issuperset(map(type, columns)) or not "".join(columns).isascii():
            columns = _named(columns.items())
    except BaseException as error:
        raise row_error(error) from error.__cause__
    if "" in columns:
        raise RowError("the column name '' is no text")
    if not reserved_columns.isdisjoint(columns):
        name = next(name for name in columns if name in reserved_columns)
        raise RowError(f"the column {name!r} has the name of a parameter; rename one of them")
    return count, columns


def row_error(error: BaseException) -> BaseException:
    """What went wrong as an error of rows, for they may be any object; an interrupt is none."""
    if isinstance(error, (RowError, KeyboardInterrupt)):
        return error
    told = RowError(f"the rows cannot be read: {_words(error)}")
    told.__cause__ = error
    return told


def _words(error: BaseException) -> str:
    """An error that may be of the study's own, and not even tell what it is."""
    try:
        lines = str(error).strip().splitlines() or [""]
        words = f"{type(error).__name__}: {lines[0][:200]}".rstrip(": ")
        return words.encode(errors="backslashreplace").decode()
    except BaseException:
        return object.__repr__(error)


def _from_other(rows: Any) -> tuple[int, Pieces]:
    """Rows that are no mapping, each form by its own rule."""
    if isinstance(rows, (list, tuple)) and all(isinstance(row, Mapping) for row in rows):
        return len(rows), _from_rows(rows)
    numpy = sys.modules.get("numpy")
    if type(rows) in _NUMBERS or (numpy and isinstance(rows, numpy.number | numpy.bool_)):
        return 1, {"value": in_column("value", values_piece, [rows])}
    if numpy and isinstance(rows, numpy.ndarray | numpy.void):
        from snakestudy.tables.arrays import array_columns

        return _of_columns(array_columns(numpy.asanyarray(rows)).items())
    pairs = _table_columns(rows)
    if pairs is None:
        raise RowError(
            f"a {type(rows).__name__} is no rows (a mapping of scalars or of sequences, a list "
            "of mappings, a DataFrame, a pyarrow Table, a number)"
        )
    return len(rows), _of_columns(pairs)[1]


def _table_columns(table: Any) -> list[tuple[Any, Any]] | None:
    """The (name, column) pairs of a table of pandas, polars or pyarrow; None for anything else."""
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas and isinstance(table, pandas.DataFrame | pandas.Series):
        from snakestudy.tables.frames import frame_columns, series_columns

        is_frame = isinstance(table, pandas.DataFrame)
        return frame_columns(table) if is_frame else series_columns(table)
    if polars and isinstance(table, polars.Series):
        return [(table.name or "value", table)]
    if polars and isinstance(table, polars.DataFrame):
        return list(zip(table.columns, table.get_columns(), strict=True))
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow and isinstance(table, pyarrow.RecordBatch):
        table = pyarrow.Table.from_batches([table])
    if pyarrow and isinstance(table, pyarrow.Table):
        from snakestudy.tables.arrow_columns import table_columns

        return table_columns(table)
    return None


def _from_rows(rows: Sequence[Mapping[Any, Any]]) -> Pieces:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: in_column(name, values_piece, [row.get(name) for row in rows]) for name in names}


def _from_mapping(rows: Mapping[Any, Any]) -> tuple[int, Pieces]:
    if NUMBERS.issuperset(map(type, rows.values())):
        return 1, {name: [value] for name, value in rows.items()}
    if SCALARS.issuperset(map(type, rows.values())):
        if not all(type(value) is not str or value.isascii() for value in rows.values()):
            return _of_columns((name, [value]) for name, value in rows.items())
        return 1, {name: [value] for name, value in rows.items()}
    pandas = sys.modules.get("pandas")
    if pandas and any(isinstance(value, pandas.Series) for value in rows.values()):
        rows = _with_index(rows, pandas)
    return _of_columns(rows.items())


def _of_columns(pairs: Iterable[tuple[Any, Any]]) -> tuple[int, Pieces]:
    """Columns with their names: all sequences, or all single values (one row)."""
    columns, alone = {}, {}
    for name, value in pairs:
        if name in columns or name in alone:
            raise RowError(f"column {str(name)!r} is doubled")
        piece = in_column(name, sequence_piece, value)
        if piece is None:
            one = in_column(name, values_piece, [value])
            if type(one) is not list or type(one[0]) is not list:
                alone[name] = one
                continue
            piece = one[0]  # an array of another library
        columns[name] = piece
    if not columns:
        return 1, _named(alone.items())
    if alone:
        raise RowError(f"{sorted(map(str, alone))[0]!r} is a scalar beside sequences")
    lengths = {name: len(piece) for name, piece in columns.items()}
    if len(set(lengths.values())) > 1:
        raise RowError(f"columns of unequal length: {lengths}")
    return next(iter(lengths.values())), _named(columns.items())


def in_column(name: Any, make: Callable[[Any], Any], values: Any) -> Any:
    """What is made of a column's values; an error names the column."""
    try:
        return make(values)
    except RowError as error:
        raise RowError(f"column {name!r}: {error}") from None


def _with_index(rows: Mapping[Any, Any], pandas: Any) -> Mapping[Any, Any]:
    """Columns with the index that their series have."""
    from snakestudy.tables.frames import index_columns

    all_series = [value for value in rows.values() if isinstance(value, pandas.Series)]
    first = all_series[0].index
    if not all(series.index.equals(first) for series in all_series):
        raise RowError("series with unlike indexes are no columns of one table")
    index = index_columns(first)
    doubled = [name for name, _ in index if name in rows]
    if doubled:
        raise RowError(f"column {str(doubled[0])!r} is doubled: an index and a column")
    return {**dict(index), **rows}


def _named(pairs: Iterable[tuple[Any, Piece]]) -> Pieces:
    """Columns by names as tables have them (see `_text_of_name`)."""
    columns: Pieces = {}
    for name, piece in pairs:
        text = _text_of_name(name)
        if text in columns:
            raise RowError(f"column {text!r} is doubled")
        columns[text] = piece
    return columns


def _text_of_name(name: Any) -> str:
    """A name as text: a number as Python writes it, several levels joined by `_`."""
    plain = Cells().plain(name) if type(name) is not str else name
    if isinstance(plain, list):
        return "_".join(filter(None, (_text_of_name(part) if part != "" else "" for part in plain)))
    if type(plain) is str:
        check_texts([plain])
    if plain is None or plain != plain or isinstance(plain, (dict, bool)):
        raise RowError(f"the column name {name!r} is no text")
    if isinstance(plain, (str, int, float, date)):
        return str(plain)
    raise RowError(f"the column name {name!r} is no text")


def check_doubled(names: list[Any]) -> None:
    doubled = sorted({str(name) for name in names if names.count(name) > 1})
    if doubled:
        raise RowError(f"column {doubled[0]!r} is doubled")
