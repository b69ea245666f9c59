"""Importing what is needed, at little cost."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def imports() -> Iterator[None]:
    """Within this, no garbage is looked for, nor ever in what was imported: it is none."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


_SYSTEMS = tuple(f"pyarrow._{name}fs" for name in ("azure", "gcs", "hd", "s3"))
_SPARE = ("numpy", "pandas", "cloudpickle", *_SYSTEMS)


def block_unneeded() -> None:
    """From now on, let pyarrow do without what it can do without: most of a small visit's time.

    That is numpy (apache/arrow#25118), pandas, and what serves to pickle functions and to reach
    other file systems. Only for processes that neither run code of the study's nor
    unpickle anything but Python's own types and the package's.
    """
    sys.meta_path.insert(0, _Without(_SPARE))


def import_arrow_without_pandas() -> None:
    """Import pyarrow and let it look for pandas, as it does at its first array, in vain.

    That saves half a second. pyarrow then takes a DataFrame's column for any sequence, until it
    makes its first DataFrame.
    """
    finder = _Without(("pandas",))
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("pyarrow.parquet")
        importlib.import_module("pyarrow").array([0])
    finally:
        sys.meta_path.remove(finder)


class _Without:
    """A finder of modules that denies there are some."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, *_: Any) -> None:
        if name in self.names:
            raise ModuleNotFoundError(name=name)
