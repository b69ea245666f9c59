"""What of a manifest is still to be run, beside the rows of the store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pyarrow as pa

from snakestudy.provenance.acceptance import row_spec
from snakestudy.provenance.row_digest import Reason, RowDigest, RowSpec
from snakestudy.running.batch import TaskBatch
from snakestudy.storage.documents import ManifestSpec
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.row_reasons import row_reasons
from snakestudy.storage.task_rows import as_rows
from snakestudy.tables.arrow import index_in, take_rows


def _row_spec(spec: ManifestSpec, step: str) -> RowSpec:
    """What a manifest asks of the rows of one of its steps."""
    ordered = spec.steps[step]
    current = frozenset(ordered.current_digests)
    accepted = spec.accepted_digests, spec.accepted_readings
    return row_spec(current.__contains__, ordered.metrics, *accepted)


def pending(manifest: Manifest, step: str, rows: pa.Table) -> TaskBatch:
    """The active tasks to run: no row yet, a stale one, a failure that may be tried again.

    Args:
        rows: as `Store.last_rows`.
    """
    reasons = row_reasons(manifest, step, rows, _row_spec(manifest.spec, step))
    active = manifest.table["_active"].to_pylist()
    positions = [i for i, reason in enumerate(reasons) if reason and active[i]]
    table = take_rows(manifest.table, positions)
    left = Manifest(manifest.spec, table)
    ordered = manifest.spec.steps[step]
    digest_with = cache(lambda inputs: str(RowDigest.of(ordered.digest, inputs, ordered.metrics)))
    tried, rereads = _begun(left, [reasons[i] for i in positions], ordered.metrics, rows)
    tries = 1 + ordered.task.retries
    limits = zip(left.max_attempts(step).to_pylist(), tried, strict=True)
    return TaskBatch(
        positions,
        left.ids,
        {name: left.values(name) for name in left.parameters},
        [digest_with(inputs) for inputs in left.task_inputs(step).to_pylist()],
        tried,
        [min(most, so_far + tries) for most, so_far in limits],
        rereads,
    )


def _begun(
    left: Manifest, reasons: list[Reason | None], metrics: Mapping[str, str], rows: pa.Table
) -> tuple[list[int], list[str | None]]:
    """Of each task: its tries so far; its digest if only metrics are to be read again."""
    tried = [0] * len(reasons)
    rereads: list[str | None] = [None] * len(reasons)
    begun = [i for i, reason in enumerate(reasons) if reason in (Reason.FAILED, Reason.UNREAD)]
    if not begun:
        return tried, rereads
    row_of = index_in(left.table["task_id"], rows["task_id"])
    last = as_rows(take_rows(rows, [row_of[i] for i in begun]))
    for i in begun:
        row = last[left.ids[i]]
        if reasons[i] is Reason.FAILED:
            tried[i] = row.attempt
        else:
            made = RowDigest.parse(row.digest)
            rereads[i] = str(RowDigest.of(*made.what_ran, metrics))
    return tried, rereads
