"""Parquet files: written whole or not at all, footers, one type a column."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from snakestudy.errors import UserError
from snakestudy.values import as_text

FOOTER = b"snakestudy"
_UNIQUE = ("task_id", "seq")  # not worth a dictionary


def write(table: pa.Table, path: Path, footer: dict[str, Any], *, sync: bool = False) -> None:
    """Write a table under a temporary name (with a leading dot), then rename it.

    Args:
        sync: wait until it is on the disk: something will be deleted in its favour.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        metadata = {FOOTER: json.dumps(footer, ensure_ascii=False).encode()}
        repeated = [name for name in table.column_names if name not in _UNIQUE]
        table = table.replace_schema_metadata(metadata)
        parquet.write_table(
            table,
            temporary,
            use_dictionary=repeated,  # pyright: ignore[reportArgumentType] (a list, too)
            write_page_checksum=True,
        )
        if sync:
            sync_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sync_to_disk(path: Path) -> None:
    """Wait until a file's content, or a directory's entries, would outlast a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Unreadable(UserError, ValueError):
    """A parquet file that is truncated, empty, none at all or another table's."""

    def __init__(self, path: Path, problem: str) -> None:
        fix = "Delete it and run snakemake: it is made again from what else is there."
        super().__init__(f"cannot be read ({problem})", file=str(path), fix=fix)


@contextmanager
def _opened(path: Path) -> Iterator[parquet.ParquetFile]:
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise Unreadable(path, str(error).splitlines()[0]) from None


def read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The one file's table (never a partitioned data set, whatever its path looks like).

    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        table = file.read(columns)
    lacks = set(columns or ()) - set(table.column_names)
    if lacks:
        raise Unreadable(path, f"it has no column {sorted(lacks)[0]}")
    return table


def schema_of(path: Path) -> pa.Schema:
    """
    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        return file.schema_arrow


def rows_in(path: Path) -> int:
    """
    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        return file.metadata.num_rows


def footer_of(schema: pa.Schema) -> dict[str, Any]:
    """What the file says of itself; empty if this template did not write it."""
    return json.loads((schema.metadata or {}).get(FOOTER, b"{}"))


def array(values: Sequence[Any]) -> pa.Array:
    """An Arrow array of plain values: int with float is double, mixed kinds are text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if len(kinds) <= 1 and dict not in kinds:
        try:
            typed = pa.array(values)
            if _is_flat(typed.type):
                return typed
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            pass  # no type of Arrow's holds them
    return pa.array([None if v is None else as_text(_jsonable(v)) for v in values], pa.string())


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """The type that holds them all: null yields, int with float is double, else text."""
    kinds = {kind for kind in types if not pa.types.is_null(kind)}
    if len(kinds) <= 1:
        return next(iter(kinds), pa.null())
    if all(pa.types.is_integer(kind) for kind in kinds):
        return pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    if all(pa.types.is_list(kind) for kind in kinds):
        return pa.list_(common_type(kind.value_type for kind in kinds))
    return pa.string()


def common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns of all, in order of first appearance, each of `common_type`."""
    names = list(dict.fromkeys(name for schema in schemas for name in schema.names))
    return pa.schema(
        (name, common_type(schema.field(name).type for schema in schemas if name in schema.names))
        for name in names
    )


def cast_to(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns and types; what it lacks is null."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
        elif table.schema.field(field.name).type == field.type:
            columns.append(table[field.name])
        elif pa.types.is_string(field.type):
            columns.append(_texts(table[field.name]))
        elif pa.types.is_list(field.type):
            lists = _fitting(table[field.name].to_pylist(), field.type)
            columns.append(pa.array(lists, field.type))
        else:
            columns.append(table[field.name].cast(field.type, safe=False))
    return pa.Table.from_arrays(columns, schema=schema)


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """The tables under each other, in their one schema."""
    if len(tables) == 1:
        return tables[0].replace_schema_metadata(None)
    schema = common_schema([table.schema for table in tables])
    return pa.concat_tables([cast_to(table, schema) for table in tables])


def take_rows(table: pa.Table, rows: list[int] | list[int | None]) -> pa.Table:
    """Some rows of a table, nulls for None; where they follow each other, nothing is copied."""
    first = rows[0] if rows else 0
    if first is not None and rows == list(range(first, first + len(rows))):
        return table.slice(first, len(rows))
    return table.take(pa.array(rows, pa.int64()))


def index_in(texts: pa.ChunkedArray, among: pa.ChunkedArray) -> list[int | None]:
    """The row of each text among others, None where it is none of them."""
    if texts.equals(among):
        return list(range(len(texts)))
    if not len(among):
        return [None] * len(texts)
    return _look_up("index_in", texts, among).to_pylist()


def rows_with(table: pa.Table, tasks: pa.ChunkedArray) -> pa.Table:
    """A table's rows of some tasks."""
    if table["task_id"].equals(tasks):
        return table
    return table.filter(_look_up("is_in", table["task_id"], tasks))


def _look_up(function: str, texts: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.ChunkedArray:
    from pyarrow import compute  # takes longer than a small visit's other work with tables

    options = compute.SetLookupOptions(value_set=among.combine_chunks())
    return compute.call_function(function, [texts], options)


def _fitting(value: Any, kind: pa.DataType) -> Any:
    """A list (of lists) with its values as text where the type asks for text."""
    if isinstance(value, list):
        inner = kind.value_type if pa.types.is_list(kind) else kind
        return [_fitting(item, inner) for item in value]
    if value is None or not pa.types.is_string(kind):
        return value
    return as_text(value)


def _is_flat(kind: pa.DataType) -> bool:
    """Whether it is a simple type, or a list of one."""
    while pa.types.is_list(kind):
        kind = kind.value_type
    return not pa.types.is_nested(kind)


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    values = column.to_pylist()
    return pa.chunked_array(
        [pa.array([None if v is None else as_text(_jsonable(v)) for v in values], pa.string())]
    )


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return str(value)
