"""Inputs of a task: where they come from, what they are called; checks before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from snakestudy.config.bash import bash_text, setup_text, unknown_in_setup
from snakestudy.config.study import Input, Task
from snakestudy.config.templates import (
    fill,
    placeholders,
    placeholders_beside_variables,
    rendered_names,
    variables,
)
from snakestudy.errors import UserError, error_context
from snakestudy.files import script_problem
from snakestudy.messages import nearest
from snakestudy.values import digest_of

_EXTRA_NAMES = ("threads", "task_id")  # known to placeholders beside the parameters
# What a task or its job sets, if it is not set where snakemake is started.
_SET_IN_JOBS = ("STUDY_", "SLURM_", "PBS_", "LSB_", "TMPDIR", "PYTHONPATH", "OMP_", "MKL_")
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
        with error_context("task.inputs"):
            path = source_path(item, values)
            target_name(item, path, values)
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
    """Refuse what would fail in every task, before anything runs.

    Raises:
        UserError: for placeholders and names in templates that are no parameter, and paths
            that leave the run directory; its key starts with task.
    """
    known = {*parameters, *_EXTRA_NAMES}
    for check in (_check_command, _check_environment, _check_inputs, _check_metrics):
        check(task, known)


def _check_command(task: Task, known: set[str]) -> None:
    command = task.command or ()
    if task.setup:
        with error_context("task.setup"):
            _check_names({*unknown_in_setup(task.setup, known)}, known, task.setup)
            setup_text(task.setup, frozenset(known))
    with error_context("task.command"):
        for word in [command] if isinstance(command, str) else command:
            _check_placeholders(word, known)
        if not isinstance(command, str) and command and not task.setup:
            _check_program(command[0])
        if isinstance(command, str):
            bash_text(command)
            if placeholders(command) and _QUOTED_HEREDOC.search(command):
                raise UserError(
                    "a here-document with a quoted word takes no placeholders",
                    fix="Leave the quotes out.",
                )


def _check_program(word: str) -> None:
    """Refuse a file of the study that the system does not run."""
    if "/" not in word or "{" in word or not os.path.isfile(word):
        return
    if problem := script_problem(word):
        raise UserError(problem, value=word)


def _check_environment(task: Task, known: set[str]) -> None:
    for name, value in task.env:
        with error_context(f"task.env.{name}"):
            _check_names(placeholders_beside_variables(value), known, value)
            _check_variables(value)


def _check_variables(template: str) -> None:
    """Refuse names that no job's environment can be expected to have."""
    for name in sorted(variables(template)):
        if name not in os.environ and not name.startswith(_SET_IN_JOBS):
            raise UserError(
                f"${name} is not set here",
                value=template,
                fix="Write $$ for a dollar itself, or set it where snakemake is started.",
            )


def _check_inputs(task: Task, known: set[str]) -> None:
    targets: set[str] = set()
    for number, item in enumerate(task.inputs):
        with error_context(f"task.inputs.{number}"):
            target = os.path.normpath(item.rename or os.path.basename(item.path))
            if target in targets:
                fix = "Rename one of them."
                raise UserError("another input has the same name", value=target, fix=fix)
            targets.add(target)
            _check_input(item, known)


def _check_input(item: Input, known: set[str]) -> None:
    with error_context("path"):
        _check_placeholders(item.path, known)
    if item.rename:
        with error_context("rename"):
            _check_placeholders(item.rename, known)
    if not placeholders(item.path + (item.rename or "")):
        target_name(item, item.path, {})
    if item.render and "{" not in item.path:
        with error_context(f"path ({item.path})"):
            _check_template(Path(item.path), item.render, known)


def _check_template(path: Path, kind: str, known: set[str]) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"is no UTF-8 text ({error.reason})") from None
    known = {name.split(".")[0] for name in known} if kind == "jinja" else known
    _check_names(rendered_names(text, kind), known, text)


def _check_metrics(task: Task, known: set[str]) -> None:
    for metric in task.metrics:
        with error_context(f"task.metrics.{metric.name}.path"):
            _check_placeholders(metric.path or "", known)
        taken = sorted(known.intersection(metric.columns) - set(_EXTRA_NAMES))
        if taken:
            raise UserError(
                "is a parameter, too",
                key=f"task.metrics.{metric.name}.columns",
                value=taken[0],
                fix="Rename one of them.",
            )
        path = os.path.normpath(metric.path or ".")
        if path.startswith(("../", "/")) or path == "..":
            raise UserError(
                "leaves the run directory",
                key=f"task.metrics.{metric.name}.path",
                value=metric.path,
            )


def _check_placeholders(template: str, known: set[str]) -> None:
    _check_names(placeholders(template), known, template)


def _check_names(names: set[str], known: set[str], text: str) -> None:
    """Refuse names in a text that are none of the known ones."""
    unknown = sorted(names - known)
    if unknown:
        raise UserError(
            f"{{{unknown[0]}}} is no parameter",
            value=text if len(text) < 80 else unknown[0],
            fix=nearest(unknown[0], known),
        )
