"""Samples: the same points everywhere, the first ones kept; distributions; what is refused."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakestudy._errors import UserError
from snakestudy._sample import sample

UNIFORM = {"uniform": [0, 1]}
FIVE: dict[str, Any] = {
    "k": {"uniform": [0, 1]},
    "m": {"loguniform": [1, 100]},
    "i": {"integers": [1, 6]},
    "c": {"choice": ["a", None, True]},
    "n": {"normal": [10, 2]},
}


def points(n: int, method: str, parameters: dict[str, Any], seed: int = 0) -> list[tuple]:
    part = sample(n, method, seed, parameters)
    return list(zip(*(part[name].to_list() for name in sorted(part)), strict=True))


# Of c, i, k, m, n. A task is known by its values: an update that moves one loses results.
GOLDEN: dict[str, list[tuple]] = {
    "random": [
        ("a", 3, 0.9025624419380854, 11.41456827, 11.52251631),
        (None, 3, 0.5126413278249876, 22.92477181, 6.969399808),
        (None, 1, 0.05751104307262367, 2.035195754, 8.8649424),
    ],
    "lhs": [
        (True, 4, 0.558438945640238, 71.11792633, 9.959257909),
        ("a", 5, 0.8416511232642794, 24.75642429, 10.91854855),
        (True, 3, 0.40429706830721424, 1.058640711, 12.19650569),
    ],
    "sobol": [
        ("a", 3, 0.9025624417699873, 11.41456826, 11.52251631),
        (None, 6, 0.40256244176998734, 1.141456826, 8.814944107),
        (True, 1, 0.6525624417699873, 36.0960342, 6.138227361),
    ],
    "halton": [
        ("a", 3, 0.9025624419380854, 11.41456827, 11.52251631),
        (None, 5, 0.1025624419380855, 22.03808104, 12.23077359),
        (None, 1, 0.30256244193808546, 42.54887302, 13.46858131),
    ],
}


@pytest.mark.parametrize("method", ["random", "lhs", "sobol", "halton"])
def test_points_are_those_of_every_version_and_machine(method: str) -> None:
    assert points(4, method, FIVE, seed=1)[:3] == GOLDEN[method]


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["random", "halton"]), st.integers(1, 40), st.integers(0, 40), st.integers(0)
)
def test_more_points_begin_with_the_same_ones(method: str, n: int, more: int, seed: int) -> None:
    assert points(n + more, method, FIVE, seed)[:n] == points(n, method, FIVE, seed)


@pytest.mark.parametrize("n", [1, 2, 16, 64])
def test_twice_the_sobol_points_begin_with_the_same_ones(n: int) -> None:
    assert points(2 * n, "sobol", FIVE)[:n] == points(n, "sobol", FIVE)


@pytest.mark.parametrize("method", ["random", "lhs", "sobol", "halton"])
def test_order_of_names_does_not_matter_and_another_seed_does(method: str) -> None:
    backwards = dict(reversed(FIVE.items()))
    assert points(8, method, FIVE) == points(8, method, backwards)
    assert points(8, method, FIVE) != points(8, method, FIVE, seed=1)


def test_more_parameters_keep_the_random_values_of_the_others() -> None:
    alone = sample(9, "random", 0, {"k": UNIFORM})["k"]
    assert alone.to_list() == sample(9, "random", 0, FIVE)["k"].to_list()


@pytest.mark.parametrize("method", ["lhs", "sobol"])
def test_each_axis_has_one_point_in_each_stratum(method: str) -> None:
    part = sample(64, method, 3, {"a": UNIFORM, "b": UNIFORM, "c": UNIFORM})
    for column in part.values():
        assert sorted(int(64 * value) for value in column.to_list()) == list(range(64))


def test_distributions_have_their_means_bounds_and_types() -> None:
    part = sample(4096, "sobol", 0, FIVE)
    lists = {name: column.to_list() for name, column in part.items()}
    assert numpy.mean(lists["k"]) == pytest.approx(0.5, abs=1e-3)
    assert numpy.mean(numpy.log10(lists["m"])) == pytest.approx(1.0, abs=1e-3)
    assert (min(lists["m"]) >= 1, max(lists["m"]) <= 100) == (True, True)
    assert (numpy.mean(lists["n"]), numpy.std(lists["n"])) == pytest.approx((10, 2), abs=0.01)
    counts = [lists["i"].count(face) for face in range(1, 7)]
    assert sum(counts) == 4096
    assert max(counts) - min(counts) <= 2
    assert all(type(face) is int for face in lists["i"])
    assert [lists["c"].count(value) for value in ("a", None, True)] == pytest.approx(
        [4096 / 3] * 3, abs=2
    )


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (1, ["parameters.k = 1", "is no distribution", "Write {uniform: [low, high]}"]),
        ({"uniform": [0, 1], "normal": [0, 1]}, ["is no distribution"]),
        ({"unifrom": [0, 1]}, ['parameters.k = "unifrom"', "Did you mean uniform?"]),
        ({"uniform": [1, 1]}, ["parameters.k.uniform = [1, 1]", "below the high one"]),
        ({"uniform": [2, 1]}, ["below the high one"]),
        ({"uniform": [0]}, ["takes [low, high], finite numbers"]),
        ({"uniform": [0, 1, 2]}, ["takes [low, high]"]),
        ({"uniform": 1}, ["takes [low, high]"]),
        ({"uniform": ["a", "b"]}, ["takes [low, high]"]),
        ({"uniform": [False, True]}, ["takes [low, high]"]),
        ({"uniform": [0, float("inf")]}, ["finite numbers"]),
        ({"uniform": [float("nan"), 1]}, ["finite numbers"]),
        ({"uniform": [-1e308, 1e308]}, ["below the high one"]),
        ({"loguniform": [0, 1]}, ["takes bounds above 0"]),
        ({"loguniform": [-1, 1]}, ["takes bounds above 0"]),
        ({"normal": [0, 0]}, ["standard deviation above 0"]),
        ({"normal": [0, -1]}, ["standard deviation above 0"]),
        ({"integers": [0.5, 2]}, ["finite whole numbers"]),
        ({"integers": [3, 3]}, ["below the high one"]),
        ({"integers": [0, 2**60]}, ["less than 2**50 apart"]),
        ({"choice": []}, ["takes a list of values"]),
        ({"choice": "abc"}, ["takes a list of values"]),
        ({"choice": [float("nan")]}, ["nan is no parameter value"]),
    ],
)
def test_impossible_distribution_is_refused(distribution: Any, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        sample(4, "random", 0, {"k": distribution})
    assert [word for word in words if word not in str(caught.value)] == [], caught.value


@pytest.mark.parametrize(("n", "below", "above"), [(3, 2, 4), (100, 64, 128), (1000, 512, 1024)])
def test_sobol_number_that_is_no_power_of_two_is_refused(n: int, below: int, above: int) -> None:
    with pytest.raises(UserError, match=rf"n = {n}: is no power of 2.*Write {below} or {above}"):
        sample(n, "sobol", 0, {"k": UNIFORM})
