"""A sequence of any library's as one column."""

from __future__ import annotations

import re
import sys
from typing import Any

from snakestudy.errors import RowError
from snakestudy.tables.cells import check_texts, values_piece
from snakestudy.tables.pieces import Buffer, Piece, Tokens
from snakestudy.tables.times import name_for_readers

_BUFFER_KIND = re.compile(
    r"int64|double|bool|date32|duration\[(?:us|ns)\]|timestamp\[(?:us|ns)(?:, tz=(.+))?\]"
)


def sequence_piece(value: Any) -> Piece | None:
    """A sequence of values as they travel, None for a single value."""
    if isinstance(value, Tokens):
        check_texts(filter(None, value))
        return as_numbers(value)
    if isinstance(value, Buffer):
        check_buffer(value)
        return value
    if isinstance(value, (list, tuple, range)):
        return values_piece(value)
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy and isinstance(value, numpy.ndarray):
        from snakestudy.tables.arrays import array_piece

        return array_piece(value) if value.ndim else None
    pandas_kinds = () if pandas is None else (pandas.Index, pandas.api.extensions.ExtensionArray)
    if pandas and isinstance(value, (pandas.Series, *pandas_kinds)):
        from snakestudy.tables.frames import series_piece

        return series_piece(value if hasattr(value, "iloc") else pandas.Series(value))
    polars = sys.modules.get("polars")
    if polars and isinstance(value, polars.Series):
        return _of_polars(value)
    pyarrow = sys.modules.get("pyarrow")
    if pyarrow and isinstance(value, pyarrow.Array | pyarrow.ChunkedArray):
        from snakestudy.tables.arrow_columns import arrow_piece

        return arrow_piece(value)
    return None


def check_buffer(buffer: Buffer) -> None:
    """Refuse what another program wrote and is no buffer."""
    kind = _BUFFER_KIND.fullmatch(buffer.kind)
    is_known = kind is not None and (kind[1] is None or name_for_readers(kind[1]) == kind[1])
    if is_known and all(type(size) is int and size > 0 for size in buffer.shape):
        rows, rest = divmod(len(buffer.data), buffer.row_bytes)
        if not rest and (buffer.valid is None or (len(buffer.valid) == rows and not buffer.shape)):
            return
    raise RowError(f"bytes that are no buffer of {buffer.kind}")


def _of_polars(series: Any) -> Piece:
    """As Arrow has it where that is installed; objects are in no Arrow column."""
    if series.dtype.is_object():
        return values_piece(series.to_list())
    try:
        from snakestudy.tables.arrow_columns import arrow_piece
    except ImportError:  # a program has its own libraries
        return values_piece(series.to_list())
    return arrow_piece(series.to_arrow())


def as_numbers(texts: Tokens) -> Piece:
    """Texts as numbers, if each is what Python writes for its number: nothing is lost so.

    >>> as_numbers(Tokens(["1", "2.5", None])), as_numbers(Tokens(["1", "2.50"]))
    ([1, 2.5, None], ['1', '2.50'])
    """
    numbers: list[Any] = []
    for text in texts:
        if not text:
            numbers.append(None)
            continue
        try:
            number: int | float = int(text)
        except ValueError:
            try:
                number = float(text)
            except ValueError:
                return texts
        if str(number) != text or (type(number) is int and not -(2**63) <= number < 2**63):
            return texts
        numbers.append(number)
    return numbers
