"""Values of one column made of Python's own types: the process that takes them knows no others.

Needs neither numpy nor pandas; where a value is one of theirs, they are imported already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

from snakestudy.errors import RowError
from snakestudy.tables.pieces import Piece
from snakestudy.tables.times import Nanoseconds, in_nanoseconds, time_of, with_known_zone

NUMBERS = {bool, int, float, type(None)}
SCALARS = {*NUMBERS, str}
_AS_THEY_ARE = {*NUMBERS, bytes, timedelta}
_DEPTH = 64  # what numpy's arrays have at most


def values_piece(values: Sequence[Any]) -> Piece:
    """Values of a column as they travel.

    Raises:
        RowError: for one that is none.
    """
    kinds = set(map(type, values))
    if kinds <= SCALARS:
        if str in kinds:
            check_texts(value for value in values if type(value) is str)
        return list(values)
    return Cells().piece(values)


def check_texts(texts: Iterable[str]) -> None:
    """Refuse what cannot be written: lone surrogates, as of file names that are no UTF-8."""
    for text in texts:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise RowError(f"{text!a:.200} is no text of Unicode") from None


class Cells:
    """Makes values of one column plain."""

    def __init__(self) -> None:
        self._are_zoned: set[bool] = set()  # of its times
        self._has_nanoseconds = False

    def piece(self, values: Sequence[Any]) -> Piece:
        plain = [self.plain(value) for value in values]
        if len(self._are_zoned) > 1:
            raise RowError("times with a zone beside times without one")
        return in_nanoseconds(plain) if self._has_nanoseconds else plain

    def plain(self, value: Any, depth: int = 0) -> Any:
        """
        Raises:
            RowError: for what is no value of a table.
        """
        kind = type(value)
        if kind is str:
            check_texts([value])
        if kind is str or kind in _AS_THEY_ARE:
            return value
        if depth > _DEPTH:
            raise RowError("nested too deep, or in itself")
        if isinstance(value, (list, tuple, range)):
            return [self.plain(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, (date, timedelta, clock)):
            return self._time(value, depth)
        return self._other(value, depth)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        plain = {}
        for key, item in value.items():
            text = self.plain(key, depth + 1)
            if type(text) not in SCALARS:
                raise RowError("a mapping with a key that is no text")
            plain[str(text)] = self.plain(item, depth + 1)
        if len(plain) < len(value):
            raise RowError("a mapping with two keys of one text")
        return plain

    def _time(self, value: Any, depth: int) -> Any:
        """Times of Python's and of pandas's."""
        kind = type(value)
        if value != value:  # pandas' NaT
            return None
        if _is_of_pandas(kind):
            value = _of_pandas(value)
        if isinstance(value, Nanoseconds):
            return self._nanoseconds(value, depth)
        if type(value) not in (date, datetime, timedelta, clock):
            raise self._refused(value)
        if type(value) is clock and value.tzinfo is not None:
            raise RowError("a time of day with a zone")
        if type(value) is datetime:
            value = with_known_zone(value)
            self._are_zoned.add(value.tzinfo is not None)
        return value

    def _nanoseconds(self, value: Nanoseconds, depth: int) -> Nanoseconds:
        if depth:
            raise RowError("a time to the nanosecond inside of a value")
        self._has_nanoseconds = True
        if value.kind == "timestamp":
            self._are_zoned.add(value.zone is not None)
        return value

    def _other(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is Decimal and value.is_finite():
            return value
        if kind is complex:
            return str(value)
        if isinstance(value, Enum):
            return self.plain(value.value, depth + 1)
        if isinstance(value, PurePath) or _is_of("uuid", "UUID", value):
            return self.plain(str(value), depth + 1)
        if _is_of("numpy", "ndarray", value) or _is_of("numpy", "generic", value):
            return self._of_numpy(value, depth)
        if _is_of_pandas(kind) and kind.__name__ in ("Period", "Interval", "NAType"):
            return None if kind.__name__ == "NAType" else str(value)
        if _is_of("pandas", "Series", value):
            from snakestudy.tables.frames import index_columns

            if index_columns(value.index):
                raise RowError("a Series inside of a value has an index, which would be lost")
        for method in ("tolist", "to_list", "as_py"):  # pandas and others, polars, pyarrow
            if not isinstance(value, type) and hasattr(kind, method):
                return self.plain(getattr(value, method)(), depth + 1)
        raise self._refused(value)

    def _of_numpy(self, value: Any, depth: int) -> Any:
        from snakestudy.tables.arrays import time_counts

        kind = value.dtype.kind
        if value.ndim:
            is_own = kind not in "mMcgOV" and value.dtype.itemsize <= 8
            items = value.tolist() if is_own or kind in "OUS" else list(value)
            return self.plain(items, depth + 1)
        if kind in "mM":
            arrow_kind, counts, valid = time_counts(value.reshape(1))
            if not valid[0]:
                return None
            return self._time_or_nanoseconds(time_of(arrow_kind, int(counts[0])), depth)
        if kind in "fc":
            return float(value) if kind == "f" else str(complex(value))
        if kind == "V" and value.dtype.names:
            return self.plain({name: value[name] for name in value.dtype.names}, depth + 1)
        item = value.item()
        if type(item) is type(value):
            raise self._refused(value)
        return self.plain(item, depth + 1)

    def _time_or_nanoseconds(self, value: Any, depth: int) -> Any:
        is_finer = isinstance(value, Nanoseconds)
        return self._nanoseconds(value, depth) if is_finer else self._time(value, depth)

    def _refused(self, value: Any) -> RowError:
        return RowError(f"a {type(value).__name__} is no value of a table")


def _is_of(module: str, name: str, value: Any) -> bool:
    """Whether it is an instance of a class whose module may not be imported."""
    known = sys.modules.get(module)
    return known is not None and isinstance(value, getattr(known, name))


def _is_of_pandas(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "pandas"


def _of_pandas(value: Any) -> Any:
    """A Timestamp or Timedelta as Python has it, or with its nanoseconds."""
    if hasattr(value, "to_pydatetime"):
        if value.nanosecond:
            return Nanoseconds("timestamp", int(value.as_unit("ns").value), _zone_of(value))
        return value.to_pydatetime(warn=False)
    if hasattr(value, "to_pytimedelta"):
        if value.nanoseconds:
            return Nanoseconds("duration", int(value.as_unit("ns").value))
        return value.to_pytimedelta()
    return value


def _zone_of(timestamp: Any) -> Any:
    return timestamp.tzinfo and with_known_zone(timestamp.to_pydatetime(warn=False)).tzinfo
