"""Rows of several files as those of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from snakestudy.tables.cells import values_piece
from snakestudy.tables.pieces import Buffer, Piece, Pieces, Tokens, as_list
from snakestudy.tables.rows import in_column

_NUMBERS = {int, float, type(None)}


def joined(tables: Sequence[tuple[int, Pieces]]) -> tuple[int, Pieces]:
    """The rows of all, one after the other; a column that one lacks is null there.

    Raises:
        RowError: for values that have no place in one column.
    """
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for _, columns in tables for name in columns)
    columns = {
        name: in_column(
            name, _joined_pieces, [columns.get(name, [None] * count) for count, columns in tables]
        )
        for name in names
    }
    return sum(count for count, _ in tables), columns


def _joined_pieces(pieces: list[Piece]) -> Piece:
    kinds = set(map(type, pieces))
    if Tokens in kinds and all(map(_can_be_tokens, pieces)):
        return Tokens(chain.from_iterable(map(_as_tokens, pieces)))
    first = pieces[0]
    if kinds == {Buffer} and len({(p.kind, p.shape, p.valid is None) for p in pieces}) == 1:  # pyright: ignore
        data = b"".join(piece.data for piece in pieces)  # pyright: ignore
        valid = None if first.valid is None else b"".join(piece.valid for piece in pieces)  # pyright: ignore
        return Buffer(first.kind, data, valid, first.shape)  # pyright: ignore
    return values_piece(list(chain.from_iterable(map(as_list, pieces))))


def _can_be_tokens(piece: Piece) -> bool:
    """Whether it is a column of texts, or of numbers whose texts are what Python writes."""
    is_list = isinstance(piece, list)
    return isinstance(piece, Tokens) or (is_list and _NUMBERS.issuperset(map(type, piece)))


def _as_tokens(piece: Any) -> list[str | None]:
    if isinstance(piece, Tokens):
        return piece
    return [None if value is None else str(value) for value in piece]
