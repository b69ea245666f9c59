"""Inputs of a task: where they come from, what they are called; checks before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snakestudy.config.bash import bash_text
from snakestudy.config.study import Input, Task
from snakestudy.config.templates import _RENDERED, fill, placeholders
from snakestudy.errors import UserError
from snakestudy.messages import nearest
from snakestudy.values import digest_of

EXTRA_NAMES = ("threads", "task_id")  # known to placeholders beside the parameters
_QUOTED_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*['\"\\]")


def source_path(item: Input, values: Mapping[str, Any]) -> str:
    """Where an input comes from. A value is one or more names, never a way up.

    Raises:
        UserError: if a value would leave the directory that the path names.
    """
    path = fill(item.path, values)
    if path.split("/").count("..") > item.path.split("/").count(".."):
        raise UserError("goes up ('..') by a value", key="path", value=path)
    return path


def is_per_task(item: Input) -> bool:
    """Whether an input is a task's own: what it is depends on parameters."""
    return "{" in item.path or "{" in (item.rename or "")


def inputs_digest(
    task: Task, values: Mapping[str, Any], sha256: Callable[[str], str]
) -> str | None:
    """The digest of a task's own input files; None if it has none.

    Raises:
        UserError: for a file that is not there or a name that leaves the run directory.
    """
    contents = []
    for item in filter(is_per_task, task.inputs):
        try:
            path = source_path(item, values)
            target_name(item, path, values)
        except UserError as error:
            raise error.prefix_key("task.inputs") from None
        try:
            contents.append(sha256(path))
        except OSError as error:
            raise UserError(
                f"{error.strerror} (for task {values})", key="task.inputs", value=path
            ) from None
    return digest_of(contents)[:8] if contents else None


def target_name(item: Input, source: str, values: Mapping[str, Any]) -> str:
    """Where an input goes, relative to the run directory.

    Raises:
        UserError: if that is outside of it, or the name of a file of the template.
    """
    name = os.path.normpath(fill(item.rename, values) if item.rename else os.path.basename(source))
    if name in (".", "..") or name.startswith(("../", "/")):
        raise UserError("leaves the run directory", key="rename", value=item.rename or name)
    if name in RUN_FILES:
        raise UserError("is a file of the template's own", key="rename", value=name)
    return name


RUN_FILES = ("params.json", "results.json", "stdout.log", "stderr.log", "task.json")


def check_task(task: Task, parameters: Iterable[str]) -> None:
    """Refuse placeholders and template names that are no parameter, before anything runs."""
    known = {*parameters, *EXTRA_NAMES}
    command = task.command or ()
    for word in [command] if isinstance(command, str) else command:
        _check_names("task.command", word, placeholders, known)
    if isinstance(command, str):
        _under("task.command", bash_text, command)
        if placeholders(command) and _QUOTED_HEREDOC.search(command):
            raise UserError(
                "a here-document with a quoted word takes no placeholders",
                key="task.command",
                fix="Leave the quotes out.",
            )
    for name, value in task.env:
        _check_names(f"task.env.{name}", value, placeholders, known)
    targets: set[str] = set()
    for number, item in enumerate(task.inputs):
        key = f"task.inputs.{number}"
        target = os.path.normpath(item.rename or os.path.basename(item.path))
        if target in targets:
            raise UserError(
                "another input has the same name", key=key, value=target, fix="Rename one of them."
            )
        targets.add(target)
        _check_names(f"{key}.path", item.path, placeholders, known)
        if item.rename:
            _check_names(f"{key}.rename", item.rename, placeholders, known)
        if not placeholders(item.path + (item.rename or "")):
            _under(key, target_name, item, item.path, {})
        if item.render and "{" not in item.path:
            where = f"{key}.path ({item.path})"
            try:
                text = Path(item.path).read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise UserError(f"is no UTF-8 text ({error.reason})", key=where) from None
            top = {name.split(".")[0] for name in known}
            names = top if item.render == "jinja" else known
            _check_names(where, text, _RENDERED[item.render], names)
    for metric in task.metrics:
        path = os.path.normpath(metric.path or ".")
        if path.startswith(("../", "/")) or path == "..":
            raise UserError(
                "leaves the run directory",
                key=f"task.metrics.{metric.name}.path",
                value=metric.path,
            )


def _under(key: str, function: Callable, *arguments: Any) -> None:
    try:
        function(*arguments)
    except UserError as error:
        raise error.prefix_key(key) from None


def _check_names(
    key: str, template: str, names: Callable[[str], set[str]], known: set[str]
) -> None:
    try:
        unknown = sorted(names(template) - known)
    except UserError as error:
        raise error.prefix_key(key) from None
    if unknown:
        raise UserError(
            f"{{{unknown[0]}}} is no parameter",
            key=key,
            value=template if len(template) < 80 else unknown[0],
            fix=nearest(unknown[0], known),
        )
