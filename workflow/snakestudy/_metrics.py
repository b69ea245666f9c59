"""Rows of metrics: from what a task returns, and from the files it leaves."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ._config import Metric
from ._text import Columns, numbers, read_text_table

_SCALARS = {bool, int, float, str, type(None)}


class MetricError(Exception):
    """What is wrong with a task's results; the text is the task's error."""


class RowBuffer:
    """The rows of one metric, task after task, as columns.

    Attributes:
        counts: rows of each task added.
        columns: name -> values; a column that a task lacks is null there.
    """

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.columns: dict[str, list[Any]] = {}
        self._rows = 0

    def add(self, count: int, columns: Mapping[str, list[Any]]) -> None:
        own = self.columns
        if own.keys() == columns.keys():
            for name, values in columns.items():
                own[name].extend(values)
        else:
            for name in columns:
                own.setdefault(name, [None] * self._rows)
            for name, values in own.items():
                values.extend(columns.get(name) or [None] * count)
        self.counts.append(count)
        self._rows += count


def by_metric(returned: Any, metrics: Sequence[str]) -> dict[str, Any]:
    """What a task returned, as metric -> rows.

    >>> by_metric({"rmse": 1.0}, ["fit"])
    {'fit': {'rmse': 1.0}}
    """
    named = isinstance(returned, Mapping) and set(returned) == set(metrics)
    if named and (len(metrics) != 1 or _are_rows(returned[metrics[0]])):
        return dict(returned)
    if len(metrics) == 1:
        return {metrics[0]: returned}
    if not metrics and returned is None:
        return {}
    given = sorted(map(str, returned)) if isinstance(returned, Mapping) else type(returned).__name__
    raise MetricError(f"returned {given}; the metrics are {sorted(metrics)}")


def _are_rows(value: Any) -> bool:
    """Whether it is rows by itself, not one column of them."""
    if isinstance(value, (list, tuple)):
        return all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) or hasattr(value, "to_pydict") or hasattr(value, "columns")


def as_columns(rows: Any, taken: set[str]) -> tuple[int, Columns]:
    """Rows in any form as (their number, columns of plain values).

    Args:
        rows: a mapping of scalars (one row) or of sequences, a list of mappings, a pandas
            or polars DataFrame, a pyarrow Table.
        taken: names a column may not have: those of parameters.

    Raises:
        MetricError: for anything else, unequal lengths, a name that is taken or no text.
    """
    if isinstance(rows, Mapping):
        count, columns = _from_mapping(rows)
    elif hasattr(rows, "to_pydict"):
        columns = rows.to_pydict()
        count = len(rows)
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        count, columns = len(rows), _from_frame(rows)
    elif isinstance(rows, (list, tuple)) and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [_plain(row.get(name)) for row in rows] for name in names}
        count = len(rows)
    else:
        raise MetricError(
            f"a {type(rows).__name__} is no rows (a mapping of scalars or of sequences, a list "
            "of mappings, a DataFrame or a pyarrow Table)"
        )
    for name in columns:
        if not isinstance(name, str) or not name:
            raise MetricError(f"the column name {name!r} is no text")
        if name in taken:
            raise MetricError(
                f"the column {name!r} has the name of a parameter; rename one of them"
            )
    return count, columns


def _from_mapping(rows: Mapping[Any, Any]) -> tuple[int, Columns]:
    if all(type(value) in _SCALARS for value in rows.values()):
        return 1, {name: [value] for name, value in rows.items()}
    values = {name: _plain(value) for name, value in rows.items()}
    sequences = {name: value for name, value in values.items() if isinstance(value, list)}
    if not sequences:
        return 1, {name: [value] for name, value in values.items()}
    if len(sequences) < len(values):
        alone = sorted(values.keys() - sequences.keys())[0]
        raise MetricError(f"{alone!r} is a scalar beside sequences")
    lengths = {name: len(value) for name, value in sequences.items()}
    if len(set(lengths.values())) > 1:
        raise MetricError(f"columns of unequal length: {lengths}")
    return next(iter(lengths.values())), sequences


def _from_frame(frame: Any) -> Columns:
    if hasattr(frame, "get_column"):  # polars
        return frame.to_dict(as_series=False)
    if any(name is not None for name in frame.index.names):
        doubled = set(frame.index.names) & set(frame.columns)
        if doubled:
            raise MetricError(f"{sorted(doubled)[0]!r} is an index and a column")
        frame = frame.reset_index()
    if not frame.columns.is_unique:
        raise MetricError(f"doubled columns in {list(frame.columns)}")
    return {name: _from_series(frame[name]) for name in frame.columns}


def _from_series(series: Any) -> list[Any]:
    """The values of a pandas column: NaN of floats stays NaN, whatever else is missing is null."""
    values = series.tolist()
    if type(series.dtype).__module__.startswith("numpy") and series.dtype.kind == "f":
        return values
    pairs = zip(values, series.isna().tolist(), strict=True)
    return [None if missing else _plain(value) for value, missing in pairs]


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, range):
        return list(value)
    for method in ("tolist", "to_list"):  # numpy and pandas, polars
        if hasattr(value, method):
            return getattr(value, method)()
    return value


def read_metric(
    metric: Metric, directory: Path, study: Path, parameters: set[str]
) -> tuple[int, Columns]:
    """The rows of one metric from the file that a task left in its run directory.

    Raises:
        MetricError: if the file is not there or cannot be read so.
    """
    path = directory / metric.path
    if not path.is_file():
        raise MetricError(f"metric {metric.name}: the task wrote no file {metric.path}")
    try:
        if metric.regex:
            rows = _matches(path.read_text(encoding="utf-8", errors="replace"), metric)
        elif metric.reader:
            rows = load_function(str(study / metric.reader), study)(path)
        else:
            rows = _read_file(path)
        return (0, {}) if isinstance(rows, dict) and not rows else as_columns(rows, parameters)
    except MetricError as error:
        raise MetricError(f"metric {metric.name}: {error}") from None
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise MetricError(
            f"metric {metric.name}: {metric.path} cannot be read: {problem}"
        ) from error


def _read_file(path: Path) -> Any:
    match path.suffix.lower():
        case ".csv":
            return read_text_table(path, ",")
        case ".tsv":
            return read_text_table(path, "\t")
        case ".json":
            return json.loads(path.read_text(encoding="utf-8"))
        case ".jsonl":
            lines = path.read_text(encoding="utf-8").split("\n")
            return [json.loads(line) for line in lines if line.strip()]
        case ".parquet":
            from pyarrow import parquet

            return parquet.ParquetFile(path).read()
        case ".feather" | ".arrow":
            from pyarrow import feather

            return feather.read_table(path)
        case ".npz":
            import numpy

            with numpy.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name].tolist() for name in arrays.files}
        case _:
            return read_text_table(path)


def _matches(text: str, metric: Metric) -> Columns:
    """The named groups of every pattern: all matches as rows, or the first or last as one."""
    columns: Columns = {}
    for pattern in metric.regex:
        found = [match.groupdict() for match in re.finditer(pattern, text, re.MULTILINE)]
        if not found:
            raise MetricError(f"{metric.path} has nothing that matches {pattern!r}")
        kept = {"first": found[:1], "last": found[-1:], "all": found}[metric.match]
        for name in kept[0]:
            columns[name] = numbers([row[name] or "" for row in kept])
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise MetricError(f"the patterns match different numbers of times: {lengths}")
    return columns


def load_function(target: str, study: Path) -> Callable[..., Any]:
    """The function of a `path.py:function`; its directory and the study can be imported from."""
    path, _, name = target.rpartition(":")
    key = os.path.abspath(path)
    if key not in _MODULES:
        for root in (str(study), os.path.dirname(key)):
            if root not in sys.path:
                sys.path.insert(0, root)
        module_name = Path(key).stem
        spec = importlib.util.spec_from_file_location(module_name, key)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(module_name, module)
        spec.loader.exec_module(module)
        _MODULES[key] = module
    return getattr(_MODULES[key], name)


_MODULES: dict[str, Any] = {}
