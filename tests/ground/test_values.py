"""Parameter values: one canonical text each, the task_id, and the way out and in unchanged.

Long: one table of values and their texts.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakestudy.config.resolve import resolve
from snakestudy.config.study import Task
from snakestudy.design.columns import Column
from snakestudy.storage.documents import ManifestSpec, StepSpec
from snakestudy.storage.manifest import Manifest, encoded
from snakestudy.values import (
    as_text,
    canonical,
    digest,
    digest_of,
    nest,
    parse_number,
    plain,
    task_id,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
SETS = st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=4)
HOSTILE = ["", " ", "'", '"', "\\", "{a}", "{{", "}", "-rf", "--", "ünï漢🎉", "a\nb", "\t", "\x00"]


def same(found: Any, wanted: Any) -> bool:
    """Equal in value and in type, all the way down: 1, 1.0 and true are three."""
    return repr(found) == repr(wanted)


TASK = Task.of(
    resolve("c.yaml", {"study": "s", "design": {"seeds": 1}, "task": {"command": "a"}})["steps"][0]
)
STEP = StepSpec(TASK, "0123456789abcdef", (), {}, {})
SPEC = ManifestSpec("00001", "s", {"run": STEP}, 1, "keep", "continue", (), (), {}, {}, ())


def manifest_of(columns: dict[str, list[Any]]) -> Manifest:
    """A manifest with these parameters, built as `ManifestBuilder.new` does."""
    count = len(next(iter(columns.values())))
    table: dict[str, Any] = {
        "task_id": [
            task_id({name: columns[name][row] for name in columns}) for row in range(count)
        ],
        "seq": pa.array(range(count), pa.int64()),
        "plan": pa.array([1] * count, pa.int32()),
        "_active": [True] * count,
        "_max_attempt.run": pa.array([1] * count, pa.int32()),
        "_inputs.run": pa.array([None] * count, pa.string()),
        "_not_before_plan.run": pa.array([0] * count, pa.int32()),
    }
    as_json = []
    for name, values in columns.items():
        column = Column.of(values)
        nothing = np.array([value is None for value in values])
        table[name], is_json = encoded(column.values, np.where(nothing, -1, column.codes))
        as_json += [name] if is_json else []
    return Manifest(replace(SPEC, as_json=tuple(as_json)), pa.table(table))


# task_id


def test_id_is_the_first_16_hex_digits_of_sha256_over_sorted_json() -> None:
    text = b'{"a":1,"b":"x","c":[true,null,0.5]}'
    wanted = hashlib.sha256(text).hexdigest()[:16]
    assert task_id({"c": [True, None, 0.5], "b": "x", "a": 1.0}) == wanted


@given(SETS, st.randoms())
def test_id_does_not_depend_on_the_order_of_keys(parameters: dict, random: Any) -> None:
    items = list(parameters.items())
    random.shuffle(items)
    assert task_id(dict(items)) == task_id(parameters)


@given(st.dictionaries(st.text(), SCALARS, min_size=2, max_size=4), st.randoms())
def test_id_does_not_depend_on_the_order_of_nested_keys(value: dict, random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert task_id({"a": {"in": dict(items)}}) == task_id({"a": {"in": value}})


@given(st.integers(-(2**53), 2**53))
def test_int_and_the_equal_float_have_one_id(value: int) -> None:
    for wrap in (lambda x: x, lambda x: [x], lambda x: {"k": [x]}):
        assert task_id({"a": wrap(value)}) == task_id({"a": wrap(float(value))})


def test_zero_and_minus_zero_have_one_id() -> None:
    assert task_id({"a": 0}) == task_id({"a": -0.0}) == task_id({"a": 0.0})


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (True, 1),
        (False, 0),
        (True, 1.0),
        ([True], [1]),
        ({"k": False}, {"k": 0}),
        ("1", 1),
        ("true", True),
        ("null", None),
        ("", None),
        ([], None),
        ([], {}),
        ([None], []),
        ([1, 2], [2, 1]),
        ("a", ["a"]),
        (2**53, 2**53 + 1),
        (10**30, 10**30 + 1),
        (0.1, math.nextafter(0.1, 1)),
        ("é", "e\u0301"),
    ],
)
def test_different_values_have_two_ids(one: Any, two: Any) -> None:
    assert task_id({"a": one}) != task_id({"a": two})


@given(SETS, st.text(min_size=1))
def test_null_is_as_good_as_absent(parameters: dict, name: str) -> None:
    without = {key: value for key, value in parameters.items() if key != name}
    assert task_id({**without, name: None}) == task_id(without)


@given(SETS, SETS)
def test_sets_have_one_id_only_if_they_are_one(one: dict, two: dict) -> None:
    def shown(parameters: dict) -> str:
        return canonical({k: v for k, v in plain(parameters).items() if v is not None})

    assert (task_id(one) == task_id(two)) == (shown(one) == shown(two))


@given(VALUES)
def test_canonical_json_is_json_of_the_same_value(value: Any) -> None:
    assert json.loads(canonical(plain(value))) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e3, "1000"),
        (1e22, "10000000000000000000000"),
        (-0.0, "0"),
        (1e-7, "1e-07"),
        (0.1, "0.1"),
        ({"b": None, "a": {}}, '{"a":{},"b":null}'),
        ("ü\n", '"\\u00fc\\n"'),
        (2**70, "1180591620717411303424"),
    ],
)
def test_canonical_json_of(value: Any, text: str) -> None:
    assert canonical(value) == text


# plain


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.float64(0.5), 0.5),
        (np.int32(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1.5, 2.0]), [1.5, 2.0]),
        (np.array([[1], [2]]), [[1], [2]]),
        ((1, (2.0, None)), [1, [2.0, None]]),
        ({"k": np.array([True])}, {"k": [True]}),
    ],
)
def test_numpy_values_and_tuples_become_python_values(value: Any, wanted: Any) -> None:
    assert same(plain(value), wanted)


@given(VALUES)
def test_plain_values_stay_as_they_are(value: Any) -> None:
    assert same(plain(value), value)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float64("nan")])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [1, x], lambda x: {"k": [x]}])
def test_nan_and_infinity_are_refused_at_any_depth(bad: float, wrap: Any) -> None:
    with pytest.raises(ValueError, match=r"(nan|inf) is no parameter value"):
        plain(wrap(bad))
    with pytest.raises(ValueError, match="no parameter value"):
        task_id({"a": wrap(bad)})


def nested(levels: int) -> list:
    return [nested(levels - 1)] if levels > 1 else []


RECURSIVE: dict = {}
RECURSIVE["a"] = [RECURSIVE]


def test_large_and_deep_values_have_an_id() -> None:
    for value in (10**3999, -(10**3999), 1e300, nested(100)):
        assert same(plain(value), value)
        assert task_id({"a": value})


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"bytes", "a bytes is no parameter value"),
        ({1, 2}, "a set is no parameter value"),
        (1j, "a complex is no parameter value"),
        (np.datetime64("2024-01-01"), "a date is no parameter value"),
        ({1: 2}, "a key that is no text"),
        ([{"a": {None: 1}}], "a key that is no text"),
        ("\ud800", "half a character"),
        ([{"\ud800": 1}], "half a character"),
        (10**4200, "more than 4,000 digits"),
        ([{"a": -(10**4200)}], "more than 4,000 digits"),
        (nested(101), "more than 100 levels deep, or holds itself"),
        (RECURSIVE, "or holds itself"),
    ],
)
def test_other_kinds_are_refused(bad: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plain(bad)


# nest, params.json


@pytest.mark.parametrize(
    ("flat", "nested"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a.b": 1, "a.c": 2, "d": 3}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ({"a.b.c": 1, "a.b.d": None}, {"a": {"b": {"c": 1, "d": None}}}),
        ({"a": {"b.c": 1}}, {"a": {"b.c": 1}}),
        ({"a.b": {"c": 1}, "a.d": [1]}, {"a": {"b": {"c": 1}, "d": [1]}}),
        ({}, {}),
    ],
)
def test_dotted_names_become_nested_mappings(flat: dict, nested: dict) -> None:
    assert nest(flat) == nested


@given(st.dictionaries(st.from_regex(r"[a-z]+", fullmatch=True), VALUES, max_size=4))
def test_values_come_through_params_json_unchanged(parameters: dict) -> None:
    assert same(json.loads(json.dumps(nest(parameters))), parameters)


# manifests

COLUMNS = {
    "ints": [1, -5, 0, 2**63 - 1, -(2**63)],
    "huge_ints": [2**63, -(2**63) - 1, 10**40],
    "huge_and_small_ints": [1, 2**64],
    "floats": [0.1, -0.0, 1e300, 5e-324, 1.0],
    "bools": [True, False],
    "texts": HOSTILE,
    "lists": [[], [1], [1.0, "a", None, True], [[1], {"k": 2}]],
    "mappings": [{}, {"a": 1}, {"b": {"c": [1.0]}, "a": "ü"}, {"a.b": 1}],
    "int_and_float": [1, 1.5, 2.0],
    "bool_and_int": [True, 1, False, 0],
    "text_and_number": ["1", 1, "true", True, "null", "[1]", [1]],
    "all_mixed": [1, 1.0, True, "1", [1], {"1": 1}],
    "json_like_texts": ["1", "null", "[1]", '{"a": 1}', '"x"'],
}


@pytest.mark.parametrize("nulls", ["no_null", "nulls"])
@pytest.mark.parametrize("name", COLUMNS)
def test_values_come_through_a_manifest_unchanged(tmp_path: Path, name: str, nulls: str) -> None:
    values = COLUMNS[name] if nulls == "no_null" else [None, *COLUMNS[name], None]
    manifest = manifest_of({"a": values, "other.b": [0] * len(values)})
    manifest.save(tmp_path / "00001.parquet")
    found = Manifest.load(tmp_path / "00001.parquet")
    assert same(found.values("a"), values)
    assert found.parameters == ("a", "other.b")
    assert found.ids == [task_id({"a": value, "other.b": 0}) for value in values]
    assert found.hash == manifest.hash


def test_column_of_nulls_comes_through_a_manifest(tmp_path: Path) -> None:
    manifest_of({"a": [None, None]}).save(tmp_path / "m.parquet")
    assert Manifest.load(tmp_path / "m.parquet").values("a") == [None, None]


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=8))
def test_any_values_come_through_a_manifest_unchanged(
    tmp_path_factory: pytest.TempPathFactory, values: list
) -> None:
    path = tmp_path_factory.mktemp("manifest") / "m.parquet"
    manifest_of({"a": values}).save(path)
    found = Manifest.load(path)
    assert same(found.values("a"), values)
    assert [task_id({"a": value}) for value in found.values("a")] == found.ids


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=8))
def test_any_values_can_be_published(values: list) -> None:
    published = manifest_of({"a": values}).result_columns()
    assert published.column_names == ["task_id", "a"]
    missing = [value is None for value in values]
    assert published["a"].is_null().to_pylist() == missing


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([True, 1], pa.string(), ["true", "1"]),
        ([1.5, True], pa.string(), ["1.5", "true"]),
        ([1, "a", None], pa.string(), ["1", "a", None]),
        ([[1], [2, 3]], pa.string(), ["[1]", "[2, 3]"]),
        ([{"a": "ü"}], pa.string(), ['{"a": "ü"}']),
        ([3, None], pa.int64(), [3, None]),
    ],
)
def test_tables_show_values_with_one_type_a_column(values: list, kind: Any, shown: list) -> None:
    column = manifest_of({"a": values}).result_columns()["a"]
    assert column.type == kind
    assert column.to_pylist() == shown


def test_manifest_hash_depends_on_order_tasks_and_attempts() -> None:
    manifest = manifest_of({"a": [1, 2]})

    def changed(name: str, values: pa.Array) -> str:
        place = manifest.table.column_names.index(name)
        return Manifest(manifest.spec, manifest.table.set_column(place, name, [values])).hash

    assert manifest_of({"a": [1.0, 2]}).table["task_id"] == manifest.table["task_id"]
    hashes = {
        manifest.hash,
        Manifest(replace(manifest.spec, workers=2), manifest.table).hash,
        changed("_active", pa.array([True, False])),
        changed("_max_attempt.run", pa.array([1, 2], pa.int32())),
        changed("_inputs.run", pa.array(["x", None])),
        changed("_not_before_plan.run", pa.array([0, 2], pa.int32())),
    }
    assert len(hashes) == 6


# texts


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-5", -5),
        ("+5", 5),
        ("007", 7),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1.0D-03", 0.001),
        (" 2.5d+2 ", 250.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        (str(2**70), 2**70),
        ("", None),
        ("  ", None),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("1.2.3", "1.2.3"),
        ("12:30", "12:30"),
        ("true", "true"),
        (" a b ", " a b "),
        ("d", "d"),
        ("1 2", "1 2"),
        ("-", "-"),
    ],
)
def test_text_reads_as(text: str, value: Any) -> None:
    assert same(parse_number(text), value)


def test_nan_in_a_text_reads_as_nan() -> None:
    assert math.isnan(parse_number("NaN"))


@given(st.integers(-(10**30), 10**30) | st.floats(allow_nan=False))
def test_every_number_is_read_back_from_its_text(value: float) -> None:
    assert same(parse_number(repr(value)), value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1.0, "1.0"),
        (3, "3"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        ("a b", "a b"),
        ("", ""),
        ([1, "ü"], '[1, "ü"]'),
        ({"k": None}, '{"k": null}'),
        *((text, text) for text in HOSTILE),
    ],
)
def test_value_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_digest_is_that_of_the_bytes() -> None:
    assert digest("ü") == digest("ü".encode()) == hashlib.sha256("ü".encode()).hexdigest()[:16]


def test_digest_of_json_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": [1], "b": {"c": 1, "d": 2}}) == digest_of(
        {"b": {"d": 2, "c": 1}, "a": [1]}
    )
    assert digest_of([1, 2]) != digest_of([2, 1])
