"""Parquet files: written whole or not at all, footers, one type a column."""

from __future__ import annotations

import base64
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def read_groups(path: Path, groups: Sequence[int] | None = None) -> Iterator[pa.Table]:
    """Some row groups of a file, one after the other; all of them if none are named.

    A table of many rows a task has task_id as a dictionary.

    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        is_large = file.metadata.num_rows > _GROUP_BYTES / 100
    with _opened(path, ["task_id"] if is_large else ()) as file:
        for group in range(file.num_row_groups) if groups is None else groups:
            yield file.read_row_group(group)


def read_columns_of_groups(path: Path, name: str) -> Iterator[pa.ChunkedArray]:
    """One column, of one row group after the other.

    Raises:
        Unreadable, FileNotFoundError
    """
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, [name])[name]


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


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """The type that holds them all, in whatever order they come: null yields, int with float is
    double, decimals and times the finer, times of several zones UTC, lists by what is in them;
    else text.
    """
    common = pa.null()
    for kind in types:
        common = _common_of_two(common, kind)
    return common


def common_types(columns: Iterable[Mapping[str, pa.DataType]]) -> dict[str, pa.DataType]:
    """Every column of some tables, in order of appearance, with the type that holds it in all."""
    found: dict[str, dict[pa.DataType, None]] = {}
    for types in columns:
        for name, type_ in types.items():
            found.setdefault(name, {})[type_] = None
    return {name: common_type(types) for name, types in found.items()}


def _common_of_two(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    types = pa.types
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if types.is_list(one) and types.is_list(other):
        inner = _common_of_two(one.value_type, other.value_type)
        known = one.value_type, other.value_type
        is_text = types.is_string(inner) and not any(map(types.is_null, known))
        return pa.string() if is_text else pa.list_(inner)
    if types.is_decimal(one) and types.is_decimal(other):
        return one if one.scale > other.scale else other
    if types.is_duration(one) and types.is_duration(other):
        return pa.duration("ns")
    is_time = types.is_timestamp(one) and types.is_timestamp(other)
    if is_time and (one.tz is None) == (other.tz is None):
        unit = "ns" if "ns" in (one.unit, other.unit) else "us"
        return pa.timestamp(unit, tz=one.tz if one.tz == other.tz else "UTC")
    return pa.string()


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


def places_in(texts: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The row of each text among others, null where it is none of them; None if they are alike."""
    return None if texts.equals(among) else _look_up("index_in", texts, among)


def sorted_by(table: pa.Table, places: pa.ChunkedArray) -> pa.Table:
    """The table's rows in the order of their places; those of one place stay as they are."""
    from pyarrow import compute  # as in `_look_up`

    later, earlier = places.slice(1), places.slice(0, max(0, len(places) - 1))
    is_sorted = compute.call_function(
        "all", [compute.call_function("less_equal", [earlier, later])]
    )
    if is_sorted.as_py() is not False:
        return table
    return table.take(compute.call_function("array_sort_indices", [places]))


def repeat_rows(table: pa.Table, places: list[int], counts: list[int]) -> pa.Table:
    """Some rows of a table, each so many times."""
    if set(counts) <= {1}:
        return take_rows(table, places)
    runs = zip(places, counts, strict=True)
    numbers = b"".join(array("i", [place]).tobytes() * count for place, count in runs)
    indices = pa.Array.from_buffers(pa.int32(), sum(counts), [None, pa.py_buffer(numbers)])
    return table.take(indices)


def rows_with(table: pa.Table, tasks: pa.ChunkedArray) -> pa.Table:
    """A table's rows of some tasks."""
    if table["task_id"].equals(tasks):
        return table
    return table.filter(_look_up("is_in", table["task_id"], tasks))


def _look_up(function: str, texts: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.ChunkedArray:
    from pyarrow import compute  # takes longer than a small visit's other work with tables

    options = compute.SetLookupOptions(value_set=among.combine_chunks())
    if not pa.types.is_dictionary(texts.type):
        return compute.call_function(function, [texts], options)
    found = [  # few different texts: many rows a task
        compute.call_function(function, [chunk.dictionary], options).take(chunk.indices)
        for chunk in texts.chunks
    ]
    return pa.chunked_array(found)
