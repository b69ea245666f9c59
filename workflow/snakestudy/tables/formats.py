"""Files of rows, by their suffix.

A format is a function that reads one (a module of its own, if it is long) and a line in FORMATS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakestudy.tables.rows import check_doubled
from snakestudy.tables.text import Columns, read_text_table


@dataclass(frozen=True)
class Format:
    """How files of one suffix are read.

    Attributes:
        read: the rows of a file, in a form that `rows.as_columns` takes.
        for_designs: whether a `table` of the design may be one.
    """

    read: Callable[[Path], Any]
    for_designs: bool = True


def read_file(path: Path) -> Any:
    """Rows as `as_columns` takes them; a file of unknown suffix is white-space columns."""
    known = FORMATS.get(path.suffix.lower())
    return known.read(path) if known else read_text_table(path)


def _csv(path: Path) -> Columns:
    return read_text_table(path, ",")


def _tsv(path: Path) -> Columns:
    return read_text_table(path, "\t")


def _json(path: Path) -> Any:
    return _from_json(path.read_text(encoding="utf-8-sig"))


def _json_lines(path: Path) -> list[Any]:
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    return [_from_json(line) for line in lines if line.strip()]


def _from_json(text: str) -> Any:
    """What JSON text holds; a key that is there twice is an error, not its last value."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        check_doubled([name for name, _ in pairs])
        return dict(pairs)

    return json.loads(text, object_pairs_hook=mapping)


def _feather(path: Path) -> Any:
    from pyarrow import feather

    return feather.read_table(path)


def _parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path).read()


def _npz(path: Path) -> Columns:
    import numpy

    with numpy.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name].tolist() for name in arrays.files}


FORMATS = {
    ".csv": Format(_csv),
    ".tsv": Format(_tsv),
    ".json": Format(_json),
    ".jsonl": Format(_json_lines),
    ".feather": Format(_feather),
    ".parquet": Format(_parquet),
    ".arrow": Format(_feather, for_designs=False),
    ".npz": Format(_npz, for_designs=False),
}
