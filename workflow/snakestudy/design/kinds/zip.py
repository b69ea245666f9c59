"""`zip`: axes of equal length, varied together; a list of such groups multiplies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor
from snakestudy.errors import UserError

Group = Mapping[str, Any]


def expand(groups: Group | Sequence[Group], context: ExpandContext) -> Iterator[Factor]:
    """A factor for each group of name -> axis.

    Raises:
        UserError: if the axes of a group are of unequal length.
    """
    from snakestudy.design.axes import expand_axes
    from snakestudy.design.columns import from_columns

    for group in [groups] if isinstance(groups, Mapping) else groups:
        axes = expand_axes(group, context.limit)
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1:
            fix = "Make them equally long."
            raise UserError("has lists of unequal length", value=lengths, fix=fix)
        yield Factor(from_columns(axes))


KIND = BlockKind("zip", expand)
