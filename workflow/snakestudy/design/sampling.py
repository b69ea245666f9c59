"""Random and quasi-random points in parameter space, the same on every machine and version.

A point is the identity of a task, so it may not move with an update of a library: all
randomness is taken from the raw bits of numpy's PCG64, whose stream numpy guarantees, and
from the sequences of Sobol and Halton themselves (scipy.stats.qmc, unscrambled), which are
shifted at random here.

Sources: Sobol points by Joe and Kuo's direction numbers, with a random digital shift (XOR);
Halton points with a random shift modulo 1 (Cranley and Patterson 1976); Latin hypercube
after McKay, Beckman and Conover 1979.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from math import isfinite, log, log1p
from typing import Any, Protocol

import numpy

from snakestudy.design.columns import Column, ParameterColumns, plain_list
from snakestudy.errors import UserError, error_context
from snakestudy.messages import nearest
from snakestudy.values import digest_of

_BITS = 30  # of a Sobol coordinate


def sample(n: int, method: str, seed: int, parameters: Mapping[str, Any]) -> ParameterColumns:
    """n points; a larger n begins with the same ones, but for `lhs`.

    Args:
        parameters: name -> distribution, as {uniform: [low, high]}; their order does not
            matter.

    Raises:
        UserError: for impossible bounds, or a number of Sobol points that is no power of 2.
    """
    names = sorted(parameters)
    inverses = {name: _inverse(name, parameters[name]) for name in names}
    bits = {name: numpy.random.PCG64(int(digest_of([seed, name]), 16)) for name in names}
    points = _points(n, method, bits)
    return {name: inverses[name](points[name]) for name in parameters}


class _Bits(Protocol):
    """What gives random bits, 64 at a time, as numpy's bit generators do."""

    def random_raw(self, size: int, /) -> numpy.ndarray: ...


def _points(n: int, method: str, bits: Mapping[str, _Bits]) -> dict[str, numpy.ndarray]:
    """Coordinates between 0 and 1, neither of them included; one array a name."""
    if method == "random":
        points = {name: _unit(source.random_raw(n)) for name, source in bits.items()}
    elif method == "lhs":
        strata = {name: numpy.argsort(b.random_raw(n), kind="stable") for name, b in bits.items()}
        points = {name: (strata[name] + _unit(b.random_raw(n))) / n for name, b in bits.items()}
    else:
        sequence = _sobol if method == "sobol" else _halton
        points = sequence(n, {name: source.random_raw(1) for name, source in bits.items()})
    return {name: numpy.clip(values, 2.0**-53, 1 - 2.0**-53) for name, values in points.items()}


def _sobol(n: int, shifts: Mapping[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    from scipy.stats import qmc

    if n & (n - 1):
        lower = 1 << (n.bit_length() - 1)
        raise UserError(
            "is no power of 2, which Sobol points need to be balanced",
            key="n",
            value=n,
            fix=f"Write {lower} or {2 * lower}, or method: halton.",
        )
    points = qmc.Sobol(len(shifts), scramble=False, bits=_BITS).random(n)
    whole = (points * 2**_BITS).astype(numpy.uint64)
    shifted = (whole[:, i] ^ (shift >> (64 - _BITS)) for i, shift in enumerate(shifts.values()))
    return {name: (column + 0.5) / 2**_BITS for name, column in zip(shifts, shifted, strict=True)}


def _halton(n: int, shifts: Mapping[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
    from scipy.stats import qmc

    points = qmc.Halton(len(shifts), scramble=False).random(n)
    return {name: (points[:, i] + _unit(shifts[name])) % 1.0 for i, name in enumerate(shifts)}


def _unit(raw: numpy.ndarray) -> numpy.ndarray:
    """64 random bits as the middle of one of 2**52 intervals between 0 and 1."""
    return ((raw >> 12) + 0.5) / 2**52


def _inverse(name: str, distribution: Any) -> Callable[[numpy.ndarray], Column]:
    """From coordinates in [0, 1) to values of a parameter."""
    key = f"parameters.{name}"
    if not isinstance(distribution, Mapping) or len(distribution) != 1:
        raise UserError(
            "is no distribution", key=key, value=distribution, fix="Write {uniform: [low, high]}."
        )
    ((kind, arguments),) = distribution.items()
    if kind not in _DISTRIBUTIONS:
        fix = nearest(kind, _DISTRIBUTIONS)
        raise UserError("is no distribution", key=key, value=kind, fix=fix)
    with error_context(f"{key}.{kind}"):
        return _DISTRIBUTIONS[kind](arguments)


def _two(arguments: Any, form: str, kinds: tuple[type, ...] = (int, float)) -> tuple[Any, Any]:
    if (
        not isinstance(arguments, list)
        or len(arguments) != 2
        or any(type(item) not in kinds for item in arguments)
        or not all(abs(item) <= sys.float_info.max for item in arguments)
    ):
        raise UserError(f"takes {form}", value=arguments)
    return arguments[0], arguments[1]


def _bounds(arguments: Any, kinds: tuple[type, ...] = (int, float)) -> tuple[Any, Any]:
    what = "numbers" if float in kinds else "whole numbers"
    low, high = _two(arguments, f"[low, high], finite {what}", kinds)
    if low >= high or not isfinite(high - low):
        raise UserError("takes a low bound below the high one", value=arguments)
    return low, high


def _rounded(values: numpy.ndarray) -> numpy.ndarray:
    """Ten digits: functions of other machines and versions may differ in the sixteenth.

    What is computed from them by + and * is the same everywhere.
    """
    return numpy.array([float(f"{value:.10g}") for value in values.tolist()])


def _uniform(arguments: Any) -> Callable[[numpy.ndarray], Column]:
    low, high = _bounds(arguments)
    return lambda u: Column.of(numpy.minimum(low + (high - low) * u, high).tolist())


def _loguniform(arguments: Any) -> Callable[[numpy.ndarray], Column]:
    low, high = _bounds(arguments)
    if low <= 0:
        raise UserError("takes bounds above 0", value=arguments)
    span = log1p((high - low) / low) if high < 2 * low else log(high) - log(low)

    def inverse(u: numpy.ndarray) -> Column:
        root = 1 + _rounded(numpy.expm1(span / 2 * u))  # its square might be too large
        return Column.of(numpy.clip(low * root * root, low, high).tolist())

    return inverse


def _normal(arguments: Any) -> Callable[[numpy.ndarray], Column]:
    mean, deviation = _two(arguments, "[mean, standard deviation], finite numbers")
    if deviation <= 0:
        raise UserError("takes a standard deviation above 0", value=arguments)
    if not isfinite(abs(mean) + 10.0 * deviation):
        raise UserError("takes smaller numbers", value=arguments)

    def inverse(u: numpy.ndarray) -> Column:
        from scipy.special import ndtri

        return Column.of((mean + deviation * _rounded(ndtri(u))).tolist())

    return inverse


def _integers(arguments: Any) -> Callable[[numpy.ndarray], Column]:
    low, high = _bounds(arguments, (int,))
    if high - low > 2**50:
        raise UserError("takes bounds less than 2**50 apart", value=arguments)

    def inverse(u: numpy.ndarray) -> Column:
        steps = numpy.minimum(numpy.floor((high - low + 1) * u), high - low).astype(int)
        return Column.of(low + step for step in steps.tolist())

    return inverse


def _choice(arguments: Any) -> Callable[[numpy.ndarray], Column]:
    if not isinstance(arguments, list) or not arguments:
        raise UserError("takes a list of values", value=arguments)
    values = tuple(plain_list(arguments))

    def inverse(u: numpy.ndarray) -> Column:
        codes = numpy.minimum(numpy.floor(len(values) * u), len(values) - 1).astype(numpy.int32)
        nulls = numpy.array([value is None for value in values])
        return Column(values, numpy.where(nulls[codes], -1, codes).astype(numpy.int32))

    return inverse


_DISTRIBUTIONS = {
    "uniform": _uniform,
    "loguniform": _loguniform,
    "normal": _normal,
    "integers": _integers,
    "choice": _choice,
}
