"""`grid`: every combination of some axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor


def expand(axes: Mapping[str, Any], context: ExpandContext) -> Iterator[Factor]:
    """A factor for each name -> axis (see `axes.axis`)."""
    from snakestudy.design.axes import expand_axes
    from snakestudy.design.columns import Column

    for name, values in expand_axes(axes, context.limit).items():
        yield Factor({name: Column.of(values)})


KIND = BlockKind("grid", expand)
