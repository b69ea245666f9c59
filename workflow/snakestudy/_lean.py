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
_SPARE = ("pandas", "cloudpickle", "dateutil", *_SYSTEMS)


def import_arrow(without: tuple[str, ...] = _SPARE) -> None:
    """Import pyarrow.parquet without what pyarrow can do without.

    That is pandas, which it looks for at its first array (half a second), and what serves to
    pickle functions, to add months and to reach other file systems (a tenth of a small visit).
    Only for processes that run no code of the study's: pyarrow then takes a DataFrame's column
    for any sequence, until it makes its first DataFrame.
    """
    finder = _Without(without)
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
