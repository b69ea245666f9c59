"""What results depend on, as digests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from snakestudy.config.study import Step, Study, Task
from snakestudy.errors import UserError
from snakestudy.provenance.changes import changes
from snakestudy.provenance.code import imported, python_files
from snakestudy.provenance.command_line import (
    command_directories,
    command_files,
    command_modules,
    files_below,
)
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.values import canonical, digest_of


@dataclass(frozen=True)
class Provenance:
    """All that a step's results depend on, but parameters.

    Attributes:
        components: what it is, in words -> its digest. Code is listed by the SHA-256
            of its bytes; `changes` looks closer.
        metrics: metric -> digest of how its rows are read; "" for rows the task returns.
        readers: metric -> the components of that, as in `components`.
        files: every file read for this, path -> SHA-256.
        code: those of the files that are Python.
        notes: what is named and does not count, for people.
    """

    components: dict[str, str]
    metrics: dict[str, str]
    readers: dict[str, dict[str, str]]
    files: dict[str, str]
    code: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.components)


def provenance_of(study: Study, step: Step, file_hashes: FileHashes) -> Provenance:
    """What a step's results depend on.

    Raises:
        UserError: for a file, script or function that is not there.
    """
    files: dict[str, str] = {}

    def sha(path: str, key: str) -> str:
        try:
            files[path] = file_hashes.sha256(path)
        except OSError as error:
            problem = error.strerror or str(error)
            raise UserError(
                problem, file=study.file, key=key, value=path, fix="Paths start at the study."
            ) from None
        return files[path]

    texts = {"task.setup": step.task.setup, "task.command": step.task.command}
    directories = {key: command_directories(text) for key, text in texts.items()}
    components = _components(study, step.task, sha)
    for key, (read, _) in directories.items():
        for path in read:
            content = [[file, sha(file, key)] for file in files_below(path)]
            components[f"directory {path}"] = digest_of(content)
    readers = _readers(step.task, sha)
    metrics = {
        metric.name: digest_of(readers[metric.name])[:8] if metric.path else ""
        for metric in step.task.metrics
    }
    python = tuple(path for path in files if path.endswith(".py"))
    notes = tuple(
        f"{key} names the directory {path}, whose content does not count; "
        "list in task.depends what results depend on"
        for key, (_, others) in directories.items()
        for path in others
    )
    return Provenance(components, metrics, readers, files, python, notes)


def _components(study: Study, task: Task, sha: Callable[[str, str], str]) -> dict[str, str]:
    """As `Provenance.components`; sha: path, key that names it -> SHA-256."""
    components = {f"derive {name}": text for name, text in study.config["derive"].items()}
    for name, value in study.config["defaults"].items():
        components[f"default {name}"] = canonical(value)
    for name in ("command", "setup", "function"):
        if getattr(task, name):
            components[name] = digest_of(getattr(task, name))
    if task.env:
        components["env"] = digest_of(dict(task.env))
    for path, key in _sources(task, sha):
        components[f"code {path}"] = sha(path, key)
    for number, item in enumerate(task.inputs):
        key = f"task.inputs.{number}.path"
        content = None if "{" in item.path else sha(item.path, key)
        components[f"input {item.path}"] = digest_of([content, item.rename, item.render])
    for pattern in task.depends:
        for path in _glob(pattern, study.file):
            components[f"code {path}"] = sha(path, "task.depends")
    search_path = dict(task.env).get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    for path in command_modules([task.setup, task.command], search_path):
        if f"code {path}" not in components:
            components[f"module {path}"] = sha(path, "task.command")
    return components


def _readers(task: Task, sha: Callable[[str, str], str]) -> dict[str, dict[str, str]]:
    """As `Provenance.readers`."""
    readers = {}
    for metric in task.metrics:
        reading = [metric.path, metric.regex, metric.match, metric.reader]
        how = digest_of([*reading, metric.columns] if metric.columns else reading)
        files = python_files(metric.reader, f"task.metrics.{metric.name}.reader", sha)
        code = {f"code {path}": sha(path, "task.metrics") for path in files}
        readers[metric.name] = {"reading": how, **code}
    return readers


def keep_unchanged_readers(
    provenance: Provenance,
    old_metrics: Mapping[str, str],
    old_readers: Mapping[str, Mapping[str, str]],
    text_of: Callable[[str], str | None],
) -> Provenance:
    """The provenance with the digests of metrics as they were, if nothing of them changed."""
    metrics, readers = dict(provenance.metrics), dict(provenance.readers)
    for name, new in provenance.readers.items():
        old = old_readers.get(name)
        if old and not changes(old, new, text_of):
            metrics[name], readers[name] = old_metrics[name], dict(old)
    return replace(provenance, metrics=metrics, readers=readers)


def _sources(task: Task, sha: Callable[[str, str], str]) -> Iterable[tuple[str, str]]:
    """The files of code that a task runs, with the key that names each."""
    if task.function:
        yield from (
            (path, "task.function") for path in python_files(task.function, "task.function", sha)
        )
    renames = {item.rename for item in task.inputs if item.rename}
    for path in command_files(task.setup):
        yield path, "task.setup"
    for path in command_files(task.command, renames):
        yield path, "task.command"
        if path.endswith(".py"):
            sha(path, "task.command")
            yield from ((found, "task.command") for found in imported(path))


def _glob(pattern: str, file: str) -> list[str]:
    import glob

    found = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
    if not found:
        raise UserError("names no file", file=file, key="task.depends", value=pattern)
    return found
