"""Importing pyarrow and no more."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def import_arrow() -> None:
    """Import pyarrow without pandas, which it looks for at its first array: half a second.

    Only for processes that run no code of the study's: pyarrow then takes a DataFrame's column
    for any sequence.
    """
    sys.meta_path.insert(0, _NoPandas)
    try:
        importlib.import_module("pyarrow").array([0])
    finally:
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """A finder of modules that denies there is pandas."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
