"""Arrays of numpy as columns: numbers and times as buffers, all else as plain values."""

from __future__ import annotations

from typing import Any

import numpy

from snakestudy.errors import RowError
from snakestudy.tables.cells import values_piece
from snakestudy.tables.pieces import Buffer, Piece
from snakestudy.tables.times import check_years

_UNITS = {  # of numpy's times -> the coarsest unit of ours that holds them
    **dict.fromkeys(("h", "m", "s", "ms", "us"), "us"),
    **dict.fromkeys(("ns", "ps", "fs", "as"), "ns"),
}


def array_piece(array: numpy.ndarray) -> Piece:
    """An array of at least one dimension, the first of which are the rows.

    Raises:
        RowError: for values that no table holds.
    """
    masked = numpy.ma.getmaskarray(array) if isinstance(array, numpy.ma.MaskedArray) else None
    values = numpy.asarray(array)
    kind = values.dtype.kind
    valid = None if masked is None else ~masked
    is_flat = values.ndim == 1
    if kind not in "biufmM" or 0 in values.shape[1:] or (valid is not None and not is_flat):
        return values_piece(_items(array))
    if kind in "mM":
        arrow_kind, values, known = time_counts(values)
        if not is_flat and not known.all():
            return values_piece(list(array))
        check_years(arrow_kind, int(values.min(initial=0)), int(values.max(initial=0)))
        valid = known if valid is None else known & valid
    elif kind == "u" and values.size and int(values.max()) > numpy.iinfo(numpy.int64).max:
        return values_piece(array.tolist())
    else:
        arrow_kind, dtype = _NUMBERS[kind]
        values = values.astype(dtype)
    all_known = valid is None or bool(valid.all())
    mask = None if all_known or valid is None else valid.astype(numpy.uint8).tobytes()
    return Buffer(arrow_kind, values.tobytes(), mask, values.shape[1:])


_NUMBERS = {
    "b": ("bool", numpy.uint8),
    "i": ("int64", numpy.int64),
    "u": ("int64", numpy.int64),
    "f": ("double", numpy.float64),
}


def _items(array: numpy.ndarray) -> list[Any]:
    """Its rows, as Python's values or numpy's own where Python's would lose something."""
    if array.dtype.kind in "biuOUST" or (array.dtype.kind == "f" and array.dtype.itemsize <= 8):
        return array.tolist()
    return list(array)


def time_counts(array: numpy.ndarray) -> tuple[str, numpy.ndarray, numpy.ndarray]:
    """Times as (Arrow type, numbers of its unit, which of them are no NaT).

    Raises:
        RowError: if no unit holds them all exactly.
    """
    known = ~numpy.isnat(array)
    is_span = array.dtype.kind == "m"
    unit = numpy.datetime_data(array.dtype)[0]
    if unit == "generic" and not known.any():
        unit = "us"
    if unit in ("Y", "M", "W", "D"):
        if is_span and unit in ("Y", "M"):
            raise RowError("spans of months or years have no fixed length")
        target = "us" if is_span else "D"
    elif unit in _UNITS:
        target = _UNITS[unit]
    else:
        raise RowError("numpy times without a unit")
    cast = array.astype(f"{array.dtype.kind}8[{target}]")
    counts = cast.view(numpy.int64)
    if not (cast.astype(array.dtype) == array)[known].all():
        raise RowError(f"times of unit {unit} that are not exact in {target}")
    counts = numpy.where(known, counts, 0)
    if target != "D":
        return f"{'duration' if is_span else 'timestamp'}[{target}]", counts, known
    days = counts.astype(numpy.int32)
    if not (days == counts).all():
        raise RowError("dates outside of what tables hold")
    return "date32", days, known


def array_columns(array: numpy.ndarray, names: list[str] | None = None) -> dict[str, Any]:
    """An array without names as columns: `value`, or c0, c1, ... if it has two dimensions.

    Raises:
        RowError: if it has more dimensions, or not as many columns as names.
    """
    if array.dtype.names:
        columns = {name: array[name] for name in array.dtype.names}
        if array.ndim == 0:
            columns = {name: values.reshape(1) for name, values in columns.items()}
    elif array.ndim <= 1:
        columns = {"value": array.reshape(-1)}
    elif array.ndim == 2:
        columns = {f"c{number}": array[:, number] for number in range(array.shape[1])}
    else:
        raise RowError(f"an array of {array.ndim} dimensions is no rows")
    if names is None:
        return columns
    if len(names) != len(columns):
        raise RowError(f"the array has {len(columns)} columns, `columns` names {len(names)}")
    return dict(zip(names, columns.values(), strict=True))
