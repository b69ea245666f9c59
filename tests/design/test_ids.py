"""Many task_ids at once: as numbers, as texts, kept between invocations."""

from __future__ import annotations

from pathlib import Path

import numpy
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestudy.design.columns import Column
from snakestudy.design.ids import REMEMBERED, IdCache, _key, task_codes
from snakestudy.tables.task_ids import as_task_codes, as_texts, differences, first_of_each, is_among
from snakestudy.values import task_id

NUMBERS = st.lists(st.integers(0, 2**64 - 1), max_size=200)


def column(values: list) -> dict[str, Column]:
    return {"a": Column.of(values)}


@given(NUMBERS, st.integers(0, 5), st.integers(0, 100))
def test_numbers_come_through_texts_unchanged(numbers: list[int], start: int, cut: int) -> None:
    given_numbers = numpy.array(numbers, dtype=numpy.uint64)
    texts = as_texts(given_numbers)
    assert texts.to_pylist() == [f"{number:016x}" for number in numbers]
    assert as_task_codes(texts).tolist() == numbers
    assert as_task_codes(texts[start:]).tolist() == numbers[start:]
    chunked = pa.chunked_array([texts[:cut], texts[cut:]], pa.string())
    assert as_task_codes(chunked).tolist() == numbers


@given(NUMBERS, NUMBERS)
def test_differences_are_those_of_sets(one: list[int], other: list[int]) -> None:
    one = sorted(set(one)) or [7]
    ordered = numpy.array(one, dtype=numpy.uint64)
    halves = [numpy.array(half, dtype=numpy.uint64) for half in (other[::2], other[1::2])]
    less, more = differences(ordered, halves)
    assert set(less.tolist()) == set(other) - set(one)
    assert more.tolist() == sorted(set(one) - set(other))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000])
def test_slices_of_chunks_of_any_size_are_read_right(size: int) -> None:
    numbers = numpy.arange(size, dtype=numpy.uint64) * numpy.uint64(2**54 + 1)
    texts = as_texts(numbers)
    whole = pa.chunked_array([texts[: size // 3], texts[:0], texts[size // 3 :]], pa.string())
    for start, stop in ((0, size), (1, size), (size // 2, size), (0, size // 2), (2, size - 1)):
        wanted = numbers[start:stop].tolist()
        assert as_task_codes(whole[start:stop]).tolist() == wanted
        assert as_task_codes(texts[start:stop]).tolist() == wanted
    assert as_task_codes(pa.array(texts.to_pylist(), pa.string())).tolist() == numbers.tolist()


@given(st.lists(st.integers(0, 9), max_size=20), st.sets(st.integers(0, 9)))
def test_numbers_are_found_among_others_and_each_once(numbers: list[int], known: set[int]) -> None:
    array = numpy.array(numbers, dtype=numpy.uint64)
    ordered = numpy.array(sorted(known), dtype=numpy.uint64)
    assert is_among(array, ordered).tolist() == [number in known for number in numbers]
    first = [i for i, number in enumerate(numbers) if number not in numbers[:i]]
    assert first_of_each(array, numpy.sort(array)).tolist() == first


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from([0.0, 1.0, 0.5, "", "1", "null"])
)
COLUMNS = st.integers(1, 3).flatmap(
    lambda rows: st.dictionaries(
        st.sampled_from(["a", "b", "1", "a.b"]),
        st.tuples(
            st.lists(VALUES, min_size=1, max_size=3),
            st.lists(st.integers(-1, 0), min_size=rows, max_size=rows),
        ),
        min_size=1,
        max_size=2,
    )
)


@given(COLUMNS, COLUMNS)
def test_columns_of_one_key_have_the_same_ids(one: dict, other: dict) -> None:
    made = [
        {
            name: Column(tuple(values), numpy.array(codes, dtype=numpy.int32))
            for name, (values, codes) in columns.items()
        }
        for columns in (one, other)
    ]
    assert _key(made[0]) == _key(dict(reversed(made[0].items())))
    if task_codes(made[0]).tolist() != task_codes(made[1]).tolist():
        assert _key(made[0]) != _key(made[1])


MANY = list(range(REMEMBERED))


def test_kept_ids_are_those_computed(tmp_path: Path) -> None:
    id_cache = IdCache(tmp_path / "ids")
    computed = task_codes(column(MANY), id_cache)
    id_cache.save()
    again = IdCache(tmp_path / "ids")
    kept = task_codes(column(MANY), again)
    assert kept.tolist() == computed.tolist()
    assert again.used
    assert not again.fresh
    assert as_texts(kept[:1]).to_pylist() == [task_id({"a": 0})]


@pytest.mark.parametrize("damage", ["truncated", "empty", "swapped", "flipped"])
def test_damaged_file_is_computed_again_and_replaced(tmp_path: Path, damage: str) -> None:
    id_cache = IdCache(tmp_path)
    computed = [task_codes(column(values), id_cache) for values in (MANY, MANY[::-1])]
    id_cache.save()
    one, two = sorted(tmp_path.iterdir())
    content = one.read_bytes()
    broken = {
        "truncated": content[:-8],
        "empty": b"",
        "swapped": two.read_bytes(),
        "flipped": bytes([content[0] ^ 1]) + content[1:],
    }
    one.write_bytes(broken[damage])
    again = IdCache(tmp_path)
    found = [task_codes(column(values), again) for values in (MANY, MANY[::-1])]
    assert [f.tolist() for f in found] == [c.tolist() for c in computed]
    again.save()
    assert sorted(tmp_path.iterdir()) == [one, two]
    assert one.read_bytes() == content


def test_files_of_other_designs_are_removed(tmp_path: Path) -> None:
    for values in (MANY, MANY[::-1]):
        id_cache = IdCache(tmp_path)
        task_codes(column(values), id_cache)
        id_cache.save()
    assert len(list(tmp_path.iterdir())) == 1


def test_files_of_a_design_that_was_not_asked_for_stay(tmp_path: Path) -> None:
    id_cache = IdCache(tmp_path)
    task_codes(column(MANY), id_cache)
    id_cache.save()
    (before,) = tmp_path.iterdir()
    IdCache(tmp_path).save()  # an invocation that needed no ids
    assert list(tmp_path.iterdir()) == [before]


def test_foreign_file_is_no_memory_and_is_removed(tmp_path: Path) -> None:
    id_cache = IdCache(tmp_path)
    computed = task_codes(column(MANY), id_cache)
    id_cache.save()
    (kept,) = tmp_path.iterdir()
    key = kept.name.partition("-")[0]
    (tmp_path / f"{key}-0000000000000000").write_bytes(b"\1" * 8 * len(MANY))
    (tmp_path / "notes.txt").write_text("mine")
    again = IdCache(tmp_path)
    assert task_codes(column(MANY), again).tolist() == computed.tolist()
    again.save()
    assert list(tmp_path.iterdir()) == [kept]


def test_file_that_another_process_is_just_writing_is_left_alone(tmp_path: Path) -> None:
    halfway = tmp_path / ".key-digest.4711"  # as `files.write_bytes` names it
    halfway.write_bytes(b"")
    id_cache = IdCache(tmp_path)
    task_codes(column(MANY), id_cache)
    id_cache.save()
    assert halfway.exists()


def test_small_designs_are_not_kept(tmp_path: Path) -> None:
    id_cache = IdCache(tmp_path / "ids")
    task_codes(column(MANY[1:]), id_cache)
    id_cache.save()
    assert not (tmp_path / "ids").exists()


def test_columns_that_differ_in_type_name_or_nulls_are_not_mixed_up(tmp_path: Path) -> None:
    id_cache = IdCache(tmp_path)
    texts, halves = [str(n) for n in MANY], [n + 0.5 for n in MANY]
    sets = [column(MANY), column(texts), column(halves), {"b": Column.of(MANY)}]
    sets.append(column([None, *MANY[1:]]))
    first = [int(task_codes(one, id_cache)[0]) for one in sets]
    id_cache.save()
    again = [int(task_codes(one, IdCache(tmp_path))[0]) for one in sets]
    wanted = [{"a": 0}, {"a": "0"}, {"a": 0.5}, {"b": 0}, {}]
    assert first == again == [int(task_id(one), 16) for one in wanted]
