"""Columns that hold each value once: keys of several, groups that agree."""

from __future__ import annotations

import numpy
from hypothesis import given
from hypothesis import strategies as st

from snakestudy.design.columns import Column, combined, distinct, encoded, groups

VALUES = ("a", "b", "c")
CODES = st.integers(-1, len(VALUES) - 1)


def column(codes: list[int], values: tuple | range = VALUES) -> Column:
    return Column(values, numpy.array(codes, dtype=numpy.int32))  # type: ignore[arg-type]


def agreement(keys: list) -> list[list[bool]]:
    return [[one == other for other in keys] for one in keys]


@given(st.lists(st.tuples(CODES, CODES, CODES), min_size=1))
def test_keys_of_sets_are_equal_where_all_columns_are(sets: list[tuple[int, ...]]) -> None:
    columns = [column(list(codes)) for codes in zip(*sets, strict=True)]
    assert agreement(combined(columns).tolist()) == agreement(sets)


def test_keys_of_columns_with_very_many_values_do_not_overflow() -> None:
    values = range(2**32 - 1)  # the first of three columns is what a product would lose
    sets = [(0, 0, 0), (1, 0, 0), (0, 0, 0)]
    columns = [column(list(codes), values) for codes in zip(*sets, strict=True)]
    assert agreement(combined(columns).tolist()) == agreement(sets)


@given(st.lists(st.tuples(CODES, CODES), min_size=1))
def test_groups_hold_the_rows_that_agree_and_every_row_once(sets: list[tuple[int, int]]) -> None:
    columns = [column(list(codes)) for codes in zip(*sets, strict=True)]
    wanted: dict[tuple[int, int], list[int]] = {}
    for row, codes in enumerate(sets):
        wanted.setdefault(codes, []).append(row)
    found = groups(columns, numpy.arange(len(sets)))
    assert [group.tolist() for group in found] == list(wanted.values())


@given(st.lists(st.tuples(CODES, CODES), min_size=1))
def test_distinct_sets_are_each_there_once_in_order_of_appearance(sets: list) -> None:
    columns = {str(i): column(list(codes)) for i, codes in enumerate(zip(*sets, strict=True))}
    found = [one.codes.tolist() for one in distinct(columns).values()]
    assert list(zip(*found, strict=True)) == list(dict.fromkeys(sets))


def test_encoded_values_are_held_once_by_their_key_and_null_is_none_of_them() -> None:
    found = encoded([1, None, 1.0, 2, None], key=float)
    assert (found.values, found.codes.tolist()) == ((1, 2), [0, -1, 0, 1, -1])


def test_array_of_a_column_cannot_be_changed_by_who_asks_for_it() -> None:
    numeric = Column.of([1, 2]).numeric
    assert numeric is not None
    assert not numeric.flags.writeable
