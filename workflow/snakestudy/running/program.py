"""For a program that runs as a task: its parameters, and handing over results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakestudy.errors import RowError
from snakestudy.running.metrics import are_rows, is_by_name
from snakestudy.running.posted import write_posted
from snakestudy.tables.rows import as_columns, row_error
from snakestudy.tables.settled import settled


def get_run_params() -> dict[str, Any]:
    """The parameters of the task this program runs as; dotted names are nested.

    Raises:
        RuntimeError: if the program does not run as a task with a run directory.
    """
    return json.loads(_params_file().read_text(encoding="utf-8"))


def post_run_results(results: Any) -> None:
    """Hand over the rows of the metrics that the configuration lists by name.

    Args:
        results: metric -> rows; with one metric, just the rows will do. Rows are what a
            function of a study may return. A second call replaces the first.

    Raises:
        RuntimeError: if the program does not run as a task with a run directory.
        RowError: for what is no rows.
    """
    directory = _params_file().parent
    metrics = json.loads(os.environ.get("STUDY_METRICS", "[]"))
    rows = {}
    for name, given in _by_name(settled(results), metrics).items():
        try:
            rows[name] = as_columns(given, set())
        except RowError as error:
            raise RowError(f"metric {name}: {error}" if name else str(error)) from error
    try:
        write_posted(rows, directory)
    except ValueError as error:  # of JSON, for integers that are too long
        raise row_error(error) from error


def _by_name(results: Any, metrics: list[str]) -> dict[str, Any]:
    """What was handed over by metric; by no name, if it is just rows.

    The worker says whether these are the metrics, which may be others once this is read again.
    """
    try:
        if is_by_name(results, metrics):
            return dict(results)
        is_other = isinstance(results, Mapping) and len(metrics) != 1 and len(results) > 0
        if is_other and all(map(are_rows, results.values())):
            return {str(name): rows for name, rows in results.items()}
    except BaseException as error:
        raise row_error(error) from error.__cause__
    return {"": results}


def _params_file() -> Path:
    path = os.environ.get("STUDY_PARAMS")
    if not path:
        raise RuntimeError("STUDY_PARAMS is not set: this works only in a task of a study")
    return Path(path)
