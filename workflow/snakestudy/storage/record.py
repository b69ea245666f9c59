"""Plan records: the newest one."""

from __future__ import annotations

import json

from snakestudy.errors import UserError
from snakestudy.layout import Layout


def load_record(layout: Layout) -> dict | None:
    """The newest plan record; None before the first plan.

    Raises:
        UserError: if neither of its copies is one.
    """
    plan = layout.newest_plan()
    paths = [path for path in (layout.kept_record(plan), layout.record(plan)) if path.exists()]
    for path in paths:
        try:
            record = json.loads(path.read_text())
            if record["plan"] == plan:
                return record
        except (OSError, ValueError, KeyError, TypeError):
            pass
    if not paths:
        return None
    raise UserError(
        "is damaged, or no plan record of this study",
        file=" and ".join(map(str, paths)),
        fix="Delete it and run snakemake: the plan before it is taken, and what is finished stays.",
    )
