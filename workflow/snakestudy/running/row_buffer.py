"""The rows of one metric, task after task, on their way from a worker to the store."""

from __future__ import annotations

from array import array
from collections.abc import KeysView, Mapping
from typing import NamedTuple

from snakestudy.tables.pieces import Buffer, Piece

_VALUE_BYTES = 48  # of a value in a list, about
_PACKED = {float: ("double", "d"), int: ("int64", "q")}


class MetricRows(NamedTuple):
    """Rows of one metric, task after task.

    Attributes:
        indices: the manifest's rows of the tasks; counts: how many rows each has.
        columns: name -> pieces under each other; a number is so many rows that lack the column.
    """

    indices: list[int]
    counts: list[int]
    columns: dict[str, list[Piece | int]]


class RowBuffer:
    """The rows of one metric, as they come.

    Attributes:
        indices, counts, columns: as of `MetricRows`.
        bytes: what they take, about.
    """

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.counts: list[int] = []
        self.columns: dict[str, list[Piece | int]] = {}
        self.bytes = 0
        self._rows = 0

    def add(self, index: int, count: int, columns: Mapping[str, Piece]) -> None:
        """Rows of one task."""
        self.indices.append(index)
        self.counts.append(count)
        held = self._held(columns.keys(), count)
        for name, piece in columns.items():
            pieces = held[name]
            if type(piece) is list and pieces and type(pieces[-1]) is list:
                pieces[-1].extend(piece)  # nearly always
                self.bytes += _VALUE_BYTES * count
            else:
                self.bytes += _append(pieces, piece)
        self._rows += count

    def add_rows(self, rows: MetricRows) -> None:
        """Rows of several tasks."""
        self.indices.extend(rows.indices)
        self.counts.extend(rows.counts)
        count = sum(rows.counts)
        held = self._held(rows.columns.keys(), count)
        for name, pieces in rows.columns.items():
            for piece in pieces:
                self.bytes += _append(held[name], piece)
        self._rows += count

    def rows(self) -> MetricRows:
        """Everything so far, numbers of one kind packed."""
        columns = {
            name: [_packed(piece) if type(piece) is list else piece for piece in pieces]
            for name, pieces in self.columns.items()
        }
        return MetricRows(self.indices, self.counts, columns)

    def _held(self, names: KeysView[str], count: int) -> dict[str, list[Piece | int]]:
        """The columns, with those that come and room for rows that lack others."""
        held = self.columns
        if held.keys() != names:
            for name in held.keys() - names:
                _append(held[name], count)
            for name in names:
                held.setdefault(name, [self._rows] if self._rows else [])
        return held


def _append(pieces: list[Piece | int], piece: Piece | int) -> int:
    """Add a piece, to the last one where they are alike; how many bytes it takes, about."""
    last = pieces[-1] if pieces else None
    if isinstance(piece, int):
        if isinstance(last, int):
            pieces[-1] = last + piece
        elif piece:
            pieces.append(piece)
        return 0
    if pieces and not len(piece):
        return 0
    if not isinstance(piece, list):
        pieces.append(piece)
        return len(piece.data)
    if isinstance(last, list) and type(last) is type(piece):
        last.extend(piece)
    else:
        pieces.append(type(piece)(piece))  # a copy, as it may be added to
    return _VALUE_BYTES * len(piece)


def _packed(values: list) -> Piece:
    """A list of floats, or of integers of 64 bits, as what they are laid out."""
    kinds = set(map(type, values))
    if len(kinds) != 1 or (packed := _PACKED.get(kinds.pop())) is None:
        return values
    kind, code = packed
    try:
        return Buffer(kind, array(code, values).tobytes())
    except OverflowError:
        return values
