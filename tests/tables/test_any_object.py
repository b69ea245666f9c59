"""Whatever a task hands over, by whichever way, gives rows or an error of that task."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st
from rows_kit import as_columns, check

from snakestudy.errors import RowError
from snakestudy.running.metrics import by_metric
from snakestudy.running.program import post_run_results


class Own(Exception):
    """An error of the study's own, which cannot even be told."""

    def __str__(self) -> str:
        raise ValueError


class Fatal(BaseException):
    """As CancelledError and others that are no Exception."""


def raising(error: type[BaseException]) -> Any:
    def method(*_: Any) -> Any:
        raise error

    names = [
        "len",
        "iter",
        "eq",
        "getitem",
        "contains",
        "hash",
        "bool",
        "str",
        "repr",
        "float",
        "int",
        "index",
        "array",
        "lt",
    ]
    return {f"__{name}__": method for name in names} | {"keys": method, "items": method}


def hostile(base: type, error: type[BaseException]) -> Any:
    made = type("Hostile", (base,), raising(error))
    return made([1]) if base is list else made({"x": 1}) if base is dict else made()


class Deceiving:
    """Answers to every name with itself."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


class Endless(Mapping):
    """Each value is one like itself."""

    def __getitem__(self, key: str) -> Any:
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(["x"])

    def __len__(self) -> int:
        return 1


def knot() -> Any:
    itself: list[Any] = []
    itself.append(itself)
    return itself


def deep() -> Any:
    value: Any = 1
    for _ in range(5000):
        value = {"k": [value]}
    return value


FAR_WEST = dt.timezone(dt.timedelta(hours=-23))


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else 1


class Color(enum.Enum):
    RED = "red"
    OWN = object()
    LIST = (1, 2)


ERRORS = (ValueError, Own, Fatal, SystemExit)
BAD = [
    *(hostile(base, error) for base in (object, list, dict, int) for error in ERRORS),
    *(Deceiving(), Endless(), knot(), deep(), object(), {1, 2}, frozenset(), deque([1])),
    *(
        Fraction(1, 2),
        Color.OWN,
        lambda: 1,
        int,
        np,
        print,
        ...,
        NotImplemented,
        iter([1]),
        range(3),
    ),
    *(Own(), type("Meta", (type,), raising(ValueError))("X", (), {}), {(1, 2): 3}, {1: 2, "1": 3}),
    *(
        "\ud800",
        "caf\udce9.dat",
        {"\ud800": 1},
        {frozenset(): 1},
        bytearray(b"x"),
        memoryview(b"x"),
    ),
    *(Decimal("NaN"), Decimal("sNaN"), dt.UTC, dt.datetime.max.replace(tzinfo=FAR_WEST)),
    *(np.dtype("i4"), np.array([object()]), np.array(["\ud800"]), np.datetime64(2**62, "s")),
    *(np.void(b"xy"), np.array([{1}], object), np.timedelta64(1, "Y"), np.ones((1, 1, 1, 1))),
    *(pd.Index([{1}]), pd.Series([object()]), pd.offsets.Day(), pd.Series([Deceiving()])),
    *(pd.Timestamp.max, pd.Timedelta.min, pd.Period("2024-01"), pd.Interval(0, 1), pd.NA, pd.NaT),
    *(10**5000, [10**5000], {"k": 10**5000}, Decimal(10) ** 400, nested(60), np.ones((1,) * 40)),
    *(pa.scalar(1), pa.schema([]), pa.array([1]).type, pa.array([[1], None])),
]


@pytest.mark.parametrize("value", BAD, ids=lambda value: type(value).__name__)
def test_bad_object_is_an_error_of_rows_wherever_it_stands(value: Any) -> None:
    for rows in (value, [value], iter([value]), {"x": value}, {"x": 1, "y": value}):
        check(rows)
    for rows in ({"x": [value]}, [{"x": value}], {"x": {"k": [value]}}, {"x": [1, value, "a"]}):
        check(rows)
    with suppress(TypeError, Fatal, ValueError, Own, SystemExit):  # of the key's own hash
        check({value: 1})
        check([{value: 1}])
    try:
        frame = pd.DataFrame({"x": [value]})
    except BaseException:
        return
    check(frame)


@pytest.mark.parametrize("value", BAD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("metrics", [["x"], ["x", "y"], []])
def test_bad_object_that_a_function_returns_is_an_error_of_rows(value: Any, metrics: list) -> None:
    for returned in (value, {"x": value}, {"x": value, "y": value}):
        with suppress(RowError):
            for rows in by_metric(returned, metrics).values():
                check(rows)


def bad(number: int) -> Any:
    return BAD[number]


zones = st.one_of(st.none(), st.timezones(), st.just(dt.UTC))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.decimals(),
    st.text(st.characters(), max_size=5), st.binary(max_size=5), st.dates(), st.times(),
    st.timedeltas(), st.datetimes(timezones=zones), st.uuids(), st.fractions(),
    st.sampled_from([*Color, Path("a/b"), 10**400, uuid.UUID(int=1), 10**20]),
    st.integers(0, len(BAD) - 1).map(bad),
    np_st.from_dtype(np.dtype("M8[ns]")), np_st.from_dtype(np.dtype("m8[s]")),
    st.builds(np.float16, st.floats(width=16)), st.builds(np.longdouble, st.floats()),
    st.builds(pd.Timestamp, st.integers(-(2**60), 2**60)),
)  # fmt: skip
arrays = np_st.arrays(
    st.one_of(np_st.scalar_dtypes(), np_st.array_dtypes(max_size=2)),
    np_st.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
keys = st.one_of(st.text(max_size=2), st.integers(), st.none())
values = st.recursive(
    st.one_of(scalars, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(keys, inner, max_size=3),
        st.builds(lambda items: pd.Series(items, dtype=object), st.lists(inner, max_size=3)),
        st.builds(iter, st.lists(inner, max_size=2)),
    ),
    max_leaves=8,
)  # fmt: skip
searched = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@searched
@given(values)
def test_any_object_gives_rows_or_an_error(value: Any) -> None:
    check(value)
    check({"x": value, "y": value})
    check([{"x": value}, {"y": value}])


@searched
@given(value=values)
def test_any_object_is_posted_as_it_is_returned(
    value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snakestudy.running.posted import read_posted

    monkeypatch.setenv("STUDY_PARAMS", str(tmp_path / "params.json"))
    monkeypatch.setenv("STUDY_METRICS", '["x"]')
    if isinstance(value, Iterator):
        value = list(value)
    try:
        returned = as_columns(by_metric(value, ["x"])["x"])
    except RowError:
        with pytest.raises(RowError):
            post_run_results(value)
        return
    try:
        post_run_results(value)
    except RowError as error:
        if "digits" in str(error):  # JSON has no integers so long
            return
        raise
    posted = as_columns(by_metric(read_posted(tmp_path), ["x"])["x"])
    assert repr(posted).replace(", fold=1", "") == repr(returned).replace(", fold=1", "")
