"""Stars, tables, defaults, limits: what they declare and what is refused.

Long: one table of blocks.
"""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pytest
from designs import design, has, refused, rows
from pyarrow import feather, parquet

from snakestudy.values import task_id

pytestmark = pytest.mark.usefixtures("in_an_empty_directory")


# star

BASE = {"a": 1, "b": 2, "t": "x"}


def test_star_is_the_base_then_one_parameter_at_a_time() -> None:
    found = design({"star": {"base": BASE, "vary": {"a": [0, 1, 2], "b": {"range": [3, 5]}}}})
    assert rows(found) == [(1, 2, "x"), (0, 2, "x"), (2, 2, "x"), (1, 3, "x"), (1, 4, "x")]


def test_label_of_a_star_names_what_varies_and_is_no_part_of_the_id() -> None:
    star = {"base": BASE, "vary": {"a": [0, 1.0], "b": [3]}}
    found = design({"star": {**star, "label": "varied"}})
    assert found.columns["varied"].to_list() == ["base", "a", "b"]
    assert list(found.columns) == ["a", "b", "t", "varied"]
    assert found.ids == design({"star": star}).ids
    assert found.derived == {"varied": None}


@pytest.mark.parametrize(
    ("base", "vary", "wanted"),
    [
        ({"a": 1}, {"a": 5}, [(1,), (5,)]),
        ({"a": 1}, {"a": [1, 1.0]}, [(1,)]),
        ({"a": 1}, {"a": [True, 1]}, [(1,), (True,)]),
        ({"a": 1, "b": None}, {"b": [None, 2]}, [(1, None), (1, 2)]),
        ({"a": 1}, {"a": [None]}, [(1,), (None,)]),
        ({"m.a": [1]}, {"m.a": [[1], [1.0], [2]]}, [([1],), ([2],)]),
        ({"a": 0.5}, {"a": {"linspace": [0, 1, 3]}}, [(0.5,), (0.0,), (1.0,)]),
        ({"a": 1}, {"a": {"geomspace": [1, 100, 3]}}, [(1,), (10.0,), (100.0,)]),
        ({"a": {"linspace": [0, 1, 2]}}, {"a": 3}, [({"linspace": [0, 1, 2]},), (3,)]),
    ],
)
def test_star_gives(base: dict, vary: dict, wanted: list) -> None:
    found = design({"star": {"base": base, "vary": vary}})
    assert rows(found) == wanted
    assert [type(row[-1]) for row in rows(found)] == [type(row[-1]) for row in wanted]


def test_value_varied_twice_is_one_task() -> None:
    found = design({"star": {"base": {"a": 1}, "vary": {"a": [2, 2]}}})
    assert (rows(found), found.notes) == ([(1,), (2,)], ("1 doubled set dropped",))


def test_star_multiplies_with_the_other_parts() -> None:
    star = {"base": {"a": 1}, "vary": {"a": [2]}, "label": "v"}
    found = design({"star": star, "seeds": 2})
    assert found.columns["v"].to_list() == ["base", "base", "a", "a"]
    assert found.ids == [task_id({"a": a, "seed": s}) for a in (1, 2) for s in (0, 1)]


def test_where_and_derive_see_the_label() -> None:
    star = {"base": {"a": 1}, "vary": {"a": [2]}, "label": "v"}
    found = design({"star": star, "where": "v != 'base'"}, derive={"w": "v == 'a'"})
    assert rows(found) == [(2, "a", True)]
    assert found.ids == [task_id({"a": 2})]


def test_set_of_two_stars_with_labels_of_their_own_is_one_task() -> None:
    one = {"star": {"base": {"a": 1}, "vary": {"a": [0]}, "label": "v"}}
    two = {"star": {"base": {"a": 0}, "vary": {"a": [2]}, "label": "w"}}
    found = design(one, two)
    assert found.ids == [task_id({"a": a}) for a in (1, 0, 2)]
    assert rows(found) == [(1, "base", None), (0, "a", None), (2, None, "a")]
    assert found.doubled == 1


def test_set_of_two_stars_is_one_task_with_the_first_label() -> None:
    one = {"star": {"base": BASE, "vary": {"a": [0]}, "label": "v"}}
    two = {"star": {"base": {**BASE, "a": 0}, "vary": {"a": [1]}, "label": "v"}}
    found = design(one, two)
    assert found.columns["v"].to_list() == ["base", "a"]
    assert found.doubled == 2


@pytest.mark.parametrize(
    ("star", "words"),
    [
        ({"base": BASE, "vary": {"c": [1]}}, ["design.star.vary.c", "is not in base", "Write"]),
        ({"base": BASE, "vary": {"a": []}}, ["design.star.vary.a", "is empty"]),
        ({"base": {"a": float("nan")}, "vary": {}}, ["design.star", "nan is no parameter value"]),
        ({"base": BASE, "vary": {"a": [0]}, "label": "seq"}, ['"seq"', "is a reserved name"]),
    ],
)
def test_bad_star_is_refused(star: dict, words: list[str]) -> None:
    has(refused({"star": star}), words)


@pytest.mark.parametrize(
    ("block", "derive", "words"),
    [
        ({}, {}, ['"a"', "is a label and a parameter", "Rename"]),
        ({"grid": {"v": [1]}}, {}, ['"v"', "is set by grid and by star of one block"]),
        ({}, {"v": "b + 1"}, ['"v"', "is a parameter and derived", "Rename"]),
    ],
)
def test_label_that_is_a_name_of_its_own_block_is_refused(
    block: dict, derive: dict, words: list[str]
) -> None:
    label = "v" if block or derive else "a"
    star = {"base": {"a": 1, "b": 2}, "vary": {"b": [3]}, "label": label}
    has(refused({"star": star, **block}, derive=derive), ["design", *words])


def test_label_that_has_a_default_is_refused() -> None:
    star = {"star": {"base": BASE, "vary": {}, "label": "v"}}
    has(refused(star, defaults={"v": "x"}), ['"v"', "is a label and a parameter"])


def test_label_that_another_block_has_as_a_parameter_is_refused() -> None:
    star = {"star": {"base": BASE, "vary": {}, "label": "v"}}
    has(refused(star, {"grid": {"v": [1]}}), ['"v"', "is a label and a parameter", "Rename"])


# tables


def test_json_jsonl_and_feather_give_what_csv_gives() -> None:
    Path("t.csv").write_text("a,b\n1,x\n2,\n")
    Path("t.json").write_text('\ufeff[{"a": 1, "b": "x"}, {"a": 2, "b": null}]', encoding="utf-8")
    Path("columns.json").write_text('{"a": [1, 2], "b": ["x", null]}')
    Path("t.jsonl").write_text('\ufeff{"a": 1, "b": "x"}\n\n{"a": 2}\n', encoding="utf-8")
    feather.write_feather(pandas.DataFrame({"a": [1, 2], "b": ["x", None]}), "t.feather")
    wanted = design({"table": "t.csv"})
    for path in ("t.json", "columns.json", "t.jsonl", "t.feather"):
        found = design({"table": path})
        assert (list(found.columns), rows(found), found.ids) == (
            ["a", "b"],
            rows(wanted),
            wanted.ids,
        )


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet", "feather"])
def test_doubled_column_name_is_refused(suffix: str) -> None:
    name, doubled = f"t.{suffix}", pa.table([[1], [2]], names=["a", "a"])
    texts = {
        "csv": "a,a\n1,2\n",
        "tsv": "a\ta\n1\t2\n",
        "json": '[{"a": 1, "a": 2}]',
        "jsonl": '{"a": 1, "a": 2}',
    }
    if suffix in texts:
        Path(name).write_text(texts[suffix])
    elif suffix == "parquet":
        parquet.write_table(doubled, name)
    else:
        feather.write_feather(doubled, name, compression="uncompressed")
    has(refused({"table": name}), [f'design.table = "{name}"', "column 'a' is doubled"])


def test_nested_values_and_lacking_keys_come_from_json() -> None:
    Path("t.json").write_text('[{"a": [1, {"k": null}], "b": {"x": 1.5}}, {"b": true}]')
    Path("t.jsonl").write_text('{"a": [1, {"k": null}], "b": {"x": 1.5}}\r\n{"b": true}')
    for path in ("t.json", "t.jsonl"):
        assert rows(design({"table": path})) == [([1, {"k": None}], {"x": 1.5}), (None, True)]


def test_values_that_differ_only_in_type_are_kept_apart_in_tables() -> None:
    Path("t.jsonl").write_text('{"a": 1}\n{"a": true}\n{"a": "1"}\n{"a": 1.0}\n' * 3)
    found = design({"table": "t.jsonl"})
    assert [repr(row[0]) for row in rows(found)] == ["1", "True", "'1'"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.json", "[]", ["has no row"]),
        ("t.json", "{}", ["has no row"]),
        ("t.json", "[{}]", ["has no row"]),
        ("t.json", '{"a": []}', ["has no row"]),
        ("t.jsonl", "\n", ["has no row"]),
        ("t.csv", "a,b\n\n", ["has no row"]),
        ("t.json", "", ["cannot be read"]),
        ("t.json", "{", ["cannot be read", "line 1 column 2"]),
        ("t.jsonl", '{"a": 1}\n{"a": 1', ["cannot be read"]),
        ("t.json", "3", ["cannot be read", "a int is no rows"]),
        ("t.json", "[1]", ["cannot be read", "is no rows"]),
        ("t.jsonl", "[1]", ["cannot be read", "is no rows"]),
        ("t.json", '{"a": [1, 2], "b": [1]}', ["columns of unequal length: {'a': 2, 'b': 1}"]),
        ("t.json", '{"a": [1, 2], "b": 1}', ["'b' is a scalar beside sequences"]),
        ("t.json", '{"": 1}', ["the column name '' is no text"]),
        ("t.json", '[{"a": {"k": 1, "k": 2}}]', ["column 'k' is doubled"]),
        ("t.json", "\x00", ["cannot be read"]),
        ("t.feather", "a,b\n", ["cannot be read"]),
        ("t.npz", "a,b\n", ["is of no known kind", "Use csv, tsv, json, jsonl, feather, parquet"]),
        ("t", "a,b\n", ["is of no known kind"]),
    ],
)
def test_empty_or_broken_table_is_refused(name: str, text: str, words: list[str]) -> None:
    Path(name).write_text(text)
    message = refused({"table": name})
    assert message.startswith(f'design.table = "{name}": ')
    has(message, words)


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_table_without_rows_is_refused(suffix: str) -> None:
    write = parquet.write_table if suffix == "parquet" else feather.write_feather
    write(pa.table({"a": pa.array([], pa.int64())}), f"t.{suffix}")
    has(refused({"table": f"t.{suffix}"}), [f'"t.{suffix}"', "has no row"])


def test_table_in_another_encoding_or_a_directory_is_refused() -> None:
    Path("t.json").write_bytes('[{"a": 1}]'.encode("utf-16"))
    has(refused({"table": "t.json"}), ['design.table = "t.json"', "cannot be read"])
    Path("d.csv").mkdir()
    has(refused({"table": "d.csv"}), ['design.table = "d.csv"', "is no file", "Write a path"])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("t.json", '[{"a": 1, "b": 2}, {"a": NaN, "b": 2}]', "nan"),
        ("t.jsonl", '{"b": 0, "a": 1e400}', "inf"),
        ("t.csv", "b,a\n1,nan\n", "nan"),
    ],
)
def test_number_that_no_parameter_can_have_is_named_with_file_and_column(
    name: str, text: str, value: str
) -> None:
    Path(name).write_text(text)
    message = refused({"table": name})
    has(message, ["design.table", f"{value} is no parameter value"])
    has(message, [f'"{name}"'])
    assert re.search(r"""['".]a['": ]""", message), message  # the column


# defaults


def test_sets_with_the_default_keep_the_id_of_sets_without_the_name() -> None:
    old = design({"grid": {"a": [1, 2]}})
    new = design({"grid": {"a": [1, 2], "p": ["none", "closed"]}}, defaults={"p": "none"})
    assert [i for i, row in zip(new.ids, rows(new), strict=True) if row[1] == "none"] == old.ids
    assert new.ids[1] == task_id({"a": 1, "p": "closed"})


def test_default_stands_where_a_block_lacks_it_or_says_null() -> None:
    blocks = [{"grid": {"a": [1]}}, {"rows": [{"a": 2, "p": None}, {"a": 3, "p": 1.0}]}]
    found = design(*blocks, defaults={"p": 1})
    assert rows(found) == [(1, 1), (2, 1), (3, 1.0)]
    assert found.ids == [task_id({"a": a}) for a in (1, 2, 3)]


@pytest.mark.parametrize(
    ("default", "same", "others"),
    [
        (1, [1, 1.0], [True, "1", 1.5]),
        (True, [True], [1, "true"]),
        ([1, 2], [[1, 2], [1.0, 2]], [[2, 1], 1]),
        ({"a": 1, "b": 2}, [{"b": 2, "a": 1.0}], [{"a": 1}]),
        ("", [""], [" "]),
        (0, [0, -0.0], [False]),
    ],
)
def test_default_is_compared_as_a_value(default: Any, same: list, others: list) -> None:
    base = task_id({"a": 7})
    for value in [*same, *others]:
        (found,) = design({"rows": [{"a": 7, "p": value}]}, defaults={"p": default}).ids
        assert (found == base) == (value in same and any(value is one for one in same)), value


def test_null_and_the_default_are_one_set() -> None:
    found = design({"grid": {"a": 1, "p": [None, "none", "x"]}}, defaults={"p": "none"})
    assert (rows(found), found.doubled) == ([(1, "none"), (1, "x")], 1)


def test_sets_of_nothing_but_defaults_are_one_task() -> None:
    found = design({"grid": {"p": [1], "q": ["x"]}}, defaults={"p": 1, "q": "x"})
    assert (rows(found), found.ids) == ([(1, "x")], [task_id({})])


@pytest.mark.parametrize("name", ["seq", "_p", "a.b", "{p}"])
def test_default_of_a_name_that_cannot_be_is_refused(name: str) -> None:
    has(refused({"grid": {"a": [1]}}, defaults={name: 1}), [f'design = "{name}"', "Rename"])


def test_where_and_derive_see_the_default() -> None:
    found = design(
        {"grid": {"a": [1, 2]}, "where": "d > 2"}, defaults={"p": 1}, derive={"d": "a + p"}
    )
    assert rows(found) == [(2, 1, 3)]


def test_default_of_a_derived_name_is_refused() -> None:
    message = refused({"grid": {"a": [1]}}, defaults={"d": 1}, derive={"d": "a + 1"})
    has(message, ['"d"', "is a parameter and derived"])


# limits

UNIT = {"a": {"uniform": [0, 1]}}
SOBOL = {"n": 2**40, "method": "sobol", "seed": 0, "parameters": UNIT}
HUGE = [
    ({"grid": {"a": {"linspace": [0, 1, 10_000_000]}}}, "design.grid.a", "10,000,000"),
    ({"grid": {"a": {"range": [0, 1e13]}}}, "design.grid.a", "10,000,000,000,000"),
    ({"zip": {"a": {"logspace": [0, 1, 10**8]}}}, "design.zip.a", "100,000,000"),
    ({"seeds": 3_000_000}, "design.seeds", "3,000,000"),
    ({"sample": SOBOL}, "design.sample", f"{2**40:,}"),
    ({"grid": {name: {"range": [0, 2000]} for name in "abcd"}}, "design", f"{2000**4:,}"),
    ({"zip": {"a": {"geomspace": [1, 2, 10**8]}}}, "design.zip.a", "100,000,000"),
    ({"sample": {**SOBOL, "method": "lhs", "n": 10**9}}, "design.sample", "1,000,000,000"),
    ({"grid": {"a": {"range": [1e13, 0, -1]}}}, "design.grid.a", "10,000,000,000,000"),
    ({"grid": {"a": {"range": [0, 2000]}}, "seeds": 2000}, "design", "4,000,000"),
]


@pytest.mark.parametrize(("block", "key", "number"), HUGE)
def test_too_many_sets_are_refused_before_they_are_made(block: dict, key: str, number: str) -> None:
    tracemalloc.start()
    message = refused(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    has(message, [f"{key}: would be {number} parameter sets", "more than design_limit (2,000,000)"])
    has(message, [f"write design_limit: {number.replace(',', '')} beside design"])
    assert peak < 300e6


def test_sets_of_all_blocks_together_count_and_a_higher_limit_allows_them() -> None:
    blocks = [{"seeds": 3}, {"grid": {"a": [1, 2]}}]
    has(refused(*blocks, limit=4), ["design.1: would be 5 parameter sets"])
    assert design(*blocks, limit=5).size == 5
    star = {"base": {"a": 1}, "vary": {"a": [2, 3]}}
    has(refused({"star": star}, limit=2), ["design.star: would be 3 parameter sets"])


def test_rows_and_tables_count_too() -> None:
    has(refused({"rows": [{"a": 1}, {"a": 2}]}, limit=1), ["would be 2 parameter sets"])
    Path("t.csv").write_text("a\n1\n2\n3\n")
    has(refused({"table": "t.csv"}, limit=2), ["design: would be 3 parameter sets"])
    assert design({"table": "t.csv"}, limit=3).size == 3


def test_numbers_beyond_those_of_floats_are_refused_in_words() -> None:
    for kind in ("linspace", "geomspace", "logspace", "range"):
        assert refused({"grid": {"a": {kind: [1, 10**400, 3]}}}).startswith("design.grid.a")
    assert refused({"grid": {"a": {"logspace": [0, 10**9, 3]}}}).startswith("design.grid.a")
