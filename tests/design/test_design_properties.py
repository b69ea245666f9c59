"""Properties of whole designs, with blocks of every kind mixed."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy
import pytest
from designs import design, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from snakestudy.errors import UserError
from snakestudy.planning.plan import pilot
from snakestudy.values import canonical, task_id

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.text(max_size=2)
)
AXIS = st.lists(VALUES | st.lists(VALUES, max_size=2), min_size=1, max_size=3)
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
    again = design(*given_blocks)
    assert (again.ids, rows(again), again.notes) == (found.ids, rows(found), found.notes)


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
@given(blocks(), AXIS, st.integers(0, 3), st.booleans())
def test_growing_any_axis_keeps_all_old_ids(
    given_blocks: list[dict], more: list, n: int, first: bool
) -> None:
    def grown(values: list) -> list:
        return [*more, *values] if first else [*values, *more]

    old = design(*given_blocks)
    for block in given_blocks:
        if "grid" in block:
            block["grid"]["g"] = grown(block["grid"]["g"])
        if "zip" in block:
            block["zip"] = {name: grown(values) for name, values in block["zip"].items()}
        if "rows" in block:
            block["rows"] = [*block["rows"], *({"r": value, "new": value} for value in more)]
        if "star" in block:
            block["star"]["vary"]["s"] = grown(block["star"]["vary"]["s"])
        if "sample" in block:
            block["sample"]["n"] += n
        if "seeds" in block:
            block["seeds"] += n
    found = design(*given_blocks)
    assert set(old.ids) <= set(found.ids)
    numbers = found.rows_of(old.task_codes)
    sets = [dict(zip(found.columns, row, strict=True)) for row in rows(found)]
    assert [task_id(sets[row]) for row in numbers] == old.ids


@FAST
@given(blocks(), st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 4))
def test_where_commutes_with_stacking(given_blocks: list[dict], axis: list, bound: int) -> None:
    stacked = [
        {**block, "grid": {**block.get("grid", {}), "w": [*axis[number:], number]}}
        for number, block in enumerate(given_blocks)
    ]
    whole = design(*stacked)
    columns = zip(whole.ids, whole.columns["w"].to_list(), strict=True)
    wanted = {task_id for task_id, w in columns if w >= bound}
    kept = [
        {**block, "where": f"w >= {bound}"} for block in stacked if max(block["grid"]["w"]) >= bound
    ]
    found = design(*kept) if kept else None
    assert (set(found.ids) if found else set()) == wanted
    for block in found.blocks if found else ():
        sizes = [number for _, number in block.factors]
        assert len(block.columns["w"].codes) + block.removed == prod(sizes)


@FAST
@given(blocks(), VALUES.filter(lambda value: value is not None))
def test_adding_a_defaulted_or_a_derived_parameter_keeps_all_ids(
    given_blocks: list[dict], value: Any
) -> None:
    old = design(*given_blocks)
    found = design(*given_blocks, defaults={"new": value}, derive={"also": "2 * 3"})
    assert found.ids == old.ids
    assert set(map(repr, found.columns["new"].to_list())) == {repr(value)}
    assert set(found.columns["also"].to_list()) == {6}


@FAST
@given(blocks(), VALUES.filter(lambda value: value is not None), AXIS)
def test_values_beside_a_default_are_new_tasks_and_no_old_one_is_lost(
    given_blocks: list[dict], value: Any, others: list
) -> None:
    old = design(*given_blocks)
    grown = [
        {**block, "grid": {**block.get("grid", {}), "new": [value, *others]}}
        for block in given_blocks
    ]
    found = design(*grown, defaults={"new": value})
    assert set(old.ids) <= set(found.ids)
    sets = [dict(zip(found.columns, row, strict=True)) for row in rows(found)]
    wanted = [
        {n: v for n, v in one.items() if n != "new" or canonical(v) != canonical(value)}
        for one in sets
    ]
    assert found.ids == [task_id(one) for one in wanted]


@FAST
@given(blocks(), st.integers(1, 8))
def test_limit_refuses_more_sets_and_nothing_else(given_blocks: list[dict], limit: int) -> None:
    total = sum(len(next(iter(b.columns.values())).codes) for b in design(*given_blocks).blocks)
    if total <= limit:
        assert design(*given_blocks, limit=limit).size <= total
    else:
        with pytest.raises(UserError, match=rf"more than design_limit \({limit}\)"):
            design(*given_blocks, limit=limit)


@given(st.integers(1, 300), st.integers(1, 400), st.data())
def test_pilot_draws_one_from_each_stretch_and_counts_what_is_there(
    total: int, most: int, data: st.DataObject
) -> None:
    rest = sorted(data.draw(st.sets(st.integers(0, total - 1))))
    picks = pilot(numpy.array(rest, dtype=int), total, most).tolist()
    assert len(picks) == min(len(rest), max(0, most - (total - len(rest))))
    assert picks == sorted(set(picks))
    assert set(picks) <= set(rest)
    assert picks == pilot(numpy.array(rest, dtype=int), total, most).tolist()
    assert pilot(numpy.array(rest, dtype=int), total, None).tolist() == rest


@pytest.mark.parametrize(("first", "last"), [(2, 50), (10, 10), (50, 2), (7, 13)])
def test_pilot_of_a_few_differs_in_the_first_and_the_last_axis(first: int, last: int) -> None:
    found = design({"grid": {"a": list(range(first)), "b": list(range(last))}})
    picks = pilot(numpy.arange(found.size), found.size, 5)
    for name in "ab":
        assert len(set(found.columns[name].take(picks).to_list())) > 1
