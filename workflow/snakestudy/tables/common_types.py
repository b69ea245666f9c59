"""The one type that holds values of several types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

_DIGITS = 19  # of decimals, before and after the point


def decimal_type(before: int, after: int) -> pa.DataType | None:
    """The type of decimals with so many digits around the point; None for more than it holds."""
    fits = before <= _DIGITS and 0 <= after <= _DIGITS
    return pa.decimal128(2 * _DIGITS, after) if fits else None


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """The type that holds them all, in whatever order they come: null yields, int with float is
    double, decimals and times the finer, times of several zones UTC, lists by what is in them;
    else text.
    """
    common = pa.null()
    for kind in types:
        common = _common_of_two(common, kind)
    return common


def common_types(columns: Iterable[Mapping[str, pa.DataType]]) -> dict[str, pa.DataType]:
    """Every column of some tables, in order of appearance, with the type that holds it in all."""
    found: dict[str, dict[pa.DataType, None]] = {}
    for types in columns:
        for name, type_ in types.items():
            found.setdefault(name, {})[type_] = None
    return {name: common_type(types) for name, types in found.items()}


def _common_of_two(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    types = pa.types
    if one == other or types.is_null(other):
        return one
    if types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if types.is_list(one) and types.is_list(other):
        inner = _common_of_two(one.value_type, other.value_type)
        known = one.value_type, other.value_type
        is_text = types.is_string(inner) and not any(map(types.is_null, known))
        return pa.string() if is_text else pa.list_(inner)
    if types.is_decimal(one) and types.is_decimal(other):
        return one if one.scale > other.scale else other
    if types.is_duration(one) and types.is_duration(other):
        return pa.duration("ns")
    is_time = types.is_timestamp(one) and types.is_timestamp(other)
    if is_time and (one.tz is None) == (other.tz is None):
        unit = "ns" if "ns" in (one.unit, other.unit) else "us"
        return pa.timestamp(unit, tz=one.tz if one.tz == other.tz else "UTC")
    return pa.string()
