"""All kinds of design blocks, and what a block is made from beside its text: asked at parse."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from snakestudy.design.kinds import (
    grid,
    python,
    rows,
    sample,
    seeds,
    star,
    table,
    values_from,
    zip,
)
from snakestudy.design.kinds.kind import BlockKind
from snakestudy.errors import UserError

# In the order in which the factors of a block multiply, the last one fastest.
KINDS: tuple[BlockKind, ...] = (
    grid.KIND,
    zip.KIND,
    rows.KIND,
    table.KIND,
    sample.KIND,
    star.KIND,
    python.KIND,
    values_from.KIND,
    seeds.KIND,
)


def kinds_of(block: Mapping[str, Any]) -> list[tuple[BlockKind, Any]]:
    """The kinds that a block has, each with its value, in the order of `KINDS`."""
    return [(kind, block[kind.name]) for kind in KINDS if kind.name in block]


def files_of(block: Mapping[str, Any], sha256: Callable[[str], str]) -> dict[str, str]:
    """The files that a block's sets come from, path -> SHA-256.

    Raises:
        UserError: for a file or function that is not there.
    """
    files: dict[str, str] = {}

    def sha(path: str, key: str) -> str:
        try:
            files[path] = sha256(path)
        except OSError as error:
            problem = (error.strerror or str(error)) if os.path.exists(path) else "is no file"
            raise UserError(
                problem, key=key, value=path, fix="Write a path relative to the study."
            ) from None
        return files[path]

    for kind, value in kinds_of(block):
        for path in kind.files(value, sha):
            sha(path, kind.name)
    return files


def studies_of(block: Mapping[str, Any]) -> list[str | None]:
    """Directories of the studies whose results decide a block's sets, None for its own study."""
    return [study for kind, value in kinds_of(block) for study in kind.studies(value)]


def runs_python(block: Mapping[str, Any]) -> bool:
    """Whether expanding a block runs code of the study's."""
    return any(kind.runs_python for kind, _ in kinds_of(block))
