"""Columns keep the kinds of values; what they are shown in follows from the rows there are."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from snakestudy.tables.arrow_columns import arrow_piece
from snakestudy.tables.kinds import Variants, as_before, as_stored, stored_pieces, stored_schema
from snakestudy.tables.pieces import Buffer, Piece, Tokens, as_list

LIST, DECIMAL = pa.list_, pa.decimal128(38, 2)


def shown(*pieces: Any) -> tuple[pa.DataType, list]:
    """What pieces under each other are shown as."""
    variants = Variants.of_stored(stored_pieces(pieces))
    type_ = variants.type()
    found = variants.shown(type_)
    assert found.type == type_
    return type_, found.to_pylist()


def arrow(values: list, type_: pa.DataType | None = None) -> Piece:
    return arrow_piece(pa.array(values, type_))


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
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
        ([1, 2.5, 1.0, "x"], pa.string(), ["1", "2.5", "1.0", "x"]),
        (["a", 0.1, True], pa.string(), ["a", "0.1", "true"]),
        ([True, 1], pa.string(), ["true", "1"]),
        ([0.5, True], pa.string(), ["0.5", "true"]),
        ([math.inf, "x"], pa.string(), ["inf", "x"]),
        ([2**63, 1], pa.string(), [str(2**63), "1"]),
        ([-(2**63), 2**63 - 1], pa.int64(), [-(2**63), 2**63 - 1]),
        ([[1], [2, 3], []], LIST(pa.int64()), [[1], [2, 3], []]),
        ([[1], [2.5]], LIST(pa.float64()), [[1.0], [2.5]]),
        ([[1, 2.5]], LIST(pa.float64()), [[1.0, 2.5]]),
        ([[1], None], LIST(pa.int64()), [[1], None]),
        ([[], ["x"]], LIST(pa.string()), [[], ["x"]]),
        ([[None], [[1]]], LIST(LIST(pa.int64())), [[None], [[1]]]),
        ([[1], ["a"]], pa.string(), ["[1]", '["a"]']),
        ([[1, "a"]], pa.string(), ['[1, "a"]']),
        ([[1.0], [[1.0], [2.0]]], pa.string(), ["[1.0]", "[[1.0], [2.0]]"]),
        ([[1], 2, None], pa.string(), ["[1]", "2", None]),
        ([{"a": 1}, "x"], pa.string(), ['{"a": 1}', "x"]),
        ([{}, {"b": [1, {"c": None}]}], pa.string(), ["{}", '{"b": [1, {"c": null}]}']),
        ([b"\x00", None], pa.binary(), [b"\x00", None]),
        ([date(2024, 1, 2)], pa.date32(), [date(2024, 1, 2)]),
        ([time(1, 2, 3, 4)], pa.time64("us"), [time(1, 2, 3, 4)]),
        ([timedelta(1, 2, 3)], pa.duration("us"), [timedelta(1, 2, 3)]),
        ([timedelta.max], pa.string(), [str(timedelta.max)]),
        ([Decimal("1.1"), Decimal("2.25")], DECIMAL, [Decimal("1.10"), Decimal("2.25")]),
        ([Decimal("1.10"), Decimal("2.125"), "x"], pa.string(), ["1.10", "2.125", "x"]),
        ([Decimal("NaN"), Decimal("1e30")], pa.string(), ["NaN", "1E+30"]),
        ([complex(1, 2)], pa.string(), ["(1+2j)"]),
    ],
)  # fmt: skip
def test_values_are_shown_in_the_one_type_that_holds_them(
    values: list, kind: pa.DataType, wanted: list
) -> None:
    assert shown(values) == (kind, wanted)
    assert shown(*([value] for value in values)) == (kind, wanted)


NAIVE = datetime(2024, 1, 1)
BERLIN = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
KOLKATA = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([NAIVE], pa.timestamp("us"), [NAIVE]),
        ([BERLIN], pa.timestamp("us", "Europe/Berlin"), [BERLIN]),
        ([KOLKATA], pa.timestamp("us", "+05:30"), [KOLKATA]),
        ([NAIVE.replace(tzinfo=UTC)], pa.timestamp("us", "UTC"), [NAIVE.replace(tzinfo=UTC)]),
        ([BERLIN, KOLKATA], pa.timestamp("us", "UTC"), [BERLIN, KOLKATA]),
        ([NAIVE, BERLIN], pa.string(), [str(NAIVE), str(BERLIN)]),
        ([date(2024, 1, 1), NAIVE], pa.string(), ["2024-01-01", str(NAIVE)]),
    ],
)
def test_times_keep_their_zone_and_are_never_shifted(
    values: list, kind: pa.DataType, wanted: list
) -> None:
    assert shown(values) == (kind, wanted)
    assert shown(*([value] for value in values)) == (kind, wanted)


@pytest.mark.parametrize(
    ("files", "kind", "wanted"),
    [
        ([["1.9.3"], ["1.10"], ["2.0"]], pa.string(), ["1.9.3", "1.10", "2.0"]),
        ([["1.9"], ["1.10"]], pa.float64(), [1.9, 1.1]),
        ([["A01"], ["007"]], pa.string(), ["A01", "007"]),
        ([["008"], ["007"]], pa.int64(), [8, 7]),
        ([["1"], ["NA"], [None]], pa.int64(), [1, None, None]),
        ([["x"], ["NA"], [None]], pa.string(), ["x", "NA", None]),
        ([["NA"], [None]], pa.null(), [None, None]),
        ([["TRUE"], ["false"], ["NA"]], pa.bool_(), [True, False, None]),
        ([["true"], ["1"]], pa.string(), ["true", "1"]),
        ([["1"], ["1.0D-03"]], pa.float64(), [1.0, 0.001]),
        ([[str(2**64)], ["1"]], pa.string(), [str(2**64), "1"]),
    ],
)
def test_texts_of_files_are_what_all_of_them_read_as(
    files: list[list], kind: pa.DataType, wanted: list
) -> None:
    assert shown(*map(Tokens, files)) == (kind, wanted)
    together = Tokens(text for texts in files for text in texts)
    assert shown(together) == (kind, wanted)
    assert as_list(together) == wanted


def test_texts_of_files_beside_values() -> None:
    assert shown(Tokens(["1.10"]), [2]) == (pa.float64(), [1.1, 2.0])
    assert shown(Tokens(["1.10"]), ["x"]) == (pa.string(), ["1.10", "x"])


FOUR = struct.pack("4d", 1, 2, 3, 4)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("buffer", "kind", "wanted"),
    [
        (Buffer("double", struct.pack("2d", 1, math.inf)), pa.float64(), [1.0, math.inf]),
        (Buffer("int64", struct.pack("2q", 1, 2), b"\x01\x00"), pa.int64(), [1, None]),
        (Buffer("bool", b"\x01\x00\x01", b"\x01\x01\x00"), pa.bool_(), [True, False, None]),
        (Buffer("date32", struct.pack("i", 1)), pa.date32(), [date(1970, 1, 2)]),
        (Buffer("double", FOUR, None, (2,)), LIST(pa.float64()), [[1, 2], [3, 4]]),
        (Buffer("double", FOUR, None, (2, 1)), LIST(LIST(pa.float64())), [[[1], [2]], [[3], [4]]]),
        (Buffer("timestamp[us, tz=+01:00]", bytes(8)), pa.timestamp("us", "+01:00"), [EPOCH]),
        (Buffer("double", b""), pa.null(), []),
        (Buffer("int64", struct.pack("q", 7), b"\x00"), pa.null(), [None]),
    ],
)  # fmt: skip
def test_arrays_are_shown_as_they_are(buffer: Buffer, kind: pa.DataType, wanted: list) -> None:
    assert len(buffer) == len(wanted)
    assert shown(buffer) == (kind, wanted)


@pytest.mark.parametrize(
    ("values", "type_", "kind", "wanted"),
    [
        ([1], pa.uint8(), pa.int64(), [1]),
        ([2**64 - 1, 1], pa.uint64(), pa.string(), [str(2**64 - 1), "1"]),
        ([1.5], pa.float16(), pa.float64(), [1.5]),
        ([0.5], pa.float32(), pa.float64(), [0.5]),
        (["a", None], pa.large_string(), pa.string(), ["a", None]),
        (["a"], pa.dictionary(pa.int8(), pa.string()), pa.string(), ["a"]),
        ([[1]], pa.list_(pa.int32(), 1), LIST(pa.int64()), [[1]]),
        ([{"a": 1}], pa.struct({"a": pa.int64()}), pa.string(), ['{"a": 1}']),
        ([date(2024, 1, 1)], pa.date64(), pa.date32(), [date(2024, 1, 1)]),
        ([NAIVE], pa.timestamp("s"), pa.timestamp("us"), [NAIVE]),
        ([Decimal("1.5")], pa.decimal128(5, 2), pa.decimal128(38, 2), [Decimal("1.50")]),
        ([Decimal("1.5")], pa.decimal256(70, 2), pa.decimal128(38, 2), [Decimal("1.50")]),
        ([None], pa.int64(), pa.null(), [None]),
    ],
)
def test_arrow_columns_are_shown_as_plain_values_are(
    values: list, type_: pa.DataType, kind: pa.DataType, wanted: list
) -> None:
    assert shown(arrow(values, type_)) == (kind, wanted)


def test_rows_that_lack_a_column_are_null_and_no_rows_have_it_if_all_lack_it() -> None:
    stored = Variants.of_stored(stored_pieces([2, [1], 1]))
    assert stored.first == 2
    assert stored.shown(stored.type()).to_pylist() == [None, None, 1, None]
    assert Variants.of_stored(stored_pieces([3])).first is None
    assert Variants.of_stored(stored_pieces([[None]])).first == 0


def test_stored_tables_under_each_other_know_what_each_lacked() -> None:
    one = pa.table({"a": stored_pieces([[1]])})
    other = pa.table({"b": stored_pieces([["x", 2]]), "a": stored_pieces([[1.5, None]])})
    schema = stored_schema([one.schema, other.schema])
    whole = pa.concat_tables([as_stored(one, schema), as_stored(other, schema)])
    assert Variants.of_stored(whole["b"]).first == 1
    assert Variants.of_stored(whole["a"]).type() == pa.float64()


def test_columns_of_a_lost_store_are_what_they_were_where_an_output_tells() -> None:
    output = pa.table({"a": ["1", None], "b": [1.0, 2.0], "c": ["x", "1"], "d": ["true", "false"]})
    natural = pa.schema({"a": pa.int64(), "b": pa.int64(), "c": pa.string(), "d": pa.bool_()})
    found = as_before(output, natural)
    assert found.schema == natural
    assert found.to_pydict() == {
        "a": [1, None], "b": [1, 2], "c": ["x", "1"], "d": [True, False],
    }  # fmt: skip


CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=2)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Europe/Berlin")]))
    | st.timedeltas()
    | st.times()
    | st.decimals()
    | st.complex_numbers()
    | st.recursive(
        st.none() | st.integers(0, 9) | st.floats() | st.text(max_size=2),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=1), inner),
        max_leaves=4,
    )
)


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, max_size=4), min_size=1, max_size=4), st.data())
def test_what_values_are_shown_as_does_not_depend_on_how_they_were_cut(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list], data: st.DataObject
) -> None:
    cells = [cell for values in columns for cell in values]
    wanted = shown(cells)
    assert repr(shown(*columns)) == repr(wanted)
    path = tmp_path_factory.mktemp("store") / "t.parquet"
    parts = [pa.table({"a": stored_pieces([values])}) for values in columns if values]
    for number, part in enumerate(parts):
        parquet.write_table(part, path)
        parts[number] = parquet.read_table(path)
    if parts:
        schema = stored_schema([part.schema for part in parts])
        whole = pa.concat_tables([as_stored(part, schema) for part in parts])
        variants = Variants.of_stored(whole["a"])
        assert variants.type() == wanted[0]
        assert repr(variants.shown(wanted[0]).to_pylist()) == repr(wanted[1])
        keep = data.draw(st.lists(st.integers(0, len(cells) - 1), unique=True).map(sorted))
        some = Variants.of_stored(whole["a"].take(pa.array(keep, pa.int64())))
        assert repr((some.type(), some.shown(some.type()).to_pylist())) == repr(
            shown([cells[i] for i in keep])
        )
