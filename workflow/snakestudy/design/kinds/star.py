"""`star`: a base, then one parameter at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor
from snakestudy.errors import UserError, error_context
from snakestudy.values import canonical


def expand(star: Mapping[str, Any], context: ExpandContext) -> list[Factor]:
    """The base, then each value of each axis in `vary`; a label has the name of what varies.

    The base occurs once: a value that is the base's own gives no further set.

    Raises:
        UserError: if something that varies has no base value.
    """
    from snakestudy.design.axes import expand_axes
    from snakestudy.design.columns import Column, check_size, from_rows, plain_list

    base, vary = star["base"], star["vary"]
    for name in vary:
        if name not in base:
            raise UserError("is not in base", key=f"vary.{name}", fix="Write its base value there.")
    with error_context("vary"):
        axes = expand_axes(vary, context.limit)
    check_size(1 + sum(map(len, axes.values())), context.limit)
    base = dict(zip(base, plain_list(base.values()), strict=True))
    rows, varied = [base], ["base"]
    for name, values in axes.items():
        others = [value for value in values if canonical(value) != canonical(base[name])]
        rows += [{**base, name: value} for value in others]
        varied += [name] * len(others)
    label = star.get("label")
    return [Factor(from_rows(rows), {} if label is None else {label: Column.of(varied)})]


KIND = BlockKind("star", expand)
