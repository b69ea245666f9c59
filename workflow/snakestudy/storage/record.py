"""Plan records: the newest one, published or kept in the store."""

from __future__ import annotations

import json

from snakestudy.errors import UserError
from snakestudy.files import write_json
from snakestudy.layout import Layout
from snakestudy.storage.documents import PlanRecord


def load_record(layout: Layout, *, keep: bool = False) -> PlanRecord | None:
    """The newest plan record; None before the first plan.

    Args:
        keep: write it again where the store has lost it: Snakemake may remove the published one.

    Raises:
        UserError: if neither of its copies is one, or it is of a newer format.
    """
    plan = layout.newest_plan()
    paths = [path for path in (layout.kept_record(plan), layout.record(plan)) if path.exists()]
    for path in paths:
        try:
            record = PlanRecord.of(json.loads(path.read_text(encoding="utf-8")), str(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if record.plan == plan:
            if keep and path != layout.kept_record(plan):
                keep_record(record, layout)
            return record
    if not paths:
        return None
    raise UserError(
        "is damaged, or no plan record of this study",
        file=" and ".join(map(str, paths)),
        fix="Delete it and run snakemake: the plan before it is taken, and what is finished stays.",
    )


def keep_record(record: PlanRecord, layout: Layout) -> None:
    """Write a record into the store."""
    kept = layout.kept_record(record.plan)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_json(kept, record.to_json())


def planned_study(layout: Layout, where: str) -> PlanRecord:
    """The newest plan record of a study that must have one.

    Raises:
        UserError: if there is none, naming where it was looked for.
    """
    record = load_record(layout)
    if record is None:
        raise UserError("holds no study that was planned", value=where)
    return record
