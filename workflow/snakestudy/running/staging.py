"""The files a task finds in its run directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakestudy.config.inputs import source_path, target_name
from snakestudy.config.study import Task
from snakestudy.config.templates import render
from snakestudy.errors import UserError
from snakestudy.files import sha256_of


def stage(
    task: Task,
    directory: Path,
    study: Path,
    shared: Path,
    files: Mapping[str, str],
    values: Mapping[str, Any],
    is_continued: bool = False,
) -> None:
    """Put every input of a task into its run directory.

    Args:
        study: where the paths of inputs start.
        shared: the directory of read-only copies that `shared` inputs link to.
        files: path -> SHA-256, as far as the plan knew it.
        is_continued: whether inputs that an earlier try found there stay as they are.

    Raises:
        UserError, OSError, jinja2.TemplateError: what hinders this, for the task's error.
    """
    for item in task.inputs:
        path = source_path(item, values)
        source, target = study / path, directory / target_name(item, path, values)
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_continued and os.path.lexists(target):
            continue
        if os.path.lexists(target):  # copying would write through a link
            raise UserError("another input has the same name", value=target.name)
        if item.render:
            text = source.read_text(encoding="utf-8")
            target.write_text(render(text, item.render, values), encoding="utf-8")
        elif item.linkage == "copy":
            shutil.copy2(source, target)
        elif item.linkage == "shared":
            copy = _shared_copy(source, files.get(path) or sha256_of(source), shared)
            _link(target, copy, is_relative=True)
        else:
            _link(target, source, is_relative=not os.path.isabs(path))


def _link(target: Path, source: Path, is_relative: bool) -> None:
    """Make a symbolic link; a relative one stays right where both are moved, as a study can be."""
    if is_relative:
        start = os.path.realpath(target.parent)
        source_there = os.path.join(os.path.realpath(source.parent), source.name)
        target.symlink_to(os.path.relpath(source_there, start))
    else:
        target.symlink_to(source)


def _shared_copy(source: Path, sha256: str, shared: Path) -> Path:
    """The read-only copy of a file, named by its content so that it never changes."""
    copy = shared / sha256[:12] / source.name
    if not copy.exists():
        shared.mkdir(parents=True, exist_ok=True)
        temporary = shared / f".{sha256[:12]}.{os.getpid()}"
        shutil.copyfile(source, temporary)
        temporary.chmod(0o555 if os.access(source, os.X_OK) else 0o444)
        copy = shared / sha256_of(temporary)[:12] / source.name  # it may have changed meanwhile
        copy.parent.mkdir(exist_ok=True)
        os.replace(temporary, copy)
    return copy
