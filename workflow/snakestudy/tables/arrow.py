"""Parquet files: written whole or not at all, footers, one type a column."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from snakestudy.errors import UserError

FOOTER = b"snakestudy"
NATURAL = b"snakestudy.natural"
_GROUP_BYTES = 32_000_000
_FEW_ROWS = 200
_MANY_ROWS = 320_000


def write(table: pa.Table, path: Path, footer: dict[str, Any], *, sync: bool = False) -> None:
    """Write a table whole or not at all. sync: as of `write_batches`."""
    write_batches([table], table.schema, path, footer, sync=sync)


def write_batches(
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    path: Path,
    footer: dict[str, Any],
    *,
    natural: pa.Schema | None = None,
    is_passing: bool = False,
    sync: bool = False,
) -> None:
    """Write tables of one schema under each other: under a temporary name, then renamed.

    Args:
        natural: what the columns are by themselves, where the file has types for the sake of
            others.
        is_passing: whether it is read once and written anew soon: larger, and written faster.
        sync: wait until it is on the disk: something will be deleted in its favour.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")  # readers pass over a leading dot
    metadata = {FOOTER: json.dumps(footer, ensure_ascii=False).encode()}
    if natural is not None:
        # Some readers take a file whose metadata are no text for damaged.
        metadata[NATURAL] = base64.b64encode(natural.serialize())
    schema = schema.with_metadata(metadata)
    tables = iter(tables)
    first = next(tables, schema.empty_table())
    options: dict[str, Any] = {"use_dictionary": _worth_a_dictionary(first)}
    if is_passing:
        options |= {"compression": "none", "write_statistics": False}
    try:
        with parquet.ParquetWriter(temporary, schema, write_page_checksum=True, **options) as file:
            for table in chain([first], tables):
                if len(table):
                    file.write_table(table.replace_schema_metadata(metadata), _rows_a_group(table))
        if sync:
            sync_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _worth_a_dictionary(table: pa.Table) -> list[str]:
    """The columns whose values repeat, as far as the first of them tell."""
    if len(table) < _FEW_ROWS:
        return []
    first = table.slice(0, _FEW_ROWS)
    columns = zip(table.column_names, first.columns, strict=True)
    return [name for name, column in columns if _repeats(column)]


def _repeats(column: pa.ChunkedArray) -> bool:
    if pa.types.is_nested(column.type):
        return False
    return len(set(map(str, column))) < len(column) / 2


def _rows_a_group(table: pa.Table) -> int:
    """So many rows that a group of them is read at little cost of memory."""
    return max(1, int(len(table) * _GROUP_BYTES / max(table.nbytes, 1)))


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
def _opened(path: Path, encoded: Sequence[str] = ()) -> Iterator[parquet.ParquetFile]:
    try:
        with parquet.ParquetFile(
            path, read_dictionary=list(encoded), page_checksum_verification=True
        ) as file:
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


def read_groups(
    path: Path, groups: Sequence[int] | None = None, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """Some row groups of a file, one after the other; all of them if none are named.

    A large file has task_id as a dictionary, for there are many rows a task.

    Raises:
        Unreadable, FileNotFoundError
    """

    def read_from(file: parquet.ParquetFile) -> Iterator[pa.Table]:
        for group in range(file.num_row_groups) if groups is None else groups:
            yield file.read_row_group(group, columns)

    with _opened(path) as file:
        if file.metadata.num_rows <= _MANY_ROWS:
            yield from read_from(file)
            return
    with _opened(path, ["task_id"]) as file:
        yield from read_from(file)


@dataclass(frozen=True)
class Description:
    """What a file says of itself, without its rows.

    Attributes:
        natural: its columns as they are by themselves (see `write_batches`).
        bytes_of_groups: of each row group, in memory.
    """

    schema: pa.Schema
    natural: pa.Schema
    rows: int
    bytes_of_groups: tuple[int, ...]


def describe(path: Path) -> Description:
    """
    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        groups = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
    held = (schema.metadata or {}).get(NATURAL)
    natural = (
        pa.ipc.read_schema(pa.py_buffer(base64.b64decode(held)))
        if held
        else schema.remove_metadata()
    )
    return Description(schema, natural, metadata.num_rows, tuple(groups))


def has_empty_column(path: Path) -> bool:
    """Whether a column with a type may have nothing but nulls; the file has rows, no structs.

    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    for place, field in enumerate(schema):  # without structs, each has one column of the file's
        if pa.types.is_null(field.type):
            continue
        columns = [group.column(place) for group in groups]
        if not any(c.statistics and c.statistics.null_count < c.num_values for c in columns):
            return True
    return False


def schema_of(path: Path) -> pa.Schema:
    """
    Raises:
        Unreadable, FileNotFoundError
    """
    return describe(path).schema


def rows_in(path: Path) -> int:
    """
    Raises:
        Unreadable, FileNotFoundError
    """
    return describe(path).rows


def footer_of(schema: pa.Schema) -> dict[str, Any]:
    """What the file says of itself; empty if this template did not write it."""
    return json.loads((schema.metadata or {}).get(FOOTER, b"{}"))
