"""Files of rows, by their suffix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snakestudy.tables.rows import _check_doubled
from snakestudy.tables.text import read_text_table


def _json(text: str) -> Any:
    """What JSON text holds; a key that is there twice is an error, not its last value."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_doubled([name for name, _ in pairs])
        return dict(pairs)

    return json.loads(text, object_pairs_hook=mapping)


def read_file(path: Path) -> Any:
    """Rows as `as_columns` takes them, from a file of the kind its suffix says."""
    match path.suffix.lower():
        case ".csv":
            return read_text_table(path, ",")
        case ".tsv":
            return read_text_table(path, "\t")
        case ".json":
            return _json(path.read_text(encoding="utf-8-sig"))
        case ".jsonl":
            lines = path.read_text(encoding="utf-8-sig").split("\n")
            return [_json(line) for line in lines if line.strip()]
        case ".parquet":
            from pyarrow import parquet

            return parquet.ParquetFile(path).read()
        case ".feather" | ".arrow":
            from pyarrow import feather

            return feather.read_table(path)
        case ".npz":
            import numpy

            with numpy.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name].tolist() for name in arrays.files}
        case _:
            return read_text_table(path)
