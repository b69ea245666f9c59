"""Parquet tables: written whole or not at all, the type that holds others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from snakestudy.storage.chunk_store import Batches, Store
from snakestudy.storage.documents import Footer
from snakestudy.tables.arrow import (
    Unreadable,
    describe,
    footer_of,
    has_empty_column,
    read,
    write,
    write_batches,
)
from snakestudy.tables.common_types import common_type, common_types
from snakestudy.tables.row_selection import index_in, rows_with, take_rows


def table(**columns: Any) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


# write, read


def test_table_and_footer_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sub" / "t.parquet"
    write(table(a=[1, None], b=["ü", ""]), path, {"made": ["ü", 1, None]})
    found = read(path)
    assert found.to_pydict() == {"a": [1, None], "b": ["ü", ""]}
    assert footer_of(found.schema) == {"made": ["ü", 1, None]}
    assert read(path, ["b"]).column_names == ["b"]


def test_file_without_a_footer_has_an_empty_one(tmp_path: Path) -> None:
    parquet.write_table(table(a=[1]), tmp_path / "t.parquet")
    assert footer_of(read(tmp_path / "t.parquet").schema) == {}


def test_path_that_looks_partitioned_adds_no_column(tmp_path: Path) -> None:
    path = tmp_path / "year=2024" / "t.parquet"
    write(table(a=[1]), path, {})
    assert read(path).column_names == ["a"]


def test_writing_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write(table(a=[1]), path, {})
    write(table(a=[2]), path, {})
    assert read(path).to_pydict() == {"a": [2]}
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]


UNWRITABLE = pa.table({"a": [pa.MonthDayNano([1, 2, 3])]})  # parquet cannot hold it


def test_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write(table(a=[1]), path, {})
    with pytest.raises(pa.ArrowException):
        write(UNWRITABLE, path, {})
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]
    assert read(path).to_pydict() == {"a": [1]}


def test_failed_rename_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    (path / "occupied").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write(table(a=[1]), path, {})
    assert [file.name for file in tmp_path.iterdir()] == ["t.parquet"]


def test_footer_that_is_no_json_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write(table(a=[1]), tmp_path / "t.parquet", {"a": object()})
    assert list(tmp_path.iterdir()) == []


LIST = pa.list_

# common_type, common_types


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        ([], pa.null()),
        ([pa.null()], pa.null()),
        ([pa.null(), pa.int64()], pa.int64()),
        ([pa.int64(), pa.float64()], pa.float64()),
        ([pa.bool_(), pa.int64()], pa.string()),
        ([pa.bool_(), pa.float64()], pa.string()),
        ([pa.string(), pa.float64()], pa.string()),
        ([pa.string(), pa.null()], pa.string()),
        ([LIST(pa.int64()), LIST(pa.float64())], LIST(pa.float64())),
        ([LIST(pa.null()), LIST(pa.string())], LIST(pa.string())),
        ([LIST(pa.int64()), LIST(pa.string())], pa.string()),
        ([LIST(pa.int64()), LIST(LIST(pa.int64()))], pa.string()),
        ([LIST(LIST(pa.int64())), LIST(LIST(pa.float64()))], LIST(LIST(pa.float64()))),
        ([LIST(LIST(pa.int64())), LIST(LIST(pa.bool_()))], pa.string()),
        ([LIST(LIST(pa.null())), LIST(LIST(pa.string()))], LIST(LIST(pa.string()))),
        ([LIST(pa.int64()), pa.int64()], pa.string()),
        ([pa.decimal128(38, 2), pa.decimal128(38, 3)], pa.decimal128(38, 3)),
        ([pa.decimal128(38, 2), pa.float64()], pa.string()),
        ([pa.timestamp("us"), pa.timestamp("ns")], pa.timestamp("ns")),
        ([pa.timestamp("us", "UTC"), pa.timestamp("us", "+01:00")], pa.timestamp("us", "UTC")),
        ([pa.timestamp("us"), pa.timestamp("us", "UTC")], pa.string()),
        ([pa.duration("us"), pa.duration("ns")], pa.duration("ns")),
        ([pa.date32(), pa.timestamp("us")], pa.string()),
        ([pa.timestamp("us"), pa.string()], pa.string()),
    ],
)
def test_one_type_of(kinds: list[pa.DataType], wanted: pa.DataType) -> None:
    assert common_type(kinds) == wanted
    assert common_type(reversed(kinds)) == wanted


TYPES = st.recursive(
    st.sampled_from(
        [
            pa.null(),
            pa.bool_(),
            pa.int64(),
            pa.float64(),
            pa.string(),
            pa.binary(),
            pa.date32(),
            pa.timestamp("us"),
            pa.timestamp("ns"),
            pa.timestamp("us", "UTC"),
            pa.timestamp("ns", "+01:00"),
            pa.decimal128(38, 2),
            pa.decimal128(38, 3),
        ]
    ),
    lambda inner: inner.map(pa.list_),
    max_leaves=3,
)


@given(st.lists(TYPES, min_size=2, max_size=5), st.data())
def test_common_type_follows_from_what_there_is_in_whatever_order_and_groups(
    types: list[pa.DataType], data: st.DataObject
) -> None:
    wanted = common_type(types)
    assert common_type(data.draw(st.permutations(types))) == wanted
    cut = data.draw(st.integers(1, len(types)))
    assert common_type([common_type(types[:cut]), common_type(types[cut:])]) == wanted
    assert common_type([*types, *types]) == wanted


def test_common_types_have_every_column_in_order_of_appearance() -> None:
    found = common_types([{"b": pa.int64(), "a": pa.null()}, {"a": pa.string(), "c": pa.int64()}])
    assert list(found.items()) == [("b", pa.int64()), ("a", pa.string()), ("c", pa.int64())]


# write_batches, describe


def test_batches_are_one_file_that_says_what_its_columns_are_by_themselves(tmp_path: Path) -> None:
    path, natural = tmp_path / "t.parquet", pa.schema({"a": pa.int64()})
    tables = [pa.table({"a": ["1"]}), pa.table({"a": ["2", "3"]})]
    write_batches(tables, tables[0].schema, path, {"x": 1}, natural=natural)
    assert read(path).to_pydict() == {"a": ["1", "2", "3"]}
    found = describe(path)
    assert (found.schema.remove_metadata(), found.natural) == (tables[0].schema, natural)
    assert found.rows == 3


def test_batches_of_no_rows_are_a_file_with_the_columns(tmp_path: Path) -> None:
    schema = pa.schema({"a": pa.int64()})
    write_batches([], schema, tmp_path / "t.parquet", {})
    found = describe(tmp_path / "t.parquet")
    assert (found.rows, found.natural) == (0, schema)


@pytest.mark.parametrize(
    ("column", "is_empty"),
    [
        (pa.array([1, None]), False),
        (pa.array([None, None], pa.int64()), True),
        (pa.nulls(2), False),
        (pa.array([[1], None]), False),
        (pa.array([None, None], pa.list_(pa.int64())), True),
        (pa.array(["a", None]), False),
    ],
)
def test_column_of_nulls_that_has_a_type_is_found(
    tmp_path: Path, column: pa.Array, is_empty: bool
) -> None:
    write(pa.table({"x": [1, 2], "a": column}), tmp_path / "t.parquet", {})
    assert has_empty_column(tmp_path / "t.parquet") is is_empty


# rows of tables


@pytest.mark.parametrize("rows", [[], [1, 2], [2, 0], [0, None, 0], [None, 0, 1]])
def test_taken_rows_are_those_asked_for_and_null_for_none(rows: list[int | None]) -> None:
    values = {0: "a", 1: "b", 2: "c"}
    found = take_rows(pa.table({"x": list(values.values())}), rows)
    assert found["x"].to_pylist() == [values.get(row) for row in rows]


@pytest.mark.parametrize("texts", ["", "a", "abc", "cb", "bxa", "x", "aab"])
@pytest.mark.parametrize("among", ["", "abc", "cab"])
def test_places_of_texts_are_found_and_rows_with_them(texts: str, among: str) -> None:
    first = pa.chunked_array([list(texts[:1]), list(texts[1:])], pa.string())
    second = pa.chunked_array([list(among[:1]), list(among[1:])], pa.string())
    assert index_in(first, second) == [among.find(t) if t in among else None for t in texts]
    rows = pa.table({"task_id": first, "at": range(len(texts))})
    wanted = [at for at, text in enumerate(texts) if text in among]
    assert rows_with(rows, second)["at"].to_pylist() == wanted


# readers of a store


def add_part(store: Store, task_id: str) -> int:
    return store.add({"metadata": Batches.of(table(task_id=[task_id]))}, Footer("s", 1))


def test_parts_that_a_visit_replaces_while_they_are_read_are_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add_part(store, "a")
    add_part(store, "b")
    seen: list[list[int]] = []

    def tasks_of(parts: list[int]) -> list[str]:
        seen.append(parts)
        if len(seen) <= 2:  # first between two files, then after the last
            add_part(store, f"compacted {len(seen)}")
        first = [read(store.table("metadata", part))["task_id"][0].as_py() for part in parts[:1]]
        if len(seen) <= 2:
            for part in parts:
                store.part(part).rename(store.parts / f".{part:06d}")
        rest = [read(store.table("metadata", part))["task_id"][0].as_py() for part in parts[1:]]
        return first + rest

    assert store.at_once(tasks_of) == ["compacted 2"]
    assert seen == [[1, 2], [3], [4]]


def test_damaged_part_is_told_to_its_reader_and_not_read_for_ever(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.table("metadata", add_part(store, "a"))
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(Unreadable):
        store.at_once(lambda parts: [read(store.table("metadata", part)) for part in parts])
