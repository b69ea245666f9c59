"""Stars, Python callables, tables, defaults, limits: what they declare and what is refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from snakestudy._design import Design, Maker, expand
from snakestudy._errors import UserError
from snakestudy._values import task_id


@pytest.fixture(autouse=True)
def _in_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def design(*blocks: dict[str, Any], **more: Any) -> Design:
    return expand(blocks, Maker(**more))


def rows(found: Design) -> list[tuple[Any, ...]]:
    columns = [column.to_list() for column in found.columns.values()]
    return list(zip(*columns, strict=True))


def refused(*blocks: dict[str, Any], **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        design(*blocks, **more)
    return str(caught.value)


def has(message: str, words: list[str]) -> None:
    assert [word for word in words if word not in message] == [], message


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


def test_label_that_another_block_has_as_a_parameter_is_refused() -> None:
    star = {"star": {"base": BASE, "vary": {}, "label": "v"}}
    has(refused(star, {"grid": {"v": [1]}}), ['"v"', "is a label and a parameter", "Rename"])


# python

TASKS = """\
import sys
import pandas as pd

def good():
    print("said")
    for n in (1, 2):
        yield {"n": n, "t": "x", "l": [n]}

def a_list():
    return [{"n": 1, "t": "x", "l": [1]}, {"n": 2, "t": "x", "l": [2]}]

def frame():
    return pd.DataFrame({"n": [1, 2], "t": ["x", None], "f": [0.5, float("nan")]})

def polars():
    import polars
    return polars.DataFrame({"n": [1, 2], "t": ["x", None], "f": [0.5, None]})

def fails():
    for n in (1, 0):
        yield {"n": 1 / n}

def exits():
    sys.exit("enough")

def unequal():
    yield {"a": 1, "b": 2}
    yield {"a": 2, "c": 2}

def nothing():
    return iter(())

def no_frame():
    return pd.DataFrame({"a": []})

def numbers():
    return [1, 2]

def mapping():
    return {"a": 1}

def endless():
    n = 0
    while True:
        n += 1
        yield {"n": n}

def nan():
    yield {"a": float("nan")}

def moves():
    import os
    os.chdir("/")
    sys.path.insert(0, "/nowhere")
    yield {"a": 1}
"""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """A file of its own for each test: modules are imported once."""
    name = f"d{abs(hash(tmp_path))}.py"
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / name).write_text(TASKS)
    return f"scripts/{name}"


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("good", [(1, "x", [1]), (2, "x", [2])]),
        ("a_list", [(1, "x", [1]), (2, "x", [2])]),
        ("frame", [(1, "x", 0.5), (2, None, None)]),
        ("polars", [(1, "x", 0.5), (2, None, None)]),
    ],
)
def test_callable_yields_sets_or_returns_a_frame(
    target: str, function: str, wanted: list, capsys: pytest.CaptureFixture
) -> None:
    assert rows(design({"python": f"{target}:{function}"})) == wanted
    assert capsys.readouterr().out == ""


def test_callable_changes_neither_the_directory_nor_the_path_of_modules(target: str) -> None:
    import os
    import sys

    before = os.getcwd(), list(sys.path)
    design({"python": f"{target}:moves"})
    assert (os.getcwd(), sys.path) == before


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("exits", ["fails:", "SystemExit: enough"]),
        ("unequal", ["gives unequal keys: set 1 lacks b and has c unlike set 0"]),
        ("nothing", ["gives no parameter set"]),
        ("no_frame", ["gives no parameter set"]),
        ("numbers", ["gives 1 as set 0", "Give mappings"]),
        ("mapping", ["gives a dict", "Yield mappings"]),
        ("endless", ["gives more than design_limit (1,000) parameter sets"]),
        ("nan", ["nan is no parameter value"]),
        ("absent", ["has no attribute 'absent'"]),
    ],
)
def test_bad_callable_is_refused(target: str, function: str, words: list[str]) -> None:
    has(refused({"python": f"{target}:{function}"}, limit=1000), ["design.python", *words])


def test_traceback_of_a_callable_starts_at_the_users_line(target: str, tmp_path: Path) -> None:
    message = refused({"python": f"{target}:fails"})
    lines = message.splitlines()
    number = TASKS.splitlines().index('        yield {"n": 1 / n}') + 1
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2] == f'  File "{tmp_path}/{target}", line {number}, in fails'
    assert lines[-1] == "ZeroDivisionError: division by zero"


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


@pytest.mark.parametrize(
    ("name", "text"),
    [("t.json", "[]"), ("t.jsonl", "\n"), ("t.json", "{}"), ("t.json", "[1]"), ("t.json", "{")],
)
def test_empty_or_broken_json_is_refused(name: str, text: str) -> None:
    Path(name).write_text(text)
    assert refused({"table": name}).startswith("design.table")


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
STAR = {"base": {"a": 1}, "vary": {"a": {"range": [0, 2_000_000]}}}
HUGE = [
    ({"grid": {"a": {"linspace": [0, 1, 10_000_000]}}}, "design.grid.a", "10,000,000"),
    ({"grid": {"a": {"range": [0, 1e13]}}}, "design.grid.a", "10,000,000,000,000"),
    ({"zip": {"a": {"logspace": [0, 1, 10**8]}}}, "design.zip.a", "100,000,000"),
    ({"seeds": 3_000_000}, "design.seeds", "3,000,000"),
    ({"sample": SOBOL}, "design.sample", f"{2**40:,}"),
    ({"grid": {name: {"range": [0, 2000]} for name in "abcd"}}, "design", f"{2000**4:,}"),
    ({"star": STAR}, "design.star", "2,000,001"),
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


# expressions


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"derive": {"d": "1 / (a - 2)"}}, ["derive.d", "gives inf", '{"a": 2, "t": 1}']),
        ({"derive": {"d": "log(a - 3)"}}, ["derive.d", "gives nan", '{"a": 1, ', "2 other sets"]),
        ({"derive": {"d": "t + 1"}}, ["derive.d", "fails", '{"a": 3, "t": "x"}']),
        ({"derive": {"d": "d + 1"}}, ['derive.d = "d + 1"', "reads what it writes"]),
        ({"derive": {"d": "e", "e": "f", "f": "d"}}, ['["d", "e", "f"]', "in a circle"]),
    ],
)
def test_expression_that_cannot_be_computed_says_for_which_set(
    more: dict, words: list[str]
) -> None:
    has(refused({"zip": {"a": [1, 2, 3], "t": [1, 1, "x"]}}, **more), words)


def test_where_that_fails_for_some_sets_says_for_which() -> None:
    block = {"zip": {"a": [1, 2, 3], "t": [1, 1, "x"]}, "where": "t < 2"}
    has(refused(block), ["design.where", "fails", 'for {"a": 3, "t": "x"}'])


# properties of all kinds of blocks

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text(max_size=2)
)
AXIS = st.lists(VALUES, min_size=1, max_size=3)
SIZE = st.integers(1, 5)
KINDS = {"uniform": [0, 1], "normal": [0, 1], "integers": [0, 3], "choice": [1, "x", None]}


@st.composite
def blocks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to three blocks with up to six kinds of parts."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        number = draw(SIZE)
        kinds = {
            "grid": {"g": draw(AXIS), "m.h": draw(AXIS)},
            "zip": {
                name: draw(st.lists(VALUES, min_size=number, max_size=number)) for name in "yz"
            },
            "rows": [
                {"r": draw(VALUES), "q": draw(VALUES)} for _ in range(draw(st.integers(1, 2)))
            ],
            "sample": {
                "n": draw(SIZE),
                "method": draw(st.sampled_from(["random", "halton"])),
                "seed": draw(st.integers(0, 2)),
                "parameters": {
                    name: {kind: KINDS[kind]}
                    for name, kind in (
                        ("u", draw(st.sampled_from(sorted(KINDS)))),
                        ("v", "uniform"),
                    )
                },
            },
            "star": {"base": {"s": 0, "o": 1}, "vary": {"s": draw(AXIS), "o": draw(AXIS)}},
            "seeds": draw(st.integers(1, 3)),
        }
        chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=3, unique=True))
        made.append({kind: kinds[kind] for kind in chosen})
    return made


FAST = settings(deadline=None, max_examples=60)


@FAST
@given(blocks())
def test_ids_are_those_of_the_sets_one_by_one(given_blocks: list[dict]) -> None:
    found = design(*given_blocks)
    sets = [dict(zip(found.columns, row, strict=True)) for row in rows(found)]
    assert found.ids == [task_id(one) for one in sets]
    assert design(*given_blocks).ids == found.ids


@FAST
@given(blocks(), st.randoms())
def test_ids_do_not_depend_on_the_order_of_keys_blocks_and_values(
    given_blocks: list[dict], random: Any
) -> None:
    def mixed(value: Any, ordered: bool = False) -> Any:
        if isinstance(value, dict):
            items = [(k, mixed(v, k in ("zip", "rows", "parameters"))) for k, v in value.items()]
            return dict(random.sample(items, len(items)))
        if isinstance(value, list) and not ordered:
            return random.sample(value, len(value))
        return value

    other = [{k: mixed(v, k in ("zip", "rows")) for k, v in one.items()} for one in given_blocks]
    for one, old in zip(other, given_blocks, strict=True):
        for kind in {"zip", "sample"} & old.keys():
            one[kind] = dict(random.sample(list(old[kind].items()), len(old[kind])))
    random.shuffle(other)
    assert set(design(*other).ids) == set(design(*given_blocks).ids)


@FAST
@given(blocks(), AXIS, st.integers(0, 3))
def test_growing_any_axis_keeps_all_old_ids(given_blocks: list[dict], more: list, n: int) -> None:
    old = design(*given_blocks).ids
    for block in given_blocks:
        if "grid" in block:
            block["grid"]["g"] = [*more, *block["grid"]["g"]]
        if "star" in block:
            block["star"]["vary"]["s"] = [*block["star"]["vary"]["s"], *more]
        if "sample" in block:
            block["sample"]["n"] += n
        if "seeds" in block:
            block["seeds"] += n
    assert set(old) <= set(design(*given_blocks).ids)


@FAST
@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4), min_size=1, max_size=3),
    st.integers(0, 4),
)
def test_where_commutes_with_stacking(axes: list[list[int]], bound: int) -> None:
    parts = [{"grid": {"a": axis, "b": [number]}} for number, axis in enumerate(axes)]
    wanted = {
        i
        for i, a in zip(design(*parts).ids, design(*parts).columns["a"].to_list(), strict=True)
        if a >= bound
    }
    kept = [{**part, "where": f"a >= {bound}"} for part in parts if max(part["grid"]["a"]) >= bound]
    assert (set(design(*kept).ids) if kept else set()) == wanted


@FAST
@given(blocks(), VALUES.filter(lambda value: value is not None))
def test_adding_a_defaulted_or_a_derived_parameter_keeps_all_ids(
    given_blocks: list[dict], value: Any
) -> None:
    old = design(*given_blocks).ids
    assert design(*given_blocks, defaults={"new": value}, derive={"also": "2 * 3"}).ids == old
