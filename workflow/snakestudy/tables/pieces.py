"""Values of one column on their way from the process that has them to the one that writes them.

They keep the kind they were returned or read with, and need neither numpy nor pyarrow to travel:
a list of plain Python values (null, bool, int, float, str, bytes, dates and times, Decimal, lists
and mappings of those), or one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from snakestudy.values import parse_number

_NO_VALUE = ("", "NA")  # texts that are null where the column is one of numbers or of bools
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class Tokens(list):
    """Texts as a file has them, None for an empty field.

    What they are is decided over all rows of a table: 1.10 is a number beside 1.9, and a text
    beside 1.9.3.
    """


@dataclass(frozen=True, slots=True)
class Buffer:
    """The numbers or times of an array, one after the other, as Arrow lays them out.

    Attributes:
        kind: name of the Arrow type: int64, double, bool (a byte each), date32, timestamp[us],
            timestamp[ns, tz=UTC], duration[us], ...
        valid: a byte a value, 0 where it is null; None if none is.
        shape: of one row's value, (4,) for a list of four; () for a single value.
    """

    kind: str
    data: bytes
    valid: bytes | None = None
    shape: tuple[int, ...] = ()

    @property
    def row_bytes(self) -> int:
        return {"bool": 1, "date32": 4}.get(self.kind, 8) * prod(self.shape)

    def __len__(self) -> int:
        return len(self.data) // self.row_bytes


@dataclass(frozen=True, slots=True)
class ArrowColumn:
    """A column of an Arrow table in a type that plain values have (`arrow_columns.arrow_piece`).

    It is sent as an IPC stream of a table with that column alone.
    """

    data: bytes
    rows: int

    def __len__(self) -> int:
        return self.rows


Piece = list[Any] | Tokens | Buffer | ArrowColumn
Pieces = dict[str, Piece]  # the columns of a task's rows, of equal length


def _is_missing(text: str | None) -> bool:
    return text is None or text.strip() in _NO_VALUE


def token_type(texts: Sequence[str | None]) -> str:
    """The Arrow type that holds what all of these read as.

    >>> token_type(["1", "NA"]), token_type(["1", "2.5"]), token_type(["1.9.3", "1.10"])
    ('int64', 'double', 'string')
    >>> token_type(["TRUE", None]), token_type([None, "NA"]), token_type(["1", "true"])
    ('bool', 'null', 'string')
    """
    kinds = set()
    for text in texts:
        if _is_missing(text):
            continue
        assert text is not None
        if text in _BOOLS:
            kinds.add("bool")
            continue
        value = parse_number(text)
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            kinds.add("int64")
        elif isinstance(value, float):
            kinds.add("double")
        else:
            return "string"
    if kinds == {"int64", "double"}:
        return "double"
    return "string" if len(kinds) > 1 else next(iter(kinds), "null")


def token_values(texts: Sequence[str | None], kind: str) -> list[Any]:
    """What texts read as in a column of a type that holds them (see `token_type`).

    >>> token_values(["1", "NA", None], "double"), token_values(["1.10", "NA", None], "string")
    ([1.0, None, None], ['1.10', 'NA', None])
    """
    if kind == "string":
        return [text or None for text in texts]
    if kind == "bool":
        return [_BOOLS.get(text or "") for text in texts]
    as_kind = float if kind == "double" else int
    return [
        None if _is_missing(text) else as_kind(parse_number(text))  # pyright: ignore
        for text in texts
    ]


def as_list(piece: Piece) -> list[Any]:
    """The values of a piece by itself, as plain Python ones."""
    if isinstance(piece, Tokens):
        return token_values(piece, token_type(piece))
    if isinstance(piece, list):
        return piece
    from snakestudy.tables.piece_kinds import arrow_of  # with pyarrow

    return arrow_of(piece).to_pylist()
