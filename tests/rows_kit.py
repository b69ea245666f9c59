"""Rows as plain lists, for tests that compare them."""

from __future__ import annotations

import pickle
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from snakestudy.errors import RowError
from snakestudy.tables.kinds import Variants, stored_pieces
from snakestudy.tables.pieces import Pieces, Tokens, as_list
from snakestudy.tables.rows import as_columns as as_pieces

Columns = dict[str, list[Any]]


def as_lists(rows: tuple[int, Pieces]) -> tuple[int, Columns]:
    """Rows with the values of each column by itself."""
    count, pieces = rows
    assert {count} >= set(map(len, pieces.values()))
    return count, {name: as_list(piece) for name, piece in pieces.items()}


def as_columns(rows: Any, reserved: set[str] = frozenset()) -> tuple[int, Columns]:  # pyright: ignore
    return as_lists(as_pieces(rows, reserved))


def same(found: Any, wanted: Any) -> bool:
    """Equal in value and in type (1, 1.0 and true are three), nan equal to itself."""
    return repr(found) == repr(wanted)


def check(rows: Any) -> None:
    """Rows are made, of kinds that the visit knows, or refused in words that can be written."""
    try:
        count, pieces = as_pieces(rows, {"taken"})
    except RowError as error:
        str(error).encode()
        return
    for name, piece in pieces.items():
        assert type(name) is str
        name.encode()
        assert len(piece) == count
        for value in piece if isinstance(piece, list) else ():
            _check_plain(value)
        for others in ([piece, 1], [[1], ["x"], Tokens(["1"]), [[0.5]], [None]]):
            column = Variants.of_stored(stored_pieces([piece, *others]))
            assert len(column.shown(column.type())) == column.rows
    assert as_lists(pickle.loads(pickle.dumps((count, pieces))))[0] == count


def _check_plain(value: Any) -> None:
    """Whether a value is made of Python's own types, all through."""
    if isinstance(value, str):
        value.encode()
    if isinstance(value, dict):
        assert {type(key) for key in value} <= {str}
    for item in value.values() if isinstance(value, dict) else value if type(value) is list else ():
        _check_plain(item)
    assert value is None or type(value) in _PLAIN


_PLAIN = {bool, int, float, str, bytes, date, datetime, time, timedelta, Decimal, list, dict}
