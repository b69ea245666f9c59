"""Functions of the study's own Python files."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def load_function(target: str, study: Path) -> Callable[..., Any]:
    """The function of a `path.py:function`; its directory and the study can be imported from."""
    path, _, name = target.rpartition(":")
    key = os.path.abspath(path)
    if key not in _MODULES:
        for root in (str(study), os.path.dirname(key)):
            if root not in sys.path:
                sys.path.insert(0, root)
        module_name = Path(key).stem
        spec = importlib.util.spec_from_file_location(module_name, key)
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(module_name, module)
        spec.loader.exec_module(module)
        _MODULES[key] = module
    return getattr(_MODULES[key], name)


_MODULES: dict[str, Any] = {}
