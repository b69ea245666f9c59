"""Blocks of a design -> parameter sets: what they declare, and what is refused in which words.

Long: one table of blocks.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa
import pytest
from designs import design, has, refused, rows
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from snakestudy.design.columns import groups
from snakestudy.errors import UserError
from snakestudy.values import task_id

# parts of a block


def test_grid_gives_every_combination_the_last_name_fastest() -> None:
    found = design({"grid": {"b": [1, 2], "a": ["x", "y"], "c": 7}})
    assert list(found.columns) == ["b", "a", "c"]
    assert rows(found) == [(1, "x", 7), (1, "y", 7), (2, "x", 7), (2, "y", 7)]
    assert found.ids == [task_id(dict(zip("bac", row, strict=True))) for row in rows(found)]
    assert found.size == 4
    assert not found.notes


@pytest.mark.parametrize(
    "value", [7, 0.5, True, None, "text", {"k": 1, "l": {"m": 2}}, {"one": 1}, {}, ""]
)
def test_single_value_is_a_constant(value: Any) -> None:
    assert rows(design({"grid": {"a": value, "b": [1, 2]}})) == [(value, 1), (value, 2)]


def test_values_of_an_axis_may_be_lists_and_mappings() -> None:
    values = [[1, 2], [], {"k": [0, 1, 2]}, {"k": None}, None, "x", 1.5]
    assert rows(design({"grid": {"a": values}})) == [(value,) for value in values]


def test_zip_varies_together() -> None:
    found = design({"zip": {"dt": [0.1, 0.01], "order": {"range": [1, 3]}}})
    assert rows(found) == [(0.1, 1), (0.01, 2)]


def test_groups_of_zip_multiply() -> None:
    found = design({"zip": [{"a": [1, 2], "b": [3, 4]}, {"c": ["x", "y"]}]})
    assert rows(found) == [(1, 3, "x"), (1, 3, "y"), (2, 4, "x"), (2, 4, "y")]


def test_name_that_a_row_lacks_is_null() -> None:
    found = design({"rows": [{"policy": "none"}, {"day": 9, "policy": "closed"}]})
    assert rows(found) == [("none", None), ("closed", 9)]
    assert found.ids[0] == task_id({"policy": "none"})


@pytest.mark.parametrize(
    ("seeds", "wanted"), [(3, [0, 1, 2]), ([7, 3], [7, 3]), (1, [0]), ([5, 5], [5])]
)
def test_seeds_are_a_number_or_a_list(seeds: Any, wanted: list[int]) -> None:
    found = design({"seeds": seeds})
    assert found.columns["seed"].to_list() == wanted
    assert all(type(seed) is int for seed in found.columns["seed"].to_list())


def test_parts_of_a_block_multiply() -> None:
    block = {
        "grid": {"a": [1, 2]},
        "zip": {"b": [3, 4], "c": [5, 6]},
        "rows": [{"d": 7}, {"d": 8}],
        "seeds": 2,
    }
    wanted = [
        (a, b, c, d, s) for a, (b, c), d, s in product([1, 2], [(3, 5), (4, 6)], [7, 8], [0, 1])
    ]
    assert rows(design(block)) == wanted


# ranges


@pytest.mark.parametrize(
    ("axis", "wanted"),
    [
        ({"linspace": [0, 1, 5]}, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ({"linspace": [3, 9, 1]}, [3.0]),
        ({"logspace": [0, 2, 3]}, [1.0, 10.0, 100.0]),
        ({"geomspace": [1, 100, 3]}, [1.0, 10.0, 100.0]),
        ({"geomspace": [-1, -4, 3]}, [-1.0, -2.0, -4.0]),
        ({"range": [0, 3]}, [0, 1, 2]),
        ({"range": [0, 3, 2]}, [0, 2]),
        ({"range": [3, 0, -1]}, [3, 2, 1]),
        ({"range": [0, 1, 0.25]}, [0.0, 0.25, 0.5, 0.75]),
        ({"range": [0, 0.3, 0.1]}, [0.0, 0.1, 0.2]),
        ({"range": [1.2, 2.2, 0.1]}, [1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1]),
    ],
)
def test_range_gives(axis: dict, wanted: list) -> None:
    found = design({"grid": {"a": axis}}).columns["a"].to_list()
    assert found == pytest.approx(wanted, rel=1e-12)
    assert list(map(type, found)) == list(map(type, wanted))
    if "range" in axis:
        assert found == wanted


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ({"range": [3, 1]}, ["[3, 1]", "range is empty", "[start, stop, step]"]),
        ({"range": [0, 1, 0]}, ["[0, 1, 0]", "step that is not 0"]),
        ({"range": [0]}, ["[0]", "range takes [start, stop, step]"]),
        ({"range": "1-3"}, ['"1-3"', "range takes"]),
        ({"range": [0, "x", 1]}, ["range takes"]),
        ({"range": [0, True]}, ["range takes"]),
        ({"range": [0, float("inf"), 1]}, ["range takes finite numbers"]),
        ({"range": [0, float("nan"), 1]}, ["range takes finite numbers"]),
        ({"linspace": [0, 1]}, ["linspace takes [start, stop, number]"]),
        ({"linspace": [0, 1, 0]}, ["[0, 1, 0]", "whole number of values, at least 1"]),
        ({"linspace": [0, 1, 2.5]}, ["whole number of values"]),
        ({"geomspace": [0, 1, 3]}, ["one sign"]),
        ({"geomspace": [-1, 1, 3]}, ["one sign"]),
        ({"logspace": [0, 1000, 3]}, ["inf is no parameter value"]),
        ({"linspase": [0, 1, 3]}, ['"linspase"', "is no range", "Did you mean linspace?"]),
        ([], ["[]", "is empty", "at least one value"]),
    ],
)
def test_bad_axis_is_refused(axis: Any, words: list[str]) -> None:
    for part in ("grid", "zip"):
        message = refused({part: {"a": axis}})
        assert message.startswith(f"design.{part}")
        assert [word for word in words if word not in message] == [], message


# tables


def test_csv_has_typed_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = '\ufeffa,b , t,flag\n1,0.5,"x, y",true\n,1.0D-03,ü,false\n\n'
    Path("t.csv").write_text(text, encoding="utf-8")
    found = design({"table": "t.csv", "grid": {"z": [1]}})
    assert list(found.columns) == ["z", "a", "b", "t", "flag"]
    assert rows(found) == [(1, 1, 0.5, "x, y", True), (1, None, 0.001, "ü", False)]
    assert found.ids[1] == task_id({"z": 1, "b": 0.001, "t": "ü", "flag": False})


def test_tsv_and_parquet_give_what_csv_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,b\n1,x\n2,\n")
    Path("t.TSV").write_text("a\tb\n1\tx\n2\t\n")
    Path("group=7").mkdir()  # a name, not a column
    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", None]}), "group=7/t.parquet")
    wanted = design({"rows": [{"a": 1, "b": "x"}, {"a": 2}]})
    for path in ("t.csv", "t.TSV", "group=7/t.parquet"):
        found = design({"table": path})
        assert (list(found.columns), rows(found)) == (["a", "b"], rows(wanted))
        assert found.ids == wanted.ids


def test_nested_values_come_from_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parquet.write_table(pa.table({"a": [[1, 2], []], "b": [{"k": 1}, None]}), "t.parquet")
    assert rows(design({"table": "t.parquet"})) == [([1, 2], {"k": 1}), ([], None)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "a,a\n1,2\n", ["cannot be read", "column 'a' is doubled"]),
        ("t.csv", "a,\n1,2\n", ["a column has no name"]),
        ("t.csv", "a,b\n1\n", ["row 1 has 1 fields, the header 2"]),
        ("t.csv", "a,b\n", ["has no row"]),
        ("t.csv", "", ["it needs a header line"]),
        ("t.csv", "a\nnan\n", ["nan is no parameter value"]),
        ("t.csv", 'a,b\n"1"2,3\n', ["cannot be read"]),
        ("t.parquet", "a,b\n", ["cannot be read"]),
        ("t.xlsx", "a,b\n", ["is of no known kind", "Use csv"]),
    ],
)
def test_bad_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    message = refused({"table": name})
    assert message.startswith("design.table")
    assert [word for word in words if word not in message] == [], message


def test_missing_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert 'design.table = "no.csv": is no file' in refused({"table": "no.csv"})


# where


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("a > 1", [2, 3]),
        ("a > 1 and not a == 3", [2]),
        ("1 < a <= 2", [2]),
        ("t == 'x' or a == 3", [1, 3]),
        ("double == 4", [2]),
        ("flag", [1, 3]),
        ("True", [1, 2, 3]),
    ],
)
def test_where_keeps_the_sets_for_which_it_holds(where: str, wanted: list[int]) -> None:
    values = {"a": [1, 2, 3], "t": list("xyz"), "flag": [True, False, True]}
    found = design({"zip": values, "where": where}, derive={"double": "2 * a"})
    assert found.columns["a"].to_list() == wanted
    removed = 3 - len(wanted)
    noun = "set" if removed == 1 else "sets"
    assert found.notes == ((f"{removed} {noun} removed by design.where",) if removed else ())


def test_where_of_one_block_leaves_the_others() -> None:
    found = design({"grid": {"a": [1, 2]}, "where": "a > 1"}, {"grid": {"a": [1]}})
    assert found.columns["a"].to_list() == [2, 1]
    assert found.notes == ("1 set removed by design.0.where",)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("a > 5", ['"a > 5"', "removes every parameter set"]),
        ("False", ["removes every parameter set"]),
        ("a >", ["'a >' is no expression"]),
        ("a + 1", ["is neither true nor false", "Write a comparison"]),
        ("t", ["is neither true nor false"]),
        ("None", ["is neither true nor false"]),
        ("b > 1", ["b is no parameter here"]),
        ("open(a)", ["open()", "not permitted"]),
        ("t > 1", ["'t > 1' fails"]),
    ],
)
def test_bad_where_is_refused(where: str, words: list[str]) -> None:
    message = refused({"zip": {"a": [1, 2], "t": ["x", "y"]}, "where": where})
    assert message.startswith("design.where")
    assert [word for word in words if word not in message] == [], message


# derive


def test_derived_columns_come_last_and_are_no_part_of_the_id() -> None:
    found = design({"grid": {"beta": [1.5, 3], "gamma": 0.5}}, derive={"R0": "beta / gamma"})
    assert list(found.columns) == ["beta", "gamma", "R0"]
    assert found.columns["R0"].to_list() == [3.0, 6.0]
    assert found.derived == {"R0": "beta / gamma"}
    assert found.ids == design({"grid": {"beta": [1.5, 3], "gamma": 0.5}}).ids


def test_formulas_may_read_each_other_in_any_order() -> None:
    block = {"grid": {"m.a": [1, 2]}}
    found = design(
        block, derive={"fourth": "third + 1", "third": "second + m.a", "second": "2 * m.a"}
    )
    assert found.columns["fourth"].to_list() == [4, 7]


@pytest.mark.parametrize(
    ("values", "formula", "wanted"),
    [
        ([1, 2], "a + 0.5", [1.5, 2.5]),
        ([1, 2], "a > 1", [False, True]),
        ([1, 2], "where(a > 1, 'big', 'small')", ["small", "big"]),
        ([1, 2], "2 * 3", [6, 6]),
        (["x", "y"], "a == 'x'", [True, False]),
        ([1, None, 3], "a + 1", [2, None, 4]),
        ([4, None], "sqrt(a)", [2.0, None]),
        ([None], "a + 1", [None]),
        ([True, False, None], "not a", [False, True, None]),
        ([1, "x", None], "a == 1", [True, False, None]),
        ([-2], "10.0 ** a", [0.01]),
    ],
)
@pytest.mark.parametrize("part", ["grid", "rows"])
def test_formula_gives_and_is_null_where_it_reads_null(
    part: str, values: list, formula: str, wanted: list
) -> None:
    block = {"grid": {"a": values, "one": 1}}
    if part == "rows":
        block = {"rows": [{"a": value, "n": n} for n, value in enumerate(values)]}
    assert design(block, derive={"r": formula}).columns["r"].to_list() == wanted


@pytest.mark.parametrize("formula", ["10 ** k", "1000000 ** 2 * k ** 15"])
def test_formula_of_ints_does_not_overflow_in_silence(formula: str) -> None:
    exact = eval(formula, {"k": 20})
    try:
        (found,) = design({"grid": {"k": [20]}}, derive={"r": formula}).columns["r"].to_list()
    except UserError:
        return
    assert found == pytest.approx(exact)


def test_formula_whose_names_one_block_lacks_is_null_there() -> None:
    found = design(
        {"grid": {"a": [1], "b": [2]}}, {"grid": {"a": [5]}}, derive={"s": "a + b", "t": "a + 1"}
    )
    assert found.columns["s"].to_list() == [3, None]
    assert found.columns["t"].to_list() == [2, 6]


def test_formula_whose_names_no_block_has_together_is_null_or_refused() -> None:
    try:
        found = (
            design({"grid": {"a": [1]}}, {"grid": {"b": [2]}}, derive={"s": "a + b"})
            .columns["s"]
            .to_list()
        )
    except UserError as error:
        found = error.key
    assert found in ([None, None], "derive.s")


@pytest.mark.parametrize(
    ("derive", "words"),
    [
        ({"r": "s", "s": "r"}, ['derive = ["r", "s"]', "circle"]),
        ({"r": "r + 1"}, ['derive.r = "r + 1"', "reads what it writes"]),
        ({"r": "alpah"}, ["derive.r", "alpah is no parameter", "Did you mean alpha?"]),
        ({"r": "s + 1", "s": "nothing"}, ["nothing is no parameter"]),
        ({"r": "alpha +"}, ["derive.r", "no expression"]),
        ({"r": "open(alpha)"}, ["derive.r", "not permitted"]),
        ({"r": "1 / alpha"}, ["derive.r", "gives inf", '"alpha": 0']),
        ({"r": "0 / alpha"}, ["derive.r", "gives nan", '"alpha": 0']),
        ({"r": "sqrt(t)"}, ["derive.r", "fails"]),
        ({"alpha": "1 + 1"}, ['"alpha"', "is a parameter and derived"]),
        ({"chunk": "alpha + 1"}, ['"chunk"', "reserved"]),
        ({"_r": "alpha + 1"}, ['"_r"', "starts with _"]),
        ({"alpha.r": "alpha + 1"}, ['"alpha.r"', "is inside alpha"]),
    ],
)
def test_bad_formula_is_refused(derive: dict[str, str], words: list[str]) -> None:
    message = refused({"grid": {"alpha": [1, 0], "t": "x"}}, derive=derive)
    assert [word for word in words if word not in message] == [], message


# blocks, doubled sets


def test_blocks_stack_and_names_they_lack_are_null() -> None:
    found = design({"grid": {"a": [1, 2]}}, {"grid": {"b": ["x"], "a": 3}}, {"grid": {"b": "y"}})
    assert rows(found) == [(1, None), (2, None), (3, "x"), (None, "y")]
    assert found.ids[0] == task_id({"a": 1})
    assert found.ids[3] == task_id({"b": "y"})


def test_set_that_occurs_twice_is_one_task_and_reported() -> None:
    found = design({"grid": {"a": [1, 2, 1.0, True]}}, {"rows": [{"a": 2, "b": None}, {"a": 3}]})
    assert rows(found) == [(1, None), (2, None), (True, None), (3, None)]
    assert found.notes == ("2 doubled sets dropped",)
    assert len(set(found.ids)) == found.size == 4


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"zip": {"a": [1, 2], "b": [1, 2, 3]}},
            ['design.zip = {"a": 2, "b": 3}', "unequal length", "equally long"],
        ),
        ({"zip": [{"a": [1]}, {"b": [1, 2], "c": 1}]}, ["design.zip", "unequal length"]),
        ({"grid": {"a": [1]}, "zip": {"a": [2]}}, ['"a"', "set by grid and by zip"]),
        ({"zip": [{"a": [1]}, {"a": [2]}]}, ['"a"', "set by zip and by zip"]),
        ({"grid": {"seed": [1]}, "seeds": 2}, ['"seed"', "set by grid and by seeds"]),
        ({"grid": {"b": 1}, "rows": [{"b": 1}]}, ['"b"', "set by grid and by rows"]),
        ({"where": "a > 1"}, ["declares no parameter", "grid"]),
        ({"grid": {"a": [1, float("nan")]}}, ["design.grid.a", "nan is no parameter value"]),
        ({"grid": {"a": float("-inf")}}, ["design.grid.a", "-inf is no parameter value"]),
        ({"grid": {"a": [{"k": [float("nan")]}]}}, ["nan is no parameter value"]),
        ({"rows": [{"a": float("nan")}]}, ["design.rows", "nan is no parameter value"]),
        ({"zip": {"a": [float("inf")]}}, ["design.zip", "inf is no parameter value"]),
        *(
            ({"grid": {name: [1]}}, [f'design = "{name}"', "is a reserved name", "Rename"])
            for name in ("task_id", "seq", "chunk", "plan", "status", "step")
        ),
        *(
            ({"grid": {name: [1]}}, ["is an empty name or has braces", "Rename"])
            for name in ("", "a.", ".a", "a..b", " a", "a ", "{a}", "a\nb", ".")
        ),
        ({"grid": {"_a": [1]}}, ['"_a"', "starts with _", "Rename"]),
        ({"grid": {"a": [1], "a.b": [2]}}, ['"a.b"', "is inside a"]),
        ({"grid": {"a.b.c": [1], "a": [2]}}, ['"a.b.c"', "is inside a"]),
        ({"rows": [{"a.b": 1}, {"a.b.c": 1}]}, ['"a.b.c"', "is inside a.b"]),
    ],
)
def test_bad_block_is_refused(block: dict, words: list[str]) -> None:
    message = refused(block)
    assert message.startswith("design")
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("name", ["a.b", "ab", "x-y", "ünï", "a b", "task", "seed", "a_", "A", "1"])
def test_other_names_are_fine(name: str) -> None:
    assert list(design({"grid": {name: [1, 2]}}).columns) == [name]


def test_error_in_one_of_several_blocks_names_the_block() -> None:
    message = refused({"grid": {"a": [1]}}, {"grid": {"a": []}})
    assert message.startswith("design.1.grid.a")


def test_name_inside_one_of_another_block_is_refused() -> None:
    assert "is inside a" in refused({"grid": {"a": [1]}}, {"grid": {"a.b": [1]}})


def test_groups_agree_in_all_columns() -> None:
    found = design({"zip": {"a": [1, 2, 1.0, None], "b": ["x", "x", "x", "x"], "n": [1, 2, 3, 4]}})
    columns = [found.columns[name] for name in ("a", "b")]
    found_groups = groups(columns, numpy.array([0, 1, 2, 3]))
    assert [group.tolist() for group in found_groups] == [[0, 2], [1], [3]]
    assert [group.tolist() for group in groups(columns, numpy.array([2, 1]))] == [[2], [1]]


# properties

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=2)
)
AXIS = st.lists(SCALARS | st.lists(SCALARS, max_size=2), min_size=1, max_size=3)
NAMES = st.sampled_from(["a", "b", "m.c", "m.d", "ü"])
GRID = st.dictionaries(NAMES, AXIS, min_size=1, max_size=3)
BLOCK = st.fixed_dictionaries({"grid": GRID}, optional={"seeds": st.integers(1, 3)})
BLOCKS = st.lists(BLOCK, min_size=1, max_size=3)


@given(BLOCKS)
def test_ids_are_those_of_the_sets_and_unique(blocks: list[dict]) -> None:
    found = design(*blocks)
    assert len(set(found.ids)) == found.size
    assert found.ids == [task_id(dict(zip(found.columns, row, strict=True))) for row in rows(found)]
    sets = {
        task_id({**dict(zip(block["grid"], values, strict=True)), **seed})
        for block in blocks
        for values in product(*block["grid"].values())
        for seed in ([{"seed": s} for s in range(block["seeds"])] if "seeds" in block else [{}])
    }
    assert set(found.ids) == sets


@given(BLOCKS, BLOCK)
def test_adding_a_block_keeps_the_old_sets_first(blocks: list[dict], more: dict) -> None:
    old = design(*blocks).ids
    assert design(*blocks, more).ids[: len(old)] == old


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 3))
def test_adding_a_derived_parameter_keeps_ids(values: list[int], seeds: int) -> None:
    block = {"grid": {"a": values}, "seeds": seeds}
    assert design(block, derive={"r": "a / 2", "s": "r + seed"}).ids == design(block).ids


def test_comparison_of_order_does_not_hold_beside_null() -> None:
    rows = [{"policy": "none"}, {"policy": "closed", "day": 9}, {"policy": "closed", "day": 2}]
    found = design({"rows": rows, "where": "policy == 'none' or day > 3"})
    assert found.columns["day"].to_list() == [None, 9]


def test_names_that_are_one_in_unicode_are_refused() -> None:
    message = refused({"grid": {"\u00e9": [1], "e\u0301": [2]}})
    has(message, ["design", "is there twice", "'e\\u0301'", "'\\xe9'", "Rename"])


@pytest.mark.parametrize(("one", "other"), [("R0", "r0"), ("\u00b5", "\u03bc"), ("\ufb01", "fi")])
def test_names_that_are_nearly_one_are_told(one: str, other: str) -> None:
    found = design({"grid": {one: [1], other: [2]}}, derive={"z": f"{one} + {other}"})
    assert rows(found) == [(1, 2, 3)]
    assert [note for note in found.notes if one in note and other in note and "DuckDB" in note]
    assert not design({"grid": {one: [1], "x": [2]}}).notes
