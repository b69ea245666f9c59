"""Which tasks of a manifest have to run, by the one rule (`row_digest.needs_run`)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pyarrow as pa

from snakestudy.provenance.row_digest import Reason, RowSpec, needs_run
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.row_selection import index_in


class _Row(NamedTuple):
    """A task's last row, as far as the rule asks."""

    digest: str
    status: str
    attempt: int


def row_reasons(
    manifest: Manifest, step: str, rows: pa.Table, spec: RowSpec
) -> list[Reason | None]:
    """Why each task of a manifest has to run, active or not; None where its row stands.

    Args:
        rows: as `Store.last_rows`.
        spec: what rows must be: the manifest's own for a visit, the study's as it is now to read.
    """
    names = ("digest", "status", "attempt", "plan")
    digests, statuses, attempts, plans = (rows[name].to_pylist() for name in names)
    reason_of_success = cache(lambda digest: _of_success(digest, spec))
    reasons: list[Reason | None] = []
    for row, max_attempt, inputs, not_before in zip(
        index_in(manifest.table["task_id"], rows["task_id"]),
        manifest.max_attempts(step).to_pylist(),
        manifest.task_inputs(step).to_pylist(),
        manifest.not_before_plans(step).to_pylist(),
        strict=True,
    ):
        if row is None:
            reasons.append(Reason.MISSING)
        elif statuses[row] == "success" and inputs is None and plans[row] >= not_before:
            reasons.append(reason_of_success(digests[row]))  # nearly all; few digests
        else:
            last = _Row(digests[row], statuses[row], attempts[row])
            forced = plans[row] < not_before
            reasons.append(
                needs_run(last, spec, max_attempt=max_attempt, inputs=inputs, is_forced=forced)
            )
    return reasons


def _of_success(digest: str, spec: RowSpec) -> Reason | None:
    """Why the row of a task without input files of its own has to be made again."""
    return needs_run(_Row(digest, "success", 1), spec, max_attempt=0, inputs=None)
