"""For a program that runs as a task: its parameters, and handing over results."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def get_run_params() -> dict[str, Any]:
    """The parameters of the task this program runs as; dotted names are nested.

    Raises:
        RuntimeError: if the program does not run as a task with a run directory.
    """
    return json.loads(_params_file().read_text(encoding="utf-8"))


def post_run_results(results: Any) -> None:
    """Hand over the rows of the metrics that the configuration lists by name.

    Args:
        results: metric -> rows; with one metric, just the rows will do. Rows are a mapping
            of scalars or of sequences, a list of mappings, a DataFrame or a pyarrow Table.
            A second call replaces the first.

    Raises:
        RuntimeError: if the program does not run as a task with a run directory.
        TypeError: for values that JSON cannot hold.
    """
    target = _params_file().with_name("results.json")
    temporary = target.with_name(".results.json")
    temporary.write_text(json.dumps(results, default=_as_json), encoding="utf-8")
    os.replace(temporary, target)


def _params_file() -> Path:
    path = os.environ.get("STUDY_PARAMS")
    if not path:
        raise RuntimeError("STUDY_PARAMS is not set: this works only in a task of a study")
    return Path(path)


def _as_json(value: Any) -> Any:
    """Arrays and tables as JSON: columns of values."""
    if hasattr(value, "to_pydict"):
        return value.to_pydict()
    if hasattr(value, "get_column"):
        return value.to_dict(as_series=False)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return value.to_dict(orient="list")
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be handed over")
