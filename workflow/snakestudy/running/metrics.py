"""Rows of metrics: from what a task returns or posts, and from the files it leaves."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.functions import load_function
from snakestudy.config.inputs import RUN_FILES, is_per_task, source_path, target_name
from snakestudy.config.study import Input, Metric
from snakestudy.config.templates import fill
from snakestudy.errors import RowError
from snakestudy.running.environment import values_of
from snakestudy.running.posted import read_posted
from snakestudy.tables.compressed import read_text
from snakestudy.tables.formats import read_metric_file
from snakestudy.tables.joined import joined
from snakestudy.tables.pieces import Pieces, Tokens
from snakestudy.tables.rows import as_columns, row_error
from snakestudy.tables.settled import settled
from snakestudy.values import as_text

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext

Rows = tuple[int, Pieces]  # their number, and their columns


class TaskMetrics:
    """Finds the rows of every metric of a task."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._reserved = context.reserved_columns
        metrics = context.task.metrics
        self._handed_over = [metric.name for metric in metrics if not metric.path]
        paths = [metric.path or "" for metric in metrics]
        self._needs_values = any("{" in path for path in paths) or (
            any(map(glob.has_magic, paths)) and any(map(is_per_task, context.task.inputs))
        )

    def rows(
        self, returned: Any, directory: Path, spec: TaskSpec
    ) -> tuple[dict[str, Rows], dict[str, str]]:
        """The rows of every metric, each by itself: one that cannot be read harms no other.

        Args:
            returned: by a function; None of a command, which posts rows.
            directory: where it ran.

        Returns:
            metric -> the number of its rows, and their columns; metric -> why it has none.

        Raises:
            RowError: if something was returned, and there is no metric to take it.
        """
        rows: dict[str, Rows] = {}
        unread: dict[str, str] = {}
        try:
            given = self._given(returned, directory)
        except RowError as error:
            if not self._handed_over:
                raise
            given, unread = {}, dict.fromkeys(self._handed_over, str(error))
        values = values_of(self._context.task, spec) if self._needs_values else {}
        for metric in self._context.task.metrics:
            if metric.name in unread:
                continue
            try:
                rows[metric.name] = self._rows_of(metric, given, directory, values)
            except RowError as error:
                unread[metric.name] = str(error)
        return rows, unread

    def _given(self, returned: Any, directory: Path) -> dict[str, Any]:
        """metric -> what the task handed over for it."""
        task, handed_over = self._context.task, self._handed_over
        if task.command and handed_over:
            returned = read_posted(directory)
        return by_metric(returned, handed_over) if handed_over or task.function else {}

    def _rows_of(
        self,
        metric: Metric,
        given: Mapping[str, Any],
        directory: Path,
        values: Mapping[str, Any],
    ) -> Rows:
        if metric.path:
            inputs = self._context.task.inputs
            study = self._context.study
            return read_metric(metric, directory, study, self._reserved, values, inputs)
        try:
            return as_columns(given[metric.name], self._reserved)
        except RowError as error:
            raise RowError(f"metric {metric.name}: {error}") from None


def by_metric(returned: Any, metrics: Sequence[str]) -> dict[str, Any]:
    """What a task returned, as metric -> rows.

    >>> by_metric({"rmse": 1.0}, ["fit"])
    {'fit': {'rmse': 1.0}}

    Raises:
        RowError: if that is not what the metrics are.
    """
    try:
        if is_by_name(returned, metrics):
            return dict(returned)
        if len(metrics) == 1 and returned is not None:
            return {metrics[0]: returned}
        if not metrics and returned is None:
            return {}
        given = _told(returned)
    except BaseException as error:
        raise row_error(error) from error.__cause__
    raise RowError(f"returned {given}; the metrics are {sorted(metrics)}")


def is_by_name(returned: Any, metrics: Sequence[str]) -> bool:
    """Whether it is a mapping of the metrics to their rows, not the rows of the only one."""
    if not isinstance(returned, (dict, Mapping)) or len(returned) != len(metrics):
        return False
    has_names = all(map(returned.__contains__, metrics))
    return has_names and (len(metrics) != 1 or are_rows(returned[metrics[0]]))


def _told(returned: Any) -> Any:
    if returned is None:
        return "nothing (None)"
    return sorted(map(str, returned)) if isinstance(returned, Mapping) else type(returned).__name__


def are_rows(value: Any) -> bool:
    """Whether it is rows by itself, not one column of them."""
    if isinstance(value, (list, tuple)):
        return all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) or hasattr(value, "to_pydict") or hasattr(value, "columns")


def read_metric(
    metric: Metric,
    directory: Path,
    study: Path,
    parameters: set[str],
    values: Mapping[str, Any] | None = None,
    inputs: Sequence[Input] = (),
) -> Rows:
    """The rows of one metric from the files that a task left in its run directory.

    Args:
        values: what placeholders in its path and in inputs stand for.
        inputs: of the task, whose files no pattern takes.

    Raises:
        RowError: if no file is there or one cannot be read so.
    """
    values = values or {}
    path = fill(metric.path or "", values)
    files = _files(metric, path, directory, values)
    if files != [path]:
        given = [_given_by(item, study, values) for item in inputs]
        files = [file for file in files if not _is_given(file, given)]
    if not files:
        raise RowError(f"metric {metric.name}: the task wrote no file {path}")
    tables = [_read(metric, directory, file, study, parameters) for file in files]
    try:
        return joined(tables)
    except RowError as error:
        raise RowError(f"metric {metric.name}: {error}") from None


def _files(metric: Metric, path: str, directory: Path, values: Mapping[str, Any]) -> list[str]:
    """The files that a filled path names, sorted; several if it is a pattern."""
    template = metric.path or ""
    if path.split("/").count("..") > template.split("/").count(".."):
        raise RowError(f"metric {metric.name}: the path {path} goes up ('..') by a value")
    if (directory / path).is_file():
        return [path]
    pattern = fill(template, {name: glob.escape(as_text(value)) for name, value in values.items()})
    found = glob.glob(pattern, root_dir=directory, recursive=True)
    return sorted(name for name in found if (directory / name).is_file())


def _given_by(item: Input, study: Path, values: Mapping[str, Any]) -> tuple[str, Path]:
    """Where an input is in the run directory, and what it is a copy of."""
    source = source_path(item, values)
    return target_name(item, source, values), study / source


def _is_given(file: str, inputs: Sequence[tuple[str, Path]]) -> bool:
    """Whether the task did not write a file: the template did, or it is of an input."""
    name = os.path.normpath(file)
    return name in RUN_FILES or any(
        name == target
        or (name.startswith(f"{target}/") and (source / name[len(target) + 1 :]).exists())
        for target, source in inputs
    )


def _read(metric: Metric, directory: Path, file: str, study: Path, parameters: set[str]) -> Rows:
    """The rows of one file."""
    path = directory / file
    try:
        if metric.regex:
            rows = _matches(read_text(path), file, metric)
        elif metric.reader:
            rows = settled(load_function(str(study / metric.reader), study)(path))
        else:
            rows = read_metric_file(path, metric.columns or None)
        return (0, {}) if isinstance(rows, dict) and not rows else as_columns(rows, parameters)
    except RowError as error:
        of_which = "" if file == metric.path else f"{file}: "
        raise RowError(f"metric {metric.name}: {of_which}{error}") from None
    except (Exception, SystemExit) as error:
        problem = f"{type(error).__name__}: {error}"
        raise RowError(f"metric {metric.name}: {file} cannot be read: {problem}") from error


def _matches(text: str, file: str, metric: Metric) -> dict[str, Tokens]:
    """The named groups of every pattern: all matches as rows, or the first or last as one."""
    columns: dict[str, Tokens] = {}
    for pattern in metric.regex:
        matches = [match.groupdict() for match in re.finditer(pattern, text, re.MULTILINE)]
        if not matches:
            raise RowError(f"{file} has nothing that matches {pattern!r}")
        rows = {"first": matches[:1], "last": matches[-1:], "all": matches}[metric.match]
        for name in rows[0]:
            columns[name] = Tokens(row[name] or None for row in rows)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise RowError(f"the patterns match different numbers of times: {lengths}")
    return columns
