"""Rows as plain lists, for tests that compare them."""

from __future__ import annotations

from typing import Any

from snakestudy.tables.pieces import Pieces, as_list
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
