"""How new tasks are cut into chunks."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy

from snakestudy.design.columns import Column, groups
from snakestudy.design.design import Design
from snakestudy.errors import UserError
from snakestudy.messages import nearest
from snakestudy.planning.model import PlanContext

_SINGLE = 100  # commands that a plan adds: up to so many are a chunk each
_CHUNKS_A_SLOT = 4


def cut_into_chunks(
    rest: numpy.ndarray, context: PlanContext, design: Design, first: int
) -> dict[str, numpy.ndarray]:
    """New tasks as chunks: name -> rows of the design.

    Args:
        rest: rows of the design.
        first: the number of the first chunk of more than one task.

    Raises:
        UserError: if `chunks.by` names no parameter.
    """
    if not len(rest):
        return {}
    by = [_column(name, context, design) for name in context.study.config["chunks"]["by"]]
    size = _size(len(rest), context)
    named: dict[str, numpy.ndarray] = {}
    for group in groups(by, rest) if by else [rest]:
        count = ceil(len(group) / size)
        bounds = [len(group) * i // count for i in range(count + 1)]
        for start, stop in pairwise(bounds):
            rows = group[start:stop]
            single = size == 1 and len(rows) == 1
            named[design.ids_of(rows)[0] if single else f"{first + len(named):05d}"] = rows
    return named


def _size(tasks: int, context: PlanContext) -> int:
    """How many tasks a chunk holds at most."""
    chunks = context.study.config["chunks"]
    size = chunks["tasks"]
    if size == "auto":
        single = context.task.command and tasks <= _SINGLE
        size = 1 if single else ceil(tasks / (_CHUNKS_A_SLOT * context.slots))
    return max(size, ceil(tasks / chunks["max"])) if chunks["max"] else size


def _column(name: str, context: PlanContext, design: Design) -> Column:
    if name not in design.columns:
        raise UserError(
            "is no parameter",
            file=context.study.file,
            key="chunks.by",
            value=name,
            fix=nearest(name, design.columns),
        )
    return design.columns[name]
