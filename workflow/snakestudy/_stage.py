"""Placeholders, and the files a task finds in its run directory."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from ._bash import bash_text
from ._config import Input, Task
from ._errors import UserError, nearest
from ._values import as_text, digest_of, nest

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
EXTRA_NAMES = ("threads", "task_id")  # known to placeholders beside the parameters


_QUOTED_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*['\"\\]")


def placeholders(template: str) -> set[str]:
    """The names in a template; `{{` and `}}` stand for braces.

    >>> placeholders("{a}-{b.c} {{x}}") == {"a", "b.c"}
    True

    Raises:
        UserError: for a brace without its partner.
    """
    found = set()
    for match in _PLACEHOLDER.finditer(template):
        if match[0] in "{}":
            raise UserError(
                "has a single brace", value=template, fix="Write {{ or }} for a brace itself."
            )
        if match[1] is not None:
            found.add(match[1])
    return found


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with every {name} replaced by its value as text.

    >>> fill("--x={x} {{y}}", {"x": 0.5})
    '--x=0.5 {y}'
    """

    def text(match: re.Match) -> str:
        return match[0][0] if match[1] is None else as_text(values[match[1]])

    return _PLACEHOLDER.sub(text, template)


def source_path(item: Input, values: Mapping[str, Any]) -> str:
    """Where an input comes from. A value is one or more names, never a way up.

    Raises:
        UserError: if a value would leave the directory that the path names.
    """
    path = fill(item.path, values)
    if path.split("/").count("..") > item.path.split("/").count(".."):
        raise UserError("goes up ('..') by a value", key="path", value=path)
    return path


def is_own(item: Input) -> bool:
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
    for item in filter(is_own, task.inputs):
        try:
            path = source_path(item, values)
            target_name(item, path, values)
        except UserError as error:
            raise error.under("task.inputs") from None
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
        raise error.under(key) from None


def _check_names(
    key: str, template: str, names: Callable[[str], set[str]], known: set[str]
) -> None:
    try:
        unknown = sorted(names(template) - known)
    except UserError as error:
        raise error.under(key) from None
    if unknown:
        raise UserError(
            f"{{{unknown[0]}}} is no parameter",
            key=key,
            value=template if len(template) < 80 else unknown[0],
            fix=nearest(unknown[0], known),
        )


def _jinja_names(text: str) -> set[str]:
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        return meta.find_undeclared_variables(Environment().parse(text))
    except TemplateSyntaxError as error:
        raise UserError(f"line {error.lineno}: {error.message}") from None


class _Dollar(Template):
    """$name and ${dotted.name}."""

    braceidpattern = r"(?a:[_a-z][_a-z0-9]*(?:\.[_a-z][_a-z0-9]*)*)"


def _dollar_names(text: str) -> set[str]:
    template = _Dollar(text)
    if not template.is_valid():
        raise UserError("has a $ that starts no name", fix="Write $$ for a dollar itself.")
    return set(template.get_identifiers())


_RENDERED = {"jinja": _jinja_names, "dollar": _dollar_names}


def render(text: str, kind: str, values: Mapping[str, Any]) -> str:
    """A template with the parameters filled in; a name that is missing is an error."""
    if kind == "dollar":
        return _Dollar(text).substitute({name: as_text(value) for name, value in values.items()})
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(text).render(nest(values))


def stage(
    task: Task,
    directory: Path,
    study: Path,
    shared: Path,
    files: Mapping[str, str],
    values: Mapping[str, Any],
    again: bool = False,
) -> None:
    """Put every input of a task into its run directory.

    Args:
        study: where the paths of inputs start.
        shared: the directory of read-only copies that `shared` inputs link to.
        files: path -> SHA-256, as far as the plan knew it.
        again: inputs that an earlier try found there stay as they are.

    Raises:
        UserError, OSError, jinja2.TemplateError: what hinders this, for the task's error.
    """
    for item in task.inputs:
        path = source_path(item, values)
        source, target = study / path, directory / target_name(item, path, values)
        target.parent.mkdir(parents=True, exist_ok=True)
        if again and os.path.lexists(target):
            continue
        if os.path.lexists(target):  # copying would write through a link
            raise UserError("another input has the same name", value=target.name)
        if item.render:
            text = source.read_text(encoding="utf-8")
            target.write_text(render(text, item.render, values), encoding="utf-8")
        elif item.linkage == "copy":
            shutil.copy2(source, target)
        else:
            real = source
            if item.linkage == "shared":
                real = shared_copy(source, files.get(path) or _sha256(source), shared)
            # Relative where it can be, so that a study can be moved.
            moves_along = item.linkage == "shared" or not os.path.isabs(path)
            start = os.path.realpath(target.parent)
            there = os.path.join(os.path.realpath(real.parent), real.name)
            target.symlink_to(os.path.relpath(there, start) if moves_along else real)


def shared_copy(source: Path, sha: str, shared: Path) -> Path:
    """The read-only copy of a file, named by its content so that it never changes."""
    copy = shared / sha[:12] / source.name
    if not copy.exists():
        shared.mkdir(parents=True, exist_ok=True)
        temporary = shared / f".{sha[:12]}.{os.getpid()}"
        shutil.copyfile(source, temporary)
        temporary.chmod(0o555 if os.access(source, os.X_OK) else 0o444)
        copy = shared / _sha256(temporary)[:12] / source.name  # it may have changed meanwhile
        copy.parent.mkdir(exist_ok=True)
        os.replace(temporary, copy)
    return copy


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
