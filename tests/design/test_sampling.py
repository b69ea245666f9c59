"""Samples: the same points everywhere, the first ones kept; distributions; what is refused.

Long: points written out, so that no version moves them.
"""

from __future__ import annotations

from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakestudy.design.sampling import _points, sample
from snakestudy.errors import UserError

METHODS = ["random", "lhs", "sobol", "halton"]
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
        ("a", 3, 0.9025624419380854, 11.414568276581184, 11.5225163122),
        (None, 3, 0.5126413278249876, 22.924771804691353, 6.969399808),
        (None, 1, 0.05751104307262367, 2.035195754113328, 8.8649424),
    ],
    "lhs": [
        (True, 4, 0.558438945640238, 71.11792632654314, 9.95925790924),
        ("a", 5, 0.8416511232642794, 24.756424289216337, 10.9185485458),
        (True, 3, 0.40429706830721424, 1.0586407112679328, 12.19650569),
    ],
    "sobol": [
        ("a", 3, 0.9025624417699873, 11.414568256309913, 11.5225163142),
        (None, 6, 0.40256244176998734, 1.1414568256849948, 8.8149441066),
        (True, 1, 0.6525624417699873, 36.09603420032615, 6.13822736),
    ],
    "halton": [
        ("a", 3, 0.9025624419380854, 11.414568276581184, 11.5225163122),
        (None, 5, 0.1025624419380855, 22.03808103847753, 12.230773586),
        (None, 1, 0.30256244193808546, 42.548873023556276, 13.468581312),
    ],
}


@pytest.mark.parametrize("method", METHODS)
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


@pytest.mark.parametrize("method", METHODS)
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


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(0))
def test_lhs_of_any_size_has_one_point_in_each_stratum(n: int, seed: int) -> None:
    part = sample(n, "lhs", seed, {"a": UNIFORM, "b": {"uniform": [-3, 5]}})
    strata = [int(n * value) for value in part["a"].to_list()]
    assert sorted(strata) == list(range(n))
    assert sorted(int(n * (value + 3) / 8) for value in part["b"].to_list()) == list(range(n))


def test_sobol_points_are_a_net_in_the_first_axes() -> None:
    part = sample(16, "sobol", 5, dict.fromkeys("abc", UNIFORM))
    for one, other in ("ab", "ac"):
        pairs = zip(part[one].to_list(), part[other].to_list(), strict=True)
        assert len({(int(4 * x), int(4 * y)) for x, y in pairs}) == 16


def radical_inverse(number: int, base: int) -> Fraction:
    digits, scale = Fraction(0), Fraction(1, base)
    while number:
        number, digit = divmod(number, base)
        digits, scale = digits + digit * scale, scale / base
    return digits


def test_halton_points_are_shifted_radical_inverses() -> None:
    part = sample(50, "halton", 2, {"b": UNIFORM, "a": UNIFORM, "c": UNIFORM})
    for name, base in (("a", 2), ("b", 3), ("c", 5)):
        values = part[name].to_list()
        wanted = [(values[0] + float(radical_inverse(i, base))) % 1.0 for i in range(50)]
        assert values == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_axes_of_one_distribution_are_not_copies_of_each_other(method: str) -> None:
    part = sample(256, method, 0, dict.fromkeys("abc", UNIFORM))
    rows = numpy.array([column.to_list() for column in part.values()])
    assert abs(numpy.corrcoef(rows) - numpy.eye(3)).max() < 0.2


LOWS = st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(METHODS), LOWS, st.floats(1e-3, 1e6), st.integers(0, 9))
def test_values_stay_inside_bounds(method: str, low: float, width: float, seed: int) -> None:
    above = abs(low) + 1e-3
    parameters = {
        "u": {"uniform": [low, low + width]},
        "l": {"loguniform": [above, above + width]},
        "i": {"integers": [int(low), int(low) + 1 + int(width)]},
    }
    part = sample(32, method, seed, parameters)
    for name, distribution in parameters.items():
        ((lowest, highest),) = distribution.values()
        assert all(lowest <= value <= highest for value in part[name].to_list()), name


@pytest.mark.parametrize("bounds", [[1.00000000001, 1.00000000002], [0.12345678901234, 0.1234568]])
def test_loguniform_stays_inside_narrow_bounds(bounds: list[float]) -> None:
    found = sample(64, "sobol", 0, {"k": {"loguniform": bounds}})["k"].to_list()
    assert all(bounds[0] <= value <= bounds[1] for value in found)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("normal", [2450000.5, 1e-4]),  # a Julian date
        ("normal", [1e12, 1]),
        ("loguniform", [1e6, 1e6 + 1e-3]),
        ("uniform", [1e12, 1e12 + 1]),
    ],
)
def test_points_far_from_zero_stay_apart(kind: str, arguments: list[float]) -> None:
    found = sample(64, "sobol", 0, {"k": {kind: arguments}})["k"].to_list()
    assert len(set(found)) == 64


@pytest.mark.parametrize("arguments", [[0, 1e308], [1.7e308, 1e308]])
def test_normal_gives_finite_numbers_or_is_refused(arguments: list[float]) -> None:
    try:
        found = sample(4096, "sobol", 0, {"k": {"normal": arguments}})["k"].to_list()
    except UserError:
        return
    assert numpy.isfinite(found).all()


@pytest.mark.parametrize("n", [0.01, 0.1, 0.25, 0.5, 0.9, 0.99])
def test_distributions_have_their_quantiles(n: float) -> None:
    parameters = {**FIVE, "u": {"uniform": [-4, 12]}}
    part = sample(4096, "sobol", 0, parameters)
    wanted = {"u": -4 + 16 * n, "m": 100**n, "n": NormalDist(10, 2).inv_cdf(n), "i": int(1 + 6 * n)}
    for name, value in wanted.items():
        found = sorted(part[name].to_list())[int(4096 * n)]
        assert found == pytest.approx(value, rel=5e-3, abs=0.02), name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bounds", [[-1, 1], [5, 6], [-(2**60), -(2**60) + 2], [2**62, 2**62 + 1]])
def test_integers_include_both_ends_and_nothing_else(method: str, bounds: list[int]) -> None:
    found = sample(64, method, 0, {"k": {"integers": bounds}})["k"].to_list()
    assert set(found) == set(range(bounds[0], bounds[1] + 1))
    assert all(type(value) is int for value in found)


@pytest.mark.parametrize("method", METHODS)
def test_choice_gives_each_listed_value_and_null(method: str) -> None:
    values = [None, "x", 1, 1.5, True, [1, None], {"k": 2}]
    found = sample(64, method, 0, {"k": {"choice": values}})["k"]
    assert {str(value) for value in found.to_list()} == {str(value) for value in values}
    assert all(
        (code < 0) == (value is None)
        for code, value in zip(found.codes, found.to_list(), strict=True)
    )


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
        ({"integers": [1, 2, 3]}, ["takes [low, high], finite whole numbers"]),
        ({"integers": [False, True]}, ["finite whole numbers"]),
        ({"integers": ["1", "6"]}, ["finite whole numbers"]),
        ({"normal": [0]}, ["takes [mean, standard deviation], finite numbers"]),
        ({"normal": [0, 1, 2]}, ["takes [mean, standard deviation]"]),
        ({"normal": ["0", 1]}, ["takes [mean, standard deviation]"]),
        ({"normal": [0, True]}, ["takes [mean, standard deviation]"]),
        ({"normal": [float("nan"), 1]}, ["finite numbers"]),
        ({"normal": [0, float("inf")]}, ["finite numbers"]),
        ({"loguniform": [1, 1]}, ["parameters.k.loguniform = [1, 1]", "below the high one"]),
        ({"loguniform": [2, 1]}, ["below the high one"]),
        ({"loguniform": [1, float("inf")]}, ["finite numbers"]),
        ({"loguniform": None}, ["parameters.k.loguniform = null", "takes [low, high]"]),
        ({}, ["parameters.k = {}", "is no distribution", "Write {uniform: [low, high]}"]),
        ([0, 1], ["parameters.k = [0, 1]", "is no distribution"]),
        ({"beta": [1, 2]}, ["Known: choice, integers, loguniform, normal, uniform."]),
        ({"Normal": [1, 2]}, ["Did you mean normal?"]),
        ({"choice": {"a": 1}}, ["takes a list of values"]),
        *(
            ({kind: [1, 10**400]}, [f"parameters.k.{kind}"])
            for kind in ("uniform", "loguniform", "normal", "integers")
        ),
        ({"choice": []}, ["takes a list of values"]),
        ({"choice": "abc"}, ["takes a list of values"]),
        ({"choice": [float("nan")]}, ["nan is no parameter value"]),
    ],
)
def test_impossible_distribution_is_refused(distribution: Any, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        sample(4, "random", 0, {"k": distribution})
    assert [word for word in words if word not in str(caught.value)] == [], caught.value


@pytest.mark.parametrize(
    ("n", "below", "above"), [(3, 2, 4), (5, 4, 8), (100, 64, 128), (1000, 512, 1024)]
)
def test_sobol_number_that_is_no_power_of_two_is_refused(n: int, below: int, above: int) -> None:
    with pytest.raises(UserError, match=rf"n = {n}: is no power of 2.*Write {below} or {above}"):
        sample(n, "sobol", 0, {"k": UNIFORM})


class Bits:
    """Bits that are not random: the same 64 each time."""

    def __init__(self, raw: int) -> None:
        self.raw = raw

    def random_raw(self, n: int) -> numpy.ndarray:
        return numpy.full(n, self.raw, dtype=numpy.uint64)


# With the last one, a shift by Halton's 2/3 ends at 1, which is 0 again.
RAW = [0, 2**64 - 1, (2**53 - 6004799503160661 - 1) // 2 << 12]


@pytest.mark.parametrize("raw", RAW, ids=["zeros", "ones", "up_to_one"])
@pytest.mark.parametrize(("method", "n"), [("random", 3), ("lhs", 3), ("sobol", 4), ("halton", 3)])
def test_coordinates_are_neither_0_nor_1_whatever_the_bits(method: str, n: int, raw: int) -> None:
    for coordinates in _points(n, method, {"a": Bits(raw), "b": Bits(raw)}).values():
        assert ((coordinates > 0) & (coordinates < 1)).all()
