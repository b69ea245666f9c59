"""The configuration checked, with every default and every short form written out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from snakestudy.config.schema import check_schema, schema, with_defaults
from snakestudy.errors import UserError
from snakestudy.layout import ONLY_STEP, RESERVED_METRICS
from snakestudy.values import plain

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def resolve(file: str, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration checked, with every default and every short form written out."""
    try:
        check_schema(config)
        resolved = with_defaults(config, schema())
        task = with_defaults(config["task"], schema()["$defs"]["task"])
        design = config["design"]
        blocks = design if isinstance(design, list) else [design]
        resolved["design"] = [with_defaults(block, schema()["$defs"]["block"]) for block in blocks]
        _check_defaults(resolved["defaults"])
        del resolved["task"]
        resolved["steps"] = [{"name": ONLY_STEP, "after": [], **_resolve_task(task)}]
        _unique(resolved["chunks"]["by"], "chunks.by")
        return resolved
    except UserError as error:
        raise error.with_place(file=file) from None


def seconds(duration: float | str) -> float:
    """A duration in seconds.

    >>> seconds("20m"), seconds(30)
    (1200.0, 30.0)
    """
    if isinstance(duration, str):
        return float(duration[:-1]) * _SECONDS[duration[-1]]
    return float(duration)


def _check_defaults(defaults: Mapping[str, Any]) -> None:
    for name, value in defaults.items():
        if value is None:
            raise UserError(
                "null is the default anyway", key=f"defaults.{name}", fix="Take it out."
            )
        try:
            plain(value)
        except ValueError as error:
            raise UserError(str(error), key=f"defaults.{name}") from None


def _resolve_task(task: dict[str, Any]) -> dict[str, Any]:
    """Short forms of inputs, metrics and durations written out, cross-checks made."""
    command, function = task.get("command"), task.get("function")
    if (command is None) == (function is None):
        given = "both are there" if command else "neither is there"
        raise UserError(f"needs a command or a function; {given}", key="task", fix="Write one.")
    if function and task.get("setup"):
        raise UserError("goes with a command only", key="task.setup", value=task["setup"])
    if task["isolation"] == "process" and command:
        raise UserError(
            "goes with a function only", key="task.isolation", value="process", fix="Leave it out."
        )
    runtime = None if task["runtime"] is None else seconds(task["runtime"])
    for name, value in (("runtime", runtime), ("mem_mb", task["mem_mb"])):
        if isinstance(value, (int, float)) and not 0 < value < math.inf:
            raise UserError("must be more than 0 and finite", key=f"task.{name}", value=task[name])
    metrics = task.get("metrics", ["result"] if function else [])
    if isinstance(metrics, list):
        metrics = {name: {} for name in _unique(metrics, "task.metrics")}
    elif function and metrics:
        raise UserError(
            "a function returns its metrics", key="task.metrics", fix="Write a list of names."
        )
    _check_names(metrics)
    return {
        **task,
        "inputs": [
            _resolve_input(item, f"task.inputs.{i}") for i, item in enumerate(task["inputs"])
        ],
        "metrics": [_resolve_metric(name, metric) for name, metric in metrics.items()],
        "runtime": runtime,
        "grace": seconds(task["grace"]),
    }


def _check_names(names: Iterable[str]) -> None:
    """Refuse metrics whose directories are one where a file system does not know case."""
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise UserError(
                f"differs from {other} in nothing but case, and both are directories of results/",
                key="task.metrics",
                value=name,
                fix="Choose another metric name.",
            )


def _unique(names: list[str], key: str) -> list[str]:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError("is doubled", key=key, value=doubled[0])
    return names


def _resolve_input(item: str | dict[str, Any], key: str) -> dict[str, Any]:
    item = {"path": item} if isinstance(item, str) else item
    resolved = {"rename": None, "render": None, "linkage": "shared", **item}
    if "linkage" not in item and (item.get("render") or "{" in item["path"]):
        resolved["linkage"] = "copy"  # one file a task: there is nothing to share
    if item.get("render") and item.get("linkage", "copy") != "copy":
        raise UserError(
            "a rendered file is the task's own",
            key=f"{key}.linkage",
            value=item["linkage"],
            fix="Leave linkage out.",
        )
    return resolved


def _resolve_metric(name: str, metric: str | dict[str, Any]) -> dict[str, Any]:
    key = f"task.metrics.{name}"
    is_reserved = name.lower() in RESERVED_METRICS
    if is_reserved or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        problem = "is reserved" if is_reserved else "is no identifier"
        raise UserError(problem, key="task.metrics", value=name, fix="Choose another metric name.")
    metric = {"path": metric} if isinstance(metric, str) else dict(metric)
    if "match" in metric and "regex" not in metric:
        raise UserError("goes with regex only", key=f"{key}.match", value=metric["match"])
    if "regex" in metric and "reader" in metric:
        raise UserError("has both regex and reader", key=key, fix="Write one of them.")
    if "regex" in metric:
        patterns = metric["regex"]
        metric["regex"] = [patterns] if isinstance(patterns, str) else patterns
        _check_patterns(metric["regex"], f"{key}.regex")
    if "columns" in metric:
        _check_columns(metric, f"{key}.columns")
    return {"name": name, **metric}


def _check_columns(metric: dict[str, Any], key: str) -> None:
    from snakestudy.tables.formats import format_of  # seldom needed where Snakemake parses

    other = next((name for name in ("regex", "reader") if name in metric), None)
    if other is None and not format_of(Path(metric["path"])).takes_names:
        other = f"a file of kind {Path(metric['path']).suffix}, which names its columns itself"
    if other:
        fix = "Take it out."
        raise UserError(f"does not go with {other}", key=key, value=metric["columns"], fix=fix)
    _unique(metric["columns"], key)


def _check_patterns(patterns: list[str], key: str) -> None:
    seen: set[str] = set()
    for pattern in patterns:
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise UserError(f"is no regular expression ({error})", key=key, value=pattern) from None
        if not groups:
            raise UserError(
                "names no group", key=key, value=pattern, fix="Write (?P<column>...) in it."
            )
        if groups & seen:
            raise UserError("names a column twice", key=key, value=sorted(groups & seen)[0])
        seen |= groups
