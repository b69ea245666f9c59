"""Which files of code a study runs, and whether two versions of one differ in more than form."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Callable, Collection
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.messages import nearest

_SCRIPTS = (".py", ".sh", ".R", ".r", ".jl", ".pl", ".m")


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


def python_files(target: str | None, key: str, sha: Callable[[str, str], str]) -> list[str]:
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


def named_files(path: str) -> list[str]:
    """The files of the study that a Python file names in its texts."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return []
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return sorted(text for text in constants if isinstance(text, str) and _is_file(text))


def _is_file(text: str) -> bool:
    if len(text) > 1000 or "\n" in text or "\0" in text or os.path.isabs(text):
        return False
    return os.path.isfile(text)
