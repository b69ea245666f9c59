"""Importing what tables need, and no more; every job of a rule begins with it."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

_THREADS = "OPENBLAS_NUM_THREADS"


def import_arrow() -> None:
    """Import pyarrow in half of its CPU time: without pandas, without threads for BLAS.

    Only for processes that run no code of the study's: pyarrow, which looks for pandas at its
    first array, then takes a DataFrame's column for any sequence. numpy's BLAS starts a thread
    a core, which spin; the variable that forbids it is not left to workers.
    """
    threads = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    sys.meta_path.insert(0, _NoPandas)
    try:
        importlib.import_module("pyarrow").array([0])
    finally:
        sys.meta_path.remove(_NoPandas)
        del os.environ[_THREADS]
        if threads is not None:
            os.environ[_THREADS] = threads


class _NoPandas:
    """A finder of modules that denies there is pandas."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
