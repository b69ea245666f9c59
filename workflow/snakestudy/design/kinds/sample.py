"""`sample`: random or quasi-random points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor


def expand(sample: Mapping[str, Any], context: ExpandContext) -> list[Factor]:
    """The points of `sampling.sample`, which says what it raises."""
    from snakestudy.design import sampling
    from snakestudy.design.columns import check_size

    check_size(sample["n"], context.limit)
    return [Factor(sampling.sample(**sample))]


def note(key: str, sample: Mapping[str, Any], _: int, last: Mapping[str, Any] | None) -> str | None:
    """A word on points that could not keep the first ones."""
    if not last or sample["method"] != "lhs" or sample["n"] == last["n"]:
        return None
    return (
        f"{key}: lhs drew all points anew, as n changed from {last['n']:,} to {sample['n']:,} "
        "(sobol, halton and random keep the first ones)"
    )


KIND = BlockKind("sample", expand, note=note)
