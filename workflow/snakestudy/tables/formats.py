"""Files of rows, by their suffix.

A format is a function that reads one (a module of its own, if it is long) and a line in FORMATS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from snakestudy.errors import RowError
from snakestudy.tables.compressed import open_file, uncompressed_name
from snakestudy.tables.rows import check_doubled
from snakestudy.tables.text import TextColumns, read_text_table


@dataclass(frozen=True)
class Format:
    """How files of one suffix are read.

    Attributes:
        read: the rows of an open file, in a form that `rows.as_columns` takes.
        for_designs: whether a `table` of the design may be one.
        meant: the rows that what a task wrote stands for, where a writer has forms of its own;
            the rows of a design are what is written.
        takes_names: whether `read` takes names of columns as well, None where there are none:
            for files whose columns may have none.
    """

    read: Callable[..., Any]
    for_designs: bool = True
    meant: Callable[[Any], Any] | None = None
    takes_names: bool = False


def read_metric_file(path: Path, names: Sequence[str] | None = None) -> Any:
    """As `read_file`, in the forms that tasks' libraries write, too (pandas' to_json)."""
    meant, rows = format_of(path).meant, read_file(path, names)
    return meant(rows) if meant else rows


def read_file(path: Path, names: Sequence[str] | None = None) -> Any:
    """Rows as `as_columns` takes them; a file of unknown suffix is white-space columns.

    Args:
        names: of the columns, where the format takes them.

    Raises:
        ValueError, OSError, Exception of a library: if it cannot be read so.
    """
    file_format = format_of(path)
    with open_file(path) as file:
        return file_format.read(file, names) if file_format.takes_names else file_format.read(file)


def format_of(path: Path) -> Format:
    """The format of a file, by its suffix before that of its compression."""
    return FORMATS.get(uncompressed_name(path).suffix.lower(), _WHITE_SPACE)


def _text(file: BinaryIO) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cure = "write it as UTF-8, or read it with a `reader`"
        raise RowError(f"is no UTF-8 text (byte {error.start}); {cure}") from None


def _csv(file: BinaryIO, names: Sequence[str] | None) -> TextColumns:
    return read_text_table(_text(file), ",", names)


def _tsv(file: BinaryIO, names: Sequence[str] | None) -> TextColumns:
    return read_text_table(_text(file), "\t", names)


def _white_space(file: BinaryIO, names: Sequence[str] | None) -> TextColumns:
    return read_text_table(_text(file), None, names)


def _json(file: BinaryIO) -> Any:
    return _from_json(_text(file))


def _json_lines(file: BinaryIO) -> list[Any]:
    return [_from_json(line) for line in _text(file).split("\n") if line.strip()]


def _from_json(text: str) -> Any:
    """What JSON text holds; a key that is there twice is an error, not its last value."""

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        check_doubled([name for name, _ in pairs])
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=mapping)
    except RecursionError:
        raise RowError("is nested too deep; write rows, or read it with a `reader`") from None


def _rows_of_json(content: Any) -> Any:
    """The rows of what JSON holds: in the forms of functions, or those of pandas' to_json."""
    if not isinstance(content, dict) or not content:
        return content
    keys = content.keys()
    if {"columns", "data"} <= keys <= {"columns", "index", "data"}:  # orient="split"
        return _rows_of_split(content["columns"], content["data"], content.get("index", []))
    if keys == {"schema", "data"}:  # orient="table"
        rows = content["data"]
        if rows and _index([row.get("index") for row in rows]):
            return rows
        return [{name: row[name] for name in row if name != "index"} for row in rows]
    if _are_numbers(keys) and not any(isinstance(v, (dict, list)) for v in content.values()):
        return {
            **_index([int(key) for key in content]),
            "value": list(content.values()),
        }  # a Series
    values = list(content.values())
    if not all(isinstance(value, Mapping) and value.keys() == values[0].keys() for value in values):
        return content
    if _are_numbers(values[0]):
        columns = {name: list(value.values()) for name, value in content.items()}
        return _with_index([int(key) for key in values[0]], columns)
    if len(values[0]) > 1 or _are_numbers(keys) or (values[0] and len(values) > 1):
        raise RowError(
            "mappings in a mapping may be columns, rows or values: "
            'write a list of rows (pandas: to_json(orient="records"))'
        )
    return content


def _rows_of_split(names: list[Any], data: list[Any], index: list[Any]) -> dict[str, Any]:
    """Columns of pandas' orient="split"; the levels of a name are joined by `_`."""
    names = ["_".join(map(str, name)) if isinstance(name, list) else str(name) for name in names]
    check_doubled(names)
    columns = zip(*data, strict=True) if data else [[] for _ in names]
    return _with_index(index, dict(zip(names, columns, strict=True)))


def _with_index(index: list[Any], columns: dict[str, Any]) -> dict[str, Any]:
    found = _index(index)
    check_doubled([*found, *columns])
    return {**found, **columns}


def _are_numbers(keys: Any) -> bool:
    return bool(keys) and all(key.removeprefix("-").isdecimal() for key in keys)


def _index(values: list[Any]) -> dict[str, list[Any]]:
    """The index that pandas wrote as a column, unless it is the default one."""
    return {} if values == list(range(len(values))) else {"index": values}


def _feather(file: BinaryIO) -> Any:
    import pyarrow
    from pyarrow import feather

    try:
        return feather.read_table(file)
    except pyarrow.ArrowInvalid:
        file.seek(0)
        return pyarrow.ipc.open_stream(file).read_all()


def _parquet(file: BinaryIO) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(file).read()


def _npz(file: BinaryIO) -> Any:
    import numpy

    with numpy.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _npy(file: BinaryIO, names: Sequence[str] | None) -> Any:
    import numpy

    from snakestudy.tables.arrays import array_columns

    return array_columns(numpy.load(file, allow_pickle=False), list(names) if names else None)


_WHITE_SPACE = Format(_white_space, takes_names=True)
FORMATS = {
    ".csv": Format(_csv, takes_names=True),
    ".tsv": Format(_tsv, takes_names=True),
    ".json": Format(_json, meant=_rows_of_json),
    ".jsonl": Format(_json_lines),
    ".feather": Format(_feather),
    ".parquet": Format(_parquet),
    ".arrow": Format(_feather, for_designs=False),
    ".npz": Format(_npz, for_designs=False),
    ".npy": Format(_npy, for_designs=False, takes_names=True),
}
