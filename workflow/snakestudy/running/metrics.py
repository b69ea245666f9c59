"""Rows of metrics: from what a task returns or posts, and from the files it leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.functions import load_function
from snakestudy.config.study import Metric
from snakestudy.errors import RowError
from snakestudy.tables.formats import read_file
from snakestudy.tables.rows import as_columns
from snakestudy.tables.text import Columns, parse_numbers

if TYPE_CHECKING:
    from snakestudy.running.context import RunContext


class TaskMetrics:
    """Finds the rows of every metric of a task."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._reserved = context.reserved_columns
        self._handed_over = [m.name for m in context.task.metrics if not m.path]

    def rows(
        self, returned: Any, directory: Path
    ) -> tuple[dict[str, tuple[int, Columns]], dict[str, str]]:
        """The rows of every metric, each by itself: one that cannot be read harms no other.

        Args:
            returned: by a function; None of a command, which posts rows.
            directory: where it ran.

        Returns:
            metric -> the number of its rows, and their columns; metric -> why it has none.

        Raises:
            RowError: if something was returned, and there is no metric to take it.
        """
        rows: dict[str, tuple[int, Columns]] = {}
        unread: dict[str, str] = {}
        try:
            given = self._given(returned, directory)
        except RowError as error:
            if not self._handed_over:
                raise
            given, unread = {}, dict.fromkeys(self._handed_over, str(error))
        for metric in self._context.task.metrics:
            if metric.name in unread:
                continue
            try:
                rows[metric.name] = self._rows_of(metric, given, directory)
            except RowError as error:
                unread[metric.name] = str(error)
        return rows, unread

    def _given(self, returned: Any, directory: Path) -> dict[str, Any]:
        """metric -> what the task handed over for it."""
        task, handed_over = self._context.task, self._handed_over
        if task.command and handed_over:
            returned = _posted(directory)
        return by_metric(returned, handed_over) if handed_over or task.function else {}

    def _rows_of(
        self, metric: Metric, given: Mapping[str, Any], directory: Path
    ) -> tuple[int, Columns]:
        if metric.path:
            return read_metric(metric, directory, self._context.study, self._reserved)
        try:
            return as_columns(given[metric.name], self._reserved)
        except RowError as error:
            raise RowError(f"metric {metric.name}: {error}") from None


def _posted(directory: Path) -> Any:
    """What a program handed over (see `post_run_results`)."""
    file = directory / "results.json"
    if not file.is_file():
        raise RowError("the task posted no rows (see post_run_results)")
    return json.loads(file.read_text(encoding="utf-8"))


def by_metric(returned: Any, metrics: Sequence[str]) -> dict[str, Any]:
    """What a task returned, as metric -> rows.

    >>> by_metric({"rmse": 1.0}, ["fit"])
    {'fit': {'rmse': 1.0}}
    """
    is_by_name = (
        isinstance(returned, (dict, Mapping))
        and len(returned) == len(metrics)
        and all(map(returned.__contains__, metrics))
    )
    if is_by_name and (len(metrics) != 1 or _are_rows(returned[metrics[0]])):
        return dict(returned)
    if len(metrics) == 1:
        return {metrics[0]: returned}
    if not metrics and returned is None:
        return {}
    given = sorted(map(str, returned)) if isinstance(returned, Mapping) else type(returned).__name__
    raise RowError(f"returned {given}; the metrics are {sorted(metrics)}")


def _are_rows(value: Any) -> bool:
    """Whether it is rows by itself, not one column of them."""
    if isinstance(value, (list, tuple)):
        return all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) or hasattr(value, "to_pydict") or hasattr(value, "columns")


def read_metric(
    metric: Metric, directory: Path, study: Path, parameters: set[str]
) -> tuple[int, Columns]:
    """The rows of one metric from the file that a task left in its run directory.

    Raises:
        RowError: if the file is not there or cannot be read so.
    """
    assert metric.path is not None  # or the task hands its rows over
    path = directory / metric.path
    if not path.is_file():
        raise RowError(f"metric {metric.name}: the task wrote no file {metric.path}")
    try:
        if metric.regex:
            rows = _matches(path.read_text(encoding="utf-8", errors="replace"), metric)
        elif metric.reader:
            rows = load_function(str(study / metric.reader), study)(path)
        else:
            rows = read_file(path)
        return (0, {}) if isinstance(rows, dict) and not rows else as_columns(rows, parameters)
    except RowError as error:
        raise RowError(f"metric {metric.name}: {error}") from None
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise RowError(f"metric {metric.name}: {metric.path} cannot be read: {problem}") from error


def _matches(text: str, metric: Metric) -> Columns:
    """The named groups of every pattern: all matches as rows, or the first or last as one."""
    columns: Columns = {}
    for pattern in metric.regex:
        matches = [match.groupdict() for match in re.finditer(pattern, text, re.MULTILINE)]
        if not matches:
            raise RowError(f"{metric.path} has nothing that matches {pattern!r}")
        rows = {"first": matches[:1], "last": matches[-1:], "all": matches}[metric.match]
        for name in rows[0]:
            columns[name] = parse_numbers([row[name] or "" for row in rows])
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise RowError(f"the patterns match different numbers of times: {lengths}")
    return columns
