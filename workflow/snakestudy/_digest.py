"""What results depend on, as digests, and what changed, in words."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ._config import Study, Task
from ._errors import UserError, nearest
from ._state import write_json
from ._values import digest_of

_SCRIPTS = (".py", ".sh", ".R", ".r", ".jl", ".pl", ".m")
_RACY_NS = 2_000_000_000  # a file this young may change again within its own time stamp


@dataclass
class Fingerprints:
    """SHA-256 of files; a file whose size and mtime are known is not read again."""

    known: dict[str, list[Any]] = field(default_factory=dict)  # path -> [size, mtime_ns, sha256]
    seen: dict[str, list[Any]] = field(default_factory=dict)  # what this process asked for

    @classmethod
    def load(cls, path: Path) -> Fingerprints:
        try:
            return cls(json.loads(path.read_text()))
        except (OSError, ValueError):
            return cls()

    def save(self, path: Path) -> None:
        """Keep what was seen, if it differs from what was known and there is a store."""
        young = time.time_ns() - _RACY_NS
        seen = {name: entry for name, entry in self.seen.items() if entry[1] < young}
        if seen != self.known and path.parent.is_dir():
            write_json(path, seen)

    def sha256(self, path: str) -> str:
        """
        Raises:
            OSError: if it is no file that can be read.
        """
        stat = os.stat(path)
        known = self.seen.get(path) or self.known.get(path)
        if not known or known[:2] != [stat.st_size, stat.st_mtime_ns]:
            with open(path, "rb") as file:
                known = [
                    stat.st_size,
                    stat.st_mtime_ns,
                    hashlib.file_digest(file, "sha256").hexdigest(),
                ]
        self.seen[path] = known
        return known[2]


@dataclass(frozen=True)
class Science:
    """All that results of a study depend on, but parameters.

    Attributes:
        components: what it is, in words -> its digest. Code is listed by the SHA-256
            of its bytes; `changes` looks closer.
        metrics: metric -> digest of how its rows are read; "" for rows the task returns.
        readers: metric -> the components of that, as in `components`.
        files: every file read for this, path -> SHA-256.
        code: those of the files that are Python.
    """

    components: dict[str, str]
    metrics: dict[str, str]
    readers: dict[str, dict[str, str]]
    files: dict[str, str]
    code: tuple[str, ...]

    @property
    def digest(self) -> str:
        return digest_of(self.components)


def science_of(study: Study, fingerprints: Fingerprints) -> Science:
    """
    Raises:
        UserError: for a file, script or function that is not there.
    """
    task = study.task
    files: dict[str, str] = {}

    def sha(path: str, key: str) -> str:
        try:
            files[path] = fingerprints.sha256(path)
        except OSError as error:
            problem = error.strerror or str(error)
            raise UserError(
                problem, file=study.file, key=key, value=path, fix="Paths start at the study."
            ) from None
        return files[path]

    components = {f"derive {name}": text for name, text in study.config["derive"].items()}
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
    metrics, readers = {}, {}
    for metric in task.metrics:
        how = digest_of([metric.path, metric.regex, metric.match, metric.reader])
        reader = _python_files(metric.reader, f"task.metrics.{metric.name}.reader", sha)
        code = {f"code {path}": sha(path, "task.metrics") for path in reader}
        readers[metric.name] = {"reading": how, **code}
        metrics[metric.name] = digest_of(readers[metric.name])[:8] if metric.path else ""
    python = tuple(path for path in files if path.endswith(".py"))
    return Science(components, metrics, readers, files, python)


def settled(
    science: Science, record: Mapping[str, Any] | None, text_of: Callable[[str], str | None]
) -> Science:
    """The science with the digests of metrics as they were, if nothing of them changed."""
    metrics, readers = dict(science.metrics), dict(science.readers)
    for name, new in science.readers.items():
        old = record.get("readers", {}).get(name) if record else None
        if old and not changes(old, new, text_of):
            metrics[name], readers[name] = record["metrics"][name], old
    return replace(science, metrics=metrics, readers=readers)


def changes(
    old: Mapping[str, str], new: Mapping[str, str], text_of: Callable[[str], str | None]
) -> list[str]:
    """What counts as changed between two sets of components, in words.

    Args:
        text_of: the text of a Python file by its SHA-256, None if it is not known.

    Comments, docstrings and formatting of Python code do not count, nor does a formula
    that is only there on one side: whatever names it has changed itself.
    """
    words = []
    for label in sorted(old.keys() | new.keys()):
        before, after = old.get(label), new.get(label)
        kind, _, name = label.partition(" ")
        one_sided = before is None or after is None
        if before == after or (kind == "derive" and (one_sided or same_code(before, after))):
            continue
        if kind == "code" and not one_sided and same_code(text_of(before), text_of(after)):
            continue
        what = {"code": name, "derive": f"the formula of {name}", "input": f"input {name}"}
        verb = "was added" if before is None else "was removed" if after is None else "changed"
        words.append(f"{what.get(kind, f'the {kind}')} {verb}")
    return words


def same_code(old: str | None, new: str | None) -> bool:
    """Whether two Python texts are the same but for comments, docstrings and formatting.

    >>> same_code("x = 1  # one", "x=1"), same_code("x = 1", "x = 2"), same_code(None, None)
    (True, False, False)
    """
    if old is None or new is None:
        return False
    try:
        return _bare(old) == _bare(new)
    except (SyntaxError, ValueError):
        return False


def _bare(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _sources(task: Task, sha: Callable[[str, str], str]) -> Iterable[tuple[str, str]]:
    """The files of code that a task runs, with the key that names each."""
    if task.function:
        yield from (
            (path, "task.function") for path in _python_files(task.function, "task.function", sha)
        )
    renames = {item.rename for item in task.inputs if item.rename}
    for path in command_files(task.command, renames):
        yield path, "task.command"
        if path.endswith(".py"):
            sha(path, "task.command")
            yield from ((found, "task.command") for found in imported(path))


def command_files(
    command: str | tuple[str, ...] | None, renames: Collection[str] = ()
) -> list[str]:
    """The files of the study that a command names, relative to the study.

    Args:
        renames: names of inputs in the run directory, which are no files of the study.

    Raises:
        UserError: for a script that is not there.
    """
    if not command:
        return []
    words = _bash_words(command) if isinstance(command, str) else list(command)
    found = []
    for word in words:
        if "/" not in word or os.path.isabs(word) or "{" in word or word in renames:
            continue
        if os.path.isfile(word):
            found.append(os.path.normpath(word))
        elif word.endswith(_SCRIPTS) and "\n" not in word:
            raise UserError(
                "is no file", key="task.command", value=word, fix="Paths start at the study."
            )
    return list(dict.fromkeys(found))


def _bash_words(command: str) -> list[str]:
    """The words of a line of bash that start with $STUDY_DIR, relative to the study."""
    text = command.replace("{{", "{").replace("}}", "}")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # quotes that only bash understands
        words = re.split(r"[\s;|&<>()\"']+", text)
    starts = re.compile(r"\$(?:STUDY_DIR|\{STUDY_DIR\})/")
    return [f"./{starts.sub('', word, 1)}" for word in words if starts.match(word)]


def _python_files(target: str | None, key: str, sha: Callable[[str, str], str]) -> list[str]:
    """The file of a `path.py:function` and the modules of the study that it imports."""
    if target is None:
        return []
    path, _, function = target.rpartition(":")
    sha(path, key)
    _check_function(path, function, key)
    return [path, *imported(path)]


def _check_function(path: str, function: str, key: str) -> None:
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        where = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        raise UserError(f"is no Python: {where}{error.args[0]}", key=key, value=path) from None
    defined = _defined(tree.body)
    if function not in defined:
        raise UserError(
            f"{path} defines no {function}", key=key, value=function, fix=nearest(function, defined)
        )


def _defined(body: list[ast.stmt]) -> set[str]:
    """The names a module's statements define, also under if, try and with."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((item.asname or item.name).split(".")[0] for item in node.names)
        for part in ("body", "orelse", "finalbody"):
            names |= _defined(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            names |= _defined(handler.body)
        stored = (child for child in ast.walk(node) if isinstance(child, ast.Name))
        names.update(name.id for name in stored if isinstance(name.ctx, ast.Store))
    return names


def imported(path: str) -> list[str]:
    """The study's own modules that a Python file imports, directly or through others."""
    top = os.path.dirname(path)
    found: dict[str, None] = {}
    queue = [path]
    while queue:
        current = queue.pop()
        for name in _imports(current):
            for candidate in _module_files(name, [top, "."]):
                if candidate != os.path.normpath(path) and candidate not in found:
                    found[candidate] = None
                    queue.append(candidate)
    return list(found)


def _imports(path: str) -> list[str]:
    """Dotted names a file imports; relative ones start with the file's own directory."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = Path(path).parent.parts
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *([base] if base else [])])
            names += [base, *(f"{base}.{item.name}".strip(".") for item in node.names)]
    return [name for name in names if name]


def _module_files(name: str, roots: list[str]) -> list[str]:
    parts = name.split(".")
    found = []
    for root in roots:
        for depth in range(1, len(parts) + 1):
            base = os.path.join(root, *parts[:depth])
            for candidate in (f"{base}.py", os.path.join(base, "__init__.py")):
                if os.path.isfile(candidate):
                    found.append(os.path.normpath(candidate))
        if found:
            break
    return found


def _glob(pattern: str, file: str) -> list[str]:
    import glob

    found = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
    if not found:
        raise UserError("names no file", file=file, key="task.depends", value=pattern)
    return found
