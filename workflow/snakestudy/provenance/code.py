"""Which files of code a study runs, and whether two versions of one differ in more than form."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Sequence
from importlib.util import decode_source
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.messages import nearest

_NO_TREE = (SyntaxError, ValueError, RecursionError, MemoryError)  # no Python, or too deep


def same_code(old: str | None, new: str | None) -> bool:
    """Whether two Python texts are the same but for comments, docstrings and formatting.

    >>> same_code("x = 1  # one", "x=1"), same_code("x = 1", "x = 2"), same_code(None, None)
    (True, False, False)
    """
    if old is None or new is None:
        return False
    try:
        return _bare(old) == _bare(new)
    except _NO_TREE:
        return False


def _bare(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def code_text(path: str | Path) -> str:
    """The text of a Python file, in the encoding that it declares.

    Raises:
        OSError: if it cannot be read.
        SyntaxError, ValueError: if it is not in that encoding, or in none.
    """
    return decode_source(Path(path).read_bytes())


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
        tree = ast.parse(code_text(path))
    except (SyntaxError, ValueError) as error:
        is_syntax = isinstance(error, SyntaxError)
        where = f"line {error.lineno}: " if is_syntax and error.lineno else ""
        problem = error.msg if is_syntax else error
        raise UserError(f"is no Python: {where}{problem}", key=key, value=path) from None
    except (RecursionError, MemoryError):
        return  # it may be Python all the same
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


def imported(path: str, roots: Sequence[str] = ()) -> list[str]:
    """The study's own modules that a Python file imports, directly or through others.

    Args:
        roots: where modules are looked for; beside the file and in the study if there are none.
    """
    roots = roots or [os.path.dirname(path), "."]
    found: dict[str, None] = {}
    queue = [path]
    while queue:
        current = queue.pop()
        for parts, is_relative in _imports(current):
            for candidate in _module_files(parts, [""] if is_relative else roots):
                if candidate != os.path.normpath(path) and candidate not in found:
                    found[candidate] = None
                    queue.append(candidate)
    return list(found)


def module_files(name: str, roots: Sequence[str]) -> list[str]:
    """The files that `python -m` runs or imports for a module of the study; none if it is none."""
    found = _module_files((*name.split("."), "__main__"), roots)
    return list(dict.fromkeys(file for path in found for file in (path, *imported(path, roots))))


Parts = tuple[str, ...]  # of a dotted name


def _imports(path: str) -> list[tuple[Parts, bool]]:
    """The modules a file imports; of a relative one (True) its whole path."""
    tree = _tree(path)
    modules: list[tuple[Parts, bool]] = []
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            modules += [(tuple(item.name.split(".")), False) for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                parts = Path(path).parent.parts
                base = (*parts[: max(0, len(parts) - node.level + 1)], *base)
            names = [base, *((*base, item.name) for item in node.names)]
            modules += [(parts, node.level > 0) for parts in names if parts]
    return modules


def _tree(path: str) -> ast.Module | None:
    """The syntax tree of a file; None if it is no Python."""
    try:
        return ast.parse(code_text(path))
    except _NO_TREE:
        return None


def _module_files(parts: Parts, roots: Sequence[str]) -> list[str]:
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
    tree = _tree(path)
    nodes = ast.walk(tree) if tree else ()
    constants = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return sorted(text for text in constants if isinstance(text, str) and _is_file(text))


def _is_file(text: str) -> bool:
    if len(text) > 1000 or "\n" in text or "\0" in text or os.path.isabs(text):
        return False
    return os.path.isfile(text)
