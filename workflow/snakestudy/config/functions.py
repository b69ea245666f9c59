"""Functions of the study's own Python files."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_MODULES: dict[str, ModuleType] = {}  # by the absolute path of their file


def load_function(target: str, study: Path) -> Callable[..., Any]:
    """The function of a `path.py:function`; its directory and the study can be imported from."""
    path, _, name = target.rpartition(":")
    file = os.path.abspath(path)
    if file not in _MODULES:
        _MODULES[file] = _load(file, str(study))
    return getattr(_MODULES[file], name)


def _load(file: str, study: str) -> ModuleType:
    """The module of a file, under a name by which pickle and annotations find it again.

    A file has its plain name, which others import it by, unless another file has that already.
    """
    directory, plain_name = os.path.dirname(file), Path(file).stem
    for root in (study, directory):
        if root not in sys.path:
            sys.path.insert(0, root)
    for name in _names(file, study):
        known = sys.modules.get(name)
        if known is None:
            known = _execute(name, file)
        elif not _is_file(getattr(known, "__file__", None), file):
            continue
        if name != plain_name:
            _step_back(directory, plain_name)
        return known
    raise AssertionError("the last name is no other file's")


def _names(file: str, study: str) -> Iterator[str]:
    """What a file's module may be called, best first."""
    yield Path(file).stem
    relative = os.path.relpath(file, study).removesuffix(".py")
    dotted = relative.replace(os.sep, ".")
    if "." not in relative and _can_be_imported(dotted, file):
        yield dotted
    yield f"{Path(file).stem}_{hashlib.sha256(file.encode()).hexdigest()[:8]}"


def _can_be_imported(name: str, file: str) -> bool:
    """Whether `import name` finds this file, also in a process that knows just sys.path."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and _is_file(spec.origin, file)


def _is_file(path: str | None, file: str) -> bool:
    try:
        return path is not None and os.path.samefile(path, file)
    except OSError:
        return False


def _execute(name: str, file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _step_back(directory: str, plain_name: str) -> None:
    """Put a directory behind the one whose file has the plain name.

    A process that a task starts (multiprocessing's spawn) finds modules by sys.path alone.
    """
    holder = getattr(sys.modules.get(plain_name), "__file__", None)
    if holder and (other := os.path.dirname(holder)) in sys.path and other != directory:
        sys.path.remove(directory)
        sys.path.insert(sys.path.index(other) + 1, directory)
