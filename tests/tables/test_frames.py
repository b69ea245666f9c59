"""Frames and series: their index is data, their names texts, their values travel as they are."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rows_kit import as_columns, same

from snakestudy.errors import RowError
from snakestudy.tables.pieces import ArrowColumn, Buffer
from snakestudy.tables.rows import as_columns as as_pieces

FRAME = pd.DataFrame({"x": [1, 2]})


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (pd.Series([1.5, 2.5]), {"value": [1.5, 2.5]}),
        (pd.Series([1, 2], name="y"), {"y": [1, 2]}),
        (pd.Series({"a": 1, "b": 2}), {"index": ["a", "b"], "value": [1, 2]}),
        (FRAME.set_axis([3, 4]), {"index": [3, 4], "x": [1, 2]}),
        (FRAME[FRAME["x"] > 1].rename_axis("t"), {"t": [1], "x": [2]}),
        (FRAME.set_axis([0.5, 1.5]), {"index": [0.5, 1.5], "x": [1, 2]}),
        (FRAME.set_index(pd.RangeIndex(2, name="t")), {"t": [0, 1], "x": [1, 2]}),
        (FRAME.groupby(["x", [5, 6]])["x"].sum().rename("s"), {"level_1": [5, 6], "s": [1, 2]}),
        (FRAME.set_index(pd.MultiIndex.from_tuples([(0, "a"), (1, "b")])), {"level_1": ["a", "b"]}),
        (FRAME.agg(["sum"]), {"index": ["sum"], "x": [3]}),
        (pd.DataFrame(columns=["x"]), {"x": []}),
    ],
)
def test_index_is_data(rows: Any, wanted: dict) -> None:
    found = as_columns(rows)[1]
    assert same({name: found[name] for name in wanted}, wanted)
    assert len(found) == len(wanted) or "level_1" in wanted


def test_index_of_series_in_a_mapping_is_data_if_they_agree() -> None:
    left, right = pd.Series([1, 2], index=["a", "b"]), pd.Series([3, 4], index=["b", "a"])
    found = as_columns({"x": left, "y": [5, 6], "z": left * 2})
    assert found == (2, {"index": ["a", "b"], "x": [1, 2], "y": [5, 6], "z": [2, 4]})
    with pytest.raises(RowError, match="series with unlike indexes"):
        as_columns({"x": left, "y": right})
    with pytest.raises(RowError, match="'index' is doubled"):
        as_columns({"index": left})


def test_index_of_a_series_inside_of_a_value_is_not_dropped() -> None:
    assert as_columns([{"x": pd.Series([1, 2])}]) == (1, {"x": [[1, 2]]})
    with pytest.raises(RowError, match="column 'x': a Series inside of a value has an index"):
        as_columns([{"x": pd.Series([1, 2], index=["a", "b"])}])


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ([0, 1], ["0", "1"]),
        ([("a", "min"), ("a", "max")], ["a_min", "a_max"]),
        (pd.MultiIndex.from_tuples([("a", ""), ("b", 1)]), ["a", "b_1"]),
        ([0.5, dt.date(2024, 1, 2)], ["0.5", "2024-01-02"]),
        (
            pd.to_datetime(["2024-01-01", "2024-01-02"]),
            ["2024-01-01 00:00:00", "2024-01-02 00:00:00"],
        ),
        (np.array(["a", "b"]), ["a", "b"]),
    ],
)
def test_names_become_texts(columns: Any, wanted: list[str]) -> None:
    frame = pd.DataFrame([[1, 2]])
    frame.columns = columns
    assert list(as_columns(frame)[1]) == wanted


@pytest.mark.parametrize("names", [["1", 1], [("a", "b"), "a_b"]])
def test_names_of_one_text_are_refused(names: list) -> None:
    frame = pd.DataFrame([[1, 2]])
    frame.columns = pd.Index(names, tupleize_cols=False)
    with pytest.raises(RowError, match="is doubled"):
        as_columns(frame)


def test_arrays_and_numbers_of_frames_travel_as_buffers() -> None:
    frame = pd.DataFrame({"i": np.arange(3, dtype="uint8"), "f": np.float32(0.5), "b": [True] * 3})
    frame["n"] = pd.array([1, None, 3], dtype="Int16")
    frame["s"] = ["a", "b", None]
    _, pieces = as_pieces(frame, set())
    kinds = {name: p.kind for name, p in pieces.items() if isinstance(p, Buffer)}
    assert kinds == {"i": "int64", "f": "double", "b": "bool", "n": "int64"}
    assert isinstance(pieces["s"], ArrowColumn)
    assert as_columns(frame)[1]["n"] == [1, None, 3]
    assert as_columns(frame)[1]["s"] == ["a", "b", None]
    _, pieces = as_pieces({"m": np.ones((5, 2, 3))}, set())
    assert pieces["m"].shape == (2, 3)  # pyright: ignore
    assert len(pieces["m"]) == 5


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (np.array([1, 2], ">i2"), [1, 2]),
        (np.array([1, 2**64 - 1], "u8"), [1, 2**64 - 1]),
        (np.array([0.5], "f2"), [0.5]),
        (np.array([0.5], np.longdouble), [0.5]),
        (np.array([1 + 2j]), ["(1+2j)"]),
        (np.array([1 + 2j], np.clongdouble), ["(1+2j)"]),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.array([b"a"]), [b"a"]),
        (np.array([{"k": 1}, None, 2.5], object), [{"k": 1}, None, 2.5]),
        (np.ma.masked_array([1, 2], [True, False]), [None, 2]),
        (np.ma.masked_array([[1, 2]], [[True, False]]), [[None, 2]]),
        (np.zeros((2, 0)), [[], []]),
        (np.zeros(0), []),
        (np.array([(1, 0.5)], [("a", int), ("b", float)]), [{"a": 1, "b": 0.5}]),
        (np.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
        (np.array([["2024-01-01", "NaT"]], "M8[D]"), [[dt.date(2024, 1, 1), None]]),
    ],
)
def test_array_becomes_values(array: Any, wanted: list) -> None:
    assert same(as_columns({"x": array})[1]["x"], wanted)


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (np.array([1, 2]), {"value": [1, 2]}),
        (np.array(1.5), {"value": [1.5]}),
        (np.array([[1, 2], [3, 4]]), {"c0": [1, 3], "c1": [2, 4]}),
        (np.array([(1, "x")], [("a", int), ("t", "U1")]), {"a": [1], "t": ["x"]}),
        (np.rec.array([(1, 2.5)], names="a,b"), {"a": [1], "b": [2.5]}),
    ],
)
def test_array_is_rows(array: Any, wanted: dict) -> None:
    assert as_columns(array)[1] == wanted


T = np.datetime64("2024-01-02T03:04:05")


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        *((unit, "date32") for unit in ("Y", "M", "W", "D")),
        *((unit, "timestamp[us]") for unit in ("h", "m", "s", "ms", "us", "10ms")),
        *((unit, "timestamp[ns]") for unit in ("ns", "ps", "fs")),
    ],
)
def test_numpy_times_of_every_unit_stay_times(unit: str, kind: str) -> None:
    time = np.datetime64("1970-01-01T00:00:01" if unit in ("ps", "fs") else T)
    array = np.array([time.astype(f"M8[{unit}]"), "NaT"], f"M8[{unit}]")
    piece = as_pieces({"t": array}, set())[1]["t"]
    assert isinstance(piece, Buffer)
    assert (piece.kind, piece.valid) == (kind, b"\x01\x00")
    value, missing = as_columns({"t": array})[1]["t"]
    assert missing is None
    assert np.datetime64(value).astype(array.dtype) == array[0]
    assert as_columns({"t": array[0]})[1]["t"] in ([value], [value.isoformat()])
    assert as_columns([{"t": array[0]}, {"t": array[1]}])[1]["t"] == [value, None]


@pytest.mark.parametrize("unit", ["W", "D", "h", "m", "s", "ms", "us", "ns", "ps"])
def test_numpy_spans_of_every_unit_stay_spans(unit: str) -> None:
    array = np.array([2000, "NaT"], f"m8[{unit}]")
    value, missing = as_columns({"t": array})[1]["t"]
    assert missing is None
    assert pd.Timedelta(value).to_timedelta64().astype(array.dtype) == array[0]
    assert as_columns([{"t": array[0]}])[1]["t"] == [value]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([1], "M8[as]"), "not exact in ns"),
        (np.array([1], "m8[ps]"), "not exact in ns"),
        (np.array([2**62], "M8[s]"), "not exact in us"),
        (np.array([2**40], "M8[Y]"), "time|dates"),
        (np.array([1], "m8[Y]"), "no fixed length"),
        (np.array([1], "m8"), "without a unit"),
        (np.timedelta64(1, "M"), "no fixed length"),
        (np.datetime64(20000, "Y"), "outside of the years"),
        (np.array(["-0001-01-01"], "M8[s]"), "outside of the years 1 to 9999"),
        (np.array(["10000-01-01"], "M8[D]"), "outside of the years 1 to 9999"),
        (pa.array([2**60], pa.timestamp("us")), "outside of the years 1 to 9999"),
        ([[np.datetime64(1, "ns")]], "to the nanosecond inside of a value"),
        ([np.datetime64(1, "ns"), 1], "to the nanosecond beside other values"),
        ([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], "with a zone beside"),
        ([[dt.datetime(2024, 1, 1)], dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], "with a zone beside"),
        ([pd.Timestamp(1, tz="UTC"), dt.datetime(2024, 1, 1)], "with a zone beside"),
        (dt.time(1, tzinfo=dt.UTC), "a time of day with a zone"),
    ],
)
def test_time_that_no_column_holds_is_refused_with_its_name(value: Any, words: str) -> None:
    with pytest.raises(RowError, match=f"column 't': .*({words})"):
        as_columns({"t": value})


BERLIN = ZoneInfo("Europe/Berlin")
WINTER, SUMMER = dt.datetime(2024, 1, 1, 12), dt.datetime(2024, 7, 1, 12)


class OwnZone(dt.tzinfo):
    """A zone with no name that others know."""

    def utcoffset(self, at: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=2 if at and at.month == 7 else 1)

    def dst(self, _: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta()


OWN = OwnZone()


def zoned(zone: Any, times: Any = (WINTER, SUMMER)) -> pd.Series:
    return pd.Series(pd.to_datetime(list(times))).dt.tz_localize(zone)


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (zoned("Europe/Berlin"), "Europe/Berlin"),
        (zoned(BERLIN), "Europe/Berlin"),
        (zoned("UTC"), "UTC"),
        (zoned(dt.timezone(dt.timedelta(hours=-3.5))), "-03:30"),
        (zoned(OWN, [WINTER]), "+01:00"),
        (zoned(dt.timezone(dt.timedelta(seconds=90))), "UTC"),
    ],
)
def test_zone_is_one_that_readers_know_and_the_instant_stays(series: Any, kind: str) -> None:
    piece = as_pieces({"t": series}, set())[1]["t"]
    assert isinstance(piece, Buffer)
    assert piece.kind == f"timestamp[us, tz={kind}]"
    assert as_columns({"t": series})[1]["t"] == list(series)
    assert as_columns({"t": series.tolist()})[1]["t"] == list(series)


def test_times_of_python_in_an_unknown_zone_have_its_offset_each() -> None:
    times = [WINTER.replace(tzinfo=OWN), SUMMER.replace(tzinfo=OWN)]
    found = as_pieces({"t": times}, set())[1]["t"]
    assert found == times
    offsets = [dt.timezone(dt.timedelta(hours=1)), dt.timezone(dt.timedelta(hours=2))]
    assert [value.tzinfo for value in found] == offsets  # pyright: ignore


def test_pandas_times_keep_nanoseconds_if_they_have_them() -> None:
    fine, coarse = pd.Timestamp(1_000_000_001, tz="Europe/Berlin"), pd.Timestamp(0, tz="UTC")
    piece = as_pieces([{"t": fine}, {"t": None}, {"t": coarse}], set())[1]["t"]
    assert isinstance(piece, Buffer)
    assert (piece.kind, piece.valid) == ("timestamp[ns, tz=UTC]", b"\x01\x00\x01")
    assert np.frombuffer(piece.data, "i8").tolist() == [1_000_000_001, 0, 0]
    assert as_pieces({"t": fine}, set())[1]["t"].kind == "timestamp[ns, tz=Europe/Berlin]"  # pyright: ignore
    piece = as_pieces({"t": [pd.Timedelta(1), dt.timedelta(1)]}, set())[1]["t"]
    assert isinstance(piece, Buffer)
    assert piece.kind == "duration[ns]"
    assert as_columns({"t": [coarse]})[1]["t"] == [dt.datetime(1970, 1, 1, tzinfo=dt.UTC)]
    series = pd.Series([pd.Timestamp(1), pd.NaT])
    assert as_pieces(pd.DataFrame({"t": series}), set())[1]["t"].kind == "timestamp[ns]"  # pyright: ignore


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pa.array([1, None], pa.uint8()), [1, None]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([np.float16(0.5)], pa.float16()), [0.5]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["a"], pa.string_view()), ["a"]),
        (pa.array([b"a"], pa.binary(1)), [b"a"]),
        (pa.array([[1]], pa.large_list(pa.int8())), [[1]]),
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), [[1, 2]]),
        (pa.array([{"k": [1]}]), [{"k": [1]}]),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [[["k", 1]]]),
        (pa.array([Decimal("1.50")]), [Decimal("1.50")]),
        (pa.array([WINTER], pa.timestamp("s")), [WINTER]),
        (pa.array([0], pa.date64()), [dt.date(1970, 1, 1)]),
        (pa.array([1000], pa.time64("ns")), [dt.time(0, 0, 0, 1)]),
        (pa.array([1], pa.duration("s")), [dt.timedelta(seconds=1)]),
        (pa.array([None]), [None]),
        (pa.array([True, None]), [True, None]),
    ],
)
def test_arrow_column_becomes_values(column: pa.Array, wanted: list) -> None:
    assert same(as_columns({"x": column})[1]["x"], wanted)
    assert same(as_columns(pa.table({"x": column}))[1]["x"], wanted)


def test_arrow_zone_that_readers_do_not_know_is_utc() -> None:
    column = pa.array([0], pa.timestamp("us", "Mars/Phobos"))
    (value,) = as_columns({"t": column})[1]["t"]
    assert (value.timestamp(), str(value.tzinfo)) == (0, "UTC")


def test_arrow_time_that_is_not_exact_in_microseconds_is_refused() -> None:
    with pytest.raises(RowError, match=r"column 't': time64\[ns\] is not exact in time64\[us\]"):
        as_columns({"t": pa.array([1], pa.time64("ns"))})


def test_text_of_a_file_that_is_no_utf8_is_refused() -> None:
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    with pytest.raises(RowError, match="UTF8"):
        as_columns({"t": bad})


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [
        (FRAME, {"x": [1, 2]}),
        (FRAME.set_axis([5, 6]), {"x": [1, 2], "index": [5, 6]}),
        (FRAME.set_axis(pd.RangeIndex(5, 9, 2)), {"index": [5, 7], "x": [1, 2]}),
        (FRAME.rename_axis("t"), {"t": [0, 1], "x": [1, 2]}),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), {"a_b": [1]}),
    ],
)
def test_index_that_pandas_keeps_in_an_arrow_table_is_data(frame: Any, wanted: dict) -> None:
    assert as_columns(pa.Table.from_pandas(frame))[1] == wanted


def test_polars_frames_and_series_are_rows() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "c": polars.Series(["a"], dtype=polars.Categorical),
            "o": polars.Series([{1}], dtype=polars.Object),
        }
    )
    assert as_columns(frame.drop("o"))[1] == {"c": ["a"]}
    with pytest.raises(RowError, match="column 'o': a set is no value"):
        as_columns(frame)
    assert as_columns(polars.Series("y", [1, None])) == (2, {"y": [1, None]})
    assert as_columns(polars.Series([dt.datetime(2024, 1, 1)]))[1] == {
        "value": [dt.datetime(2024, 1, 1)]
    }
