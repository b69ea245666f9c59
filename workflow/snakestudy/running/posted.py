"""Rows that a program hands over: JSON, and beside it the bytes of arrays and tables.

The program writes them (see `program`), perhaps with another Python and other libraries, and the
worker that started it reads them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from time import time_ns
from typing import Any

from snakestudy.errors import RowError
from snakestudy.tables.cells import SCALARS
from snakestudy.tables.pieces import ArrowColumn, Buffer, Piece, Pieces
from snakestudy.tables.rows import row_error
from snakestudy.tables.times import zone_name, zone_named

FILE = "results.json"
_FORMAT = "snakestudy-rows"  # the key by which it is told from rows that a program wrote itself
_BYTES = "results-*.bytes"


def write_posted(rows: Mapping[str, tuple[int, Pieces]], directory: Path) -> None:
    """Leave the rows of metrics for the worker; what was left before is replaced as a whole.

    Args:
        rows: by metric; by the name "" if they are those of the only one.
    """
    blobs = _Blobs()
    metrics = {
        name: {"rows": count, "columns": {c: _piece_to_json(p, blobs) for c, p in columns.items()}}
        for name, (count, columns) in rows.items()
    }
    beside = directory / _BYTES.replace("*", str(time_ns()))
    if blobs.parts:
        with beside.open("wb") as file:
            file.writelines(blobs.parts)
    temporary = directory / f".{FILE}"
    content = {_FORMAT: 1, "bytes": beside.name, "metrics": metrics}
    temporary.write_text(json.dumps(content), encoding="utf-8")
    os.replace(temporary, directory / FILE)
    for old in directory.glob(_BYTES):
        if old != beside:
            old.unlink(missing_ok=True)


def read_posted(directory: Path) -> Any:
    """What a program left: rows as `as_columns` takes them by metric, or what it wrote itself.

    Raises:
        RowError: if there is nothing, or it cannot be read.
    """
    file = directory / FILE
    if not file.is_file():
        raise RowError("the task posted no rows (see post_run_results)")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or _FORMAT not in content:
            return content
        beside = directory / os.path.basename(content["bytes"])
        blobs = beside.read_bytes() if beside.is_file() else b""
        rows = {
            name: _rows_from_json(metric["rows"], metric["columns"], blobs)
            for name, metric in content["metrics"].items()
        }
        return rows[""] if rows.keys() == {""} else rows
    except Exception as error:
        raise row_error(error) from error


def _rows_from_json(count: int, columns: Mapping[str, Any], blobs: bytes) -> Any:
    """Columns; where there are none, that many rows of nothing."""
    if not columns:
        return [{} for _ in range(count)]
    return {name: _piece_from_json(piece, blobs) for name, piece in columns.items()}


class _Blobs:
    """Bytes that go beside the JSON."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> list[int]:
        """Where they will be: start and size."""
        self.parts.append(data)
        self._size += len(data)
        return [self._size - len(data), len(data)]


def _piece_to_json(piece: Piece, blobs: _Blobs) -> Any:
    if isinstance(piece, Buffer):
        valid = None if piece.valid is None else blobs.add(piece.valid)
        at = blobs.add(piece.data)
        return {"kind": piece.kind, "at": at, "valid": valid, "shape": piece.shape}
    if isinstance(piece, ArrowColumn):
        return {"arrow": blobs.add(piece.data)}
    plain = SCALARS.issuperset(map(type, piece))
    return piece if plain else [_value_to_json(value) for value in piece]


def _piece_from_json(piece: Any, blobs: bytes) -> Any:
    def of(place: list[int]) -> bytes:
        start, size = place
        return blobs[start : start + size]

    if isinstance(piece, list):
        return [_value_from_json(value) for value in piece]
    if "arrow" in piece:
        from snakestudy.tables.arrow_columns import column_in  # with pyarrow

        return column_in(of(piece["arrow"]))
    valid = None if piece["valid"] is None else of(piece["valid"])
    return Buffer(piece["kind"], of(piece["at"]), valid, tuple(piece["shape"]))


def _value_to_json(value: Any) -> Any:
    """A plain value: what JSON has not is a mapping of its kind to a text."""
    if type(value) in SCALARS:
        return value
    if isinstance(value, list):
        return [_value_to_json(item) for item in value]
    if isinstance(value, dict):
        return {"mapping": {key: _value_to_json(item) for key, item in value.items()}}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, datetime):
        zone = zone_name(value.tzinfo)
        utc = value.astimezone(UTC) if zone else value
        return {"datetime": [utc.replace(tzinfo=None).isoformat(), zone]}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    return {type(value).__name__: str(value)}  # date, time, Decimal


def _value_from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_value_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "mapping":
        return {key: _value_from_json(item) for key, item in content.items()}
    if kind == "datetime":
        naive = datetime.fromisoformat(content[0])
        zone = content[1]
        return naive.replace(tzinfo=UTC).astimezone(zone_named(zone)) if zone else naive
    if kind == "timedelta":
        return timedelta(*content)
    return _OF_TEXT[kind](content)


_OF_TEXT = {
    "bytes": bytes.fromhex,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "Decimal": Decimal,
}
