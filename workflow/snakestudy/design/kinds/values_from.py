"""`values_from`: sets found in the results of this study so far, or of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor


def expand(selection: Mapping[str, Any], context: ExpandContext) -> list[Factor]:
    """The sets that whoever expands finds: results are read above this room."""
    assert context.results is not None
    return [Factor(context.results(selection))]


def studies(selection: Mapping[str, Any]) -> list[str | None]:
    return [selection.get("study")]


def note(key: str, selection: Mapping[str, Any], sets: int, _: Any) -> str | None:
    """A word on a block that found nothing."""
    if sets:
        return None
    where = f" where {selection['where']}" if "where" in selection else ""
    return (
        f"{key} finds no row of {selection['metric']} yet{where}; "
        "run snakemake again when there are results"
    )


KIND = BlockKind("values_from", expand, studies=studies, note=note)
