"""Some rows of a table: by their places, by the tasks they are of."""

from __future__ import annotations

from array import array

import pyarrow as pa


def take_rows(table: pa.Table, rows: list[int] | list[int | None]) -> pa.Table:
    """Some rows of a table, nulls for None; where they follow each other, nothing is copied."""
    first = rows[0] if rows else 0
    if first is not None and rows == list(range(first, first + len(rows))):
        return table.slice(first, len(rows))
    return table.take(pa.array(rows, pa.int64()))


def index_in(texts: pa.ChunkedArray, among: pa.ChunkedArray) -> list[int | None]:
    """The row of each text among others, None where it is none of them."""
    if not len(among):
        return [None] * len(texts)
    places = places_in(texts, among)
    return list(range(len(texts))) if places is None else places.to_pylist()


def places_in(texts: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """As `index_in`, as an array; None if the texts are alike."""
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
