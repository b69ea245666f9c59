"""Rows of tasks come under each other as they were handed over."""

from __future__ import annotations

from typing import Any

from snakestudy.running.row_buffer import MetricRows, RowBuffer
from snakestudy.tables.pieces import Buffer, Tokens, as_list


def held(buffer: RowBuffer) -> dict[str, list[Any]]:
    """Columns with the pieces as lists; a number is so many rows without the column."""
    return {
        name: [piece if isinstance(piece, int) else as_list(piece) for piece in pieces]
        for name, pieces in buffer.rows().columns.items()
    }


def test_rows_that_lack_a_column_are_counted_not_filled() -> None:
    buffer = RowBuffer()
    rows: list[tuple[int, dict]] = [
        (1, {"x": [1]}),
        (0, {}),
        (2, {"y": [2, 3]}),
        (1, {"x": [4], "z": [5]}),
        (0, {"x": [], "y": []}),
    ]
    for index, (count, columns) in enumerate(rows):
        buffer.add(index, count, columns)
    assert (buffer.indices, buffer.counts) == ([0, 1, 2, 3, 4], [1, 0, 2, 1, 0])
    assert held(buffer) == {"x": [[1], 2, [4]], "y": [1, [2, 3], 1], "z": [3, [5]]}


def test_buffer_does_not_keep_the_lists_of_its_tasks() -> None:
    buffer, own = RowBuffer(), {"x": [1], "t": Tokens(["1.10"])}
    buffer.add(0, 1, own)
    buffer.add(1, 1, {"x": [2], "t": Tokens(["2"])})
    assert own == {"x": [1], "t": ["1.10"]}
    assert held(buffer) == {"x": [[1, 2]], "t": [[1.1, 2]]}


def test_rows_of_workers_come_under_each_other() -> None:
    buffer = RowBuffer()
    buffer.add_rows(MetricRows([1, 0], [1, 1], {"x": [[1, 2]], "y": [1, ["a"]]}))
    buffer.add_rows(MetricRows([2], [2], {"x": [Buffer("int64", bytes(16))]}))
    assert (buffer.indices, buffer.counts) == ([1, 0, 2], [1, 1, 2])
    assert held(buffer) == {"x": [[1, 2], [0, 0]], "y": [1, ["a"], 2]}


def test_texts_of_files_stay_apart_from_texts() -> None:
    buffer = RowBuffer()
    buffer.add(0, 1, {"x": ["1"]})
    buffer.add(1, 1, {"x": Tokens(["1"])})
    assert held(buffer) == {"x": [["1"], [1]]}


def test_numbers_of_one_kind_travel_packed_and_others_as_they_are() -> None:
    buffer = RowBuffer()
    own = {"f": [0.5], "i": [1], "large": [2**63], "b": [True], "mixed": [1], "none": [None]}
    buffer.add(0, 1, own)
    buffer.add(1, 1, own | {"mixed": [0.5]})
    columns = buffer.rows().columns
    packed = {name for name, (piece,) in columns.items() if isinstance(piece, Buffer)}
    assert packed == {"f", "i"}
    wanted = {name: [values * 2] for name, values in own.items()}
    assert held(buffer) == wanted | {"mixed": [[1, 0.5]]}


def test_bytes_grow_with_what_is_held() -> None:
    buffer = RowBuffer()
    buffer.add(0, 1000, {"x": Buffer("double", bytes(8000))})
    assert buffer.bytes == 8000
    buffer.add(1, 1000, {"x": [0.5] * 1000})
    assert buffer.bytes > 16000
