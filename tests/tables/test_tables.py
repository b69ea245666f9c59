"""Parquet tables: written whole or not at all, one type a column.

Long: one table of types.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import Footer
from snakestudy.tables.arrow import (
    Unreadable,
    array,
    cast_to,
    common_schema,
    common_type,
    concat,
    footer_of,
    index_in,
    read,
    rows_with,
    take_rows,
    write,
)


def table(**columns: Any) -> pa.Table:
    return pa.table({name: array(values) for name, values in columns.items()})


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


# array

LIST = pa.list_


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        ([1, 2], pa.int64(), [1, 2]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([2.5, None, 1], pa.float64(), [2.5, None, 1.0]),
        ([2**53 + 1, 0.5], pa.float64(), [float(2**53), 0.5]),
        ([None, None], pa.null(), [None, None]),
        ([], pa.null(), []),
        ([True, None], pa.bool_(), [True, None]),
        (["a", None, ""], pa.string(), ["a", None, ""]),
        ([1, "a", None], pa.string(), ["1", "a", None]),
        (["a", 0.1, True], pa.string(), ["a", "0.1", "true"]),
        ([True, 1], pa.string(), ["true", "1"]),
        ([1, True], pa.string(), ["1", "true"]),
        ([True, 0.5], pa.string(), ["true", "0.5"]),
        ([0.5, True], pa.string(), ["0.5", "true"]),
        ([2**63, 1], pa.string(), [str(2**63), "1"]),
        ([2**64], pa.string(), [str(2**64)]),
        ([2**64, 0.5], pa.float64(), [float(2**64), 0.5]),
        ([[1], [2, 3], []], LIST(pa.int64()), [[1], [2, 3], []]),
        ([[1], [2.5]], LIST(pa.float64()), [[1.0], [2.5]]),
        ([[1], None], LIST(pa.int64()), [[1], None]),
        ([[1], ["a"]], pa.string(), ["[1]", '["a"]']),
        ([[1], 2, None], pa.string(), ["[1]", "2", None]),
        ([{"a": 1}, "x"], pa.string(), ['{"a": 1}', "x"]),
    ],
)
def test_values_have_one_type(values: list, kind: pa.DataType, shown: list) -> None:
    found = array(values)
    assert found.type == kind
    assert found.to_pylist() == shown


def test_nan_is_not_null() -> None:
    found = array([math.nan, None, 1])
    assert found.type == pa.float64()
    assert math.isnan(found[0].as_py())
    assert found.null_count == 1


@pytest.mark.parametrize("values", [[{}], [{}, {"a": 1}], [[{}]], [{"a": {}}]])
def test_every_array_can_be_written(tmp_path: Path, values: list) -> None:
    write(table(a=values), tmp_path / "t.parquet", {})
    assert len(read(tmp_path / "t.parquet")) == len(values)


# one_type, one_schema


@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        ([], pa.null()),
        ([pa.null()], pa.null()),
        ([pa.null(), pa.int64()], pa.int64()),
        ([pa.int64(), pa.float64()], pa.float64()),
        ([pa.int32(), pa.int64()], pa.int64()),
        ([pa.bool_(), pa.int64()], pa.string()),
        ([pa.bool_(), pa.float64()], pa.string()),
        ([pa.string(), pa.float64()], pa.string()),
        ([pa.string(), pa.null()], pa.string()),
        ([LIST(pa.int64()), LIST(pa.float64())], LIST(pa.float64())),
        ([LIST(pa.null()), LIST(pa.string())], LIST(pa.string())),
        ([LIST(LIST(pa.int64())), LIST(LIST(pa.bool_()))], LIST(LIST(pa.string()))),
        ([LIST(pa.int64()), pa.int64()], pa.string()),
        ([pa.struct({"a": pa.int64()}), pa.int64()], pa.string()),
        ([pa.timestamp("us"), pa.string()], pa.string()),
    ],
)
def test_one_type_of(kinds: list[pa.DataType], wanted: pa.DataType) -> None:
    assert common_type(kinds) == wanted
    assert common_type(reversed(kinds)) == wanted


def test_one_schema_has_every_column_in_order_of_appearance() -> None:
    found = common_schema([table(b=[1], a=[None]).schema, table(a=["x"], c=[1]).schema])
    assert found == pa.schema({"b": pa.int64(), "a": pa.string(), "c": pa.int64()})


# conform, stack


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ([1], [2.5], [1.0, 2.5]),
        ([None], [2], [None, 2]),
        ([None], ["x"], [None, "x"]),
        ([1], ["x"], ["1", "x"]),
        ([0.5], ["x"], ["0.5", "x"]),
        ([True], [1], ["true", "1"]),
        ([[1]], [[2.5], None], [[1.0], [2.5], None]),
        ([[]], [["x"]], [[], ["x"]]),
        ([[1]], [["x"]], [["1"], ["x"]]),
        ([[True, None]], [[1]], [["true", None], ["1"]]),
        ([[1]], [2], ["[1]", "2"]),
        ([{"a": 1}], [{"b": "ü"}], ['{"a": 1}', '{"b": "ü"}']),
        ([2**60 + 1], [0.5], [float(2**60), 0.5]),
        ([2**63], [1], [str(2**63), "1"]),
        ([], [1], [1]),
    ],
)
def test_stacked_tables_have_one_type(first: list, second: list, wanted: list) -> None:
    found = concat([table(a=first), table(a=second)])
    assert found["a"].to_pylist() == wanted
    assert found.schema.field("a").type == array(wanted).type


def test_missing_column_is_null_in_a_stack() -> None:
    found = concat([table(a=[1, 2]), table(b=["x"]), table(a=[0.5], b=["y"])])
    assert found.to_pydict() == {"a": [1.0, 2.0, None, 0.5], "b": [None, None, "x", "y"]}


def test_stack_of_one_keeps_types_and_drops_the_footer(tmp_path: Path) -> None:
    write(table(a=[None], b=[1]), tmp_path / "t.parquet", {"x": 1})
    found = concat([read(tmp_path / "t.parquet")])
    assert found.schema.metadata is None
    assert found.to_pydict() == {"a": [None], "b": [1]}


def test_conform_orders_columns_as_the_schema() -> None:
    schema = pa.schema({"b": pa.string(), "new": pa.float64(), "a": pa.float64()})
    found = cast_to(table(a=[1], b=[None]), schema)
    assert found.schema == schema
    assert found.to_pydict() == {"b": [None], "new": [None], "a": [1.0]}


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


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.lists(st.none() | st.integers(0, 9) | st.text(max_size=2), max_size=2)
)


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, max_size=4), min_size=1, max_size=4))
def test_any_columns_stack_keep_their_nulls_and_read_as_one_data_set(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list]
) -> None:
    tables = [table(a=values) for values in columns]
    stacked = concat(tables)
    cells = [cell for values in columns for cell in values]
    assert stacked["a"].is_null().to_pylist() == [cell is None for cell in cells]
    directory = tmp_path_factory.mktemp("metric")
    schema = common_schema([part.schema for part in tables])
    for number, part in enumerate(tables):
        write(cast_to(part, schema), directory / f"{number}.parquet", {})
    assert len(pd.read_parquet(directory)) == len(cells)


# readers of a store


def add_part(store: Store, task_id: str) -> int:
    return store.add({"metadata": table(task_id=[task_id])}, Footer("s", 1))


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
