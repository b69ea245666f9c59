"""`seeds`: a column `seed`, so many from 0 on or as listed."""

from __future__ import annotations

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor


def expand(seeds: int | float | list[int], context: ExpandContext) -> list[Factor]:
    from snakestudy.design.columns import Column, check_size, plain_list

    if isinstance(seeds, list):
        return [Factor({"seed": Column.of(plain_list(seeds))})]
    check_size(int(seeds), context.limit)
    return [Factor({"seed": Column.of(range(int(seeds)))})]


KIND = BlockKind("seeds", expand)
