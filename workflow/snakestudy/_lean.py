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


def import_arrow() -> None:
    """Import pyarrow.parquet without what pyarrow can do without.

    That is pandas, which it looks for at its first array (half a second), and what serves to
    pickle functions and to reach other file systems (a tenth of a small visit). Only for
    processes that run no code of the study's: pyarrow then takes a DataFrame's column for any
    sequence.
    """
    sys.meta_path.insert(0, _Without)
    try:
        importlib.import_module("pyarrow.parquet")
        importlib.import_module("pyarrow").array([0])
    finally:
        sys.meta_path.remove(_Without)


class _Without:
    """A finder of modules that denies there are some."""

    names = frozenset(
        ["pandas", "cloudpickle"] + [f"pyarrow._{name}fs" for name in ("azure", "gcs", "hd", "s3")]
    )

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name in _Without.names:
            raise ModuleNotFoundError(name=name)
