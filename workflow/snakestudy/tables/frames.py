"""Frames and series of pandas as columns. An index is data, unless it is the default one."""

from __future__ import annotations

import sys
from typing import Any

import numpy

from snakestudy.errors import RowError
from snakestudy.tables.arrays import array_piece
from snakestudy.tables.cells import values_piece
from snakestudy.tables.pieces import Buffer, Piece
from snakestudy.tables.times import check_years, zone_key, zone_name, zone_of_offset


def frame_columns(frame: Any) -> list[tuple[Any, Any]]:
    """The (name, series) pairs of a frame: those of its index, then its columns."""
    columns = [(name, frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    return [*index_columns(frame.index), *columns]


def series_columns(series: Any) -> list[tuple[Any, Any]]:
    """The (name, series) pairs of a series: its index, then itself by its name or `value`."""
    name = "value" if series.name is None else series.name
    return [*index_columns(series.index), (name, series)]


def index_columns(index: Any) -> list[tuple[Any, Any]]:
    """The (name, series) pairs of an index; none for 0, 1, 2, ... without a name.

    Without a name a column is `index`, or level_0, level_1, ... if there are several.
    """
    pandas = sys.modules["pandas"]
    if index.nlevels == 1 and index.name is None:
        is_range = isinstance(index, pandas.RangeIndex) and (index.start, index.step) == (0, 1)
        if is_range or not len(index):
            return []
    names = list(index.names)
    if len(names) == 1:
        names = ["index" if names[0] is None else names[0]]
    names = [f"level_{level}" if name is None else name for level, name in enumerate(names)]
    return [
        (name, pandas.Series(index.get_level_values(level))) for level, name in enumerate(names)
    ]


def series_piece(series: Any) -> Piece:
    """The values of a pandas column: NaN of floats stays NaN, whatever else is missing is null.

    Raises:
        RowError: for values that no table holds.
    """
    dtype, pandas = series.dtype, sys.modules["pandas"]
    if isinstance(dtype, numpy.dtype) and dtype.kind != "O":
        return array_piece(series.to_numpy())
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return _zoned(series)
    if isinstance(dtype, pandas.SparseDtype):
        return series_piece(pandas.Series(numpy.asarray(series.array)))
    if isinstance(dtype, pandas.ArrowDtype) or getattr(dtype, "storage", None) == "pyarrow":
        from snakestudy.tables.arrow_columns import arrow_piece

        return arrow_piece(series.array.__arrow_array__())
    if getattr(dtype, "numpy_dtype", None) is not None and series.dtype.kind in "biuf":
        return _masked(series)
    pairs = zip(series.tolist(), series.isna().tolist(), strict=True)
    return values_piece([None if missing else value for value, missing in pairs])


def _masked(series: Any) -> Piece:
    """Numbers of pandas that may be missing."""
    missing = series.isna().to_numpy()
    values = series.to_numpy(series.dtype.numpy_dtype, na_value=0)
    return array_piece(numpy.ma.masked_array(values, missing) if missing.any() else values)


def _zoned(series: Any) -> Piece:
    """Times of a zone: by its key, at its offset, or in UTC if that changes within the column."""
    utc = series.dt.tz_convert("UTC").dt.tz_localize(None)
    piece = array_piece(utc.to_numpy())
    if not isinstance(piece, Buffer):
        raise RowError("times that no table holds")
    key = zone_key(series.dt.tz)
    if key is None:
        offsets = set((series.dt.tz_localize(None) - utc).dropna())
        offset = offsets.pop().to_pytimedelta() if len(offsets) == 1 else None
        key = "UTC" if offset is None else zone_name(zone_of_offset(offset))
    assert key is not None
    kind = piece.kind.replace("]", f", tz={key}]")
    counts = numpy.frombuffer(piece.data, dtype=numpy.int64)
    check_years(kind, int(counts.min(initial=0)), int(counts.max(initial=0)))
    return Buffer(kind, piece.data, piece.valid)
