"""`rows`: parameter sets written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor


def expand(rows: Sequence[Mapping[str, Any]], _: ExpandContext) -> list[Factor]:
    from snakestudy.design.columns import from_rows

    return [Factor(from_rows(rows))]


KIND = BlockKind("rows", expand)
