"""What of a manifest is still to be run, beside the rows of the store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pyarrow as pa

from snakestudy.provenance.row_digest import inputs_in, made_by, metrics_in, row_digest
from snakestudy.running.batch import TaskBatch
from snakestudy.storage.chunk_store import TaskRow, as_rows
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import index_in, take_rows


def pending(manifest: Manifest, rows: pa.Table) -> TaskBatch:
    """The active tasks to run: no row yet, a stale one, a failure that may be tried again.

    Args:
        rows: as `Store.last_rows`.
    """
    order = manifest.order
    row_of = index_in(manifest.table["task_id"], rows["task_id"])
    pairs = zip(manifest.table["_active"].to_pylist(), _done(manifest, rows, row_of), strict=True)
    left = [at for at, (active, done) in enumerate(pairs) if active and not done]
    table = take_rows(manifest.table, left)
    known = as_rows(take_rows(rows, [row_of[at] for at in left if row_of[at] is not None]))
    names = ("_inputs", "_attempt", "_redo")
    inputs, most, redo = (table[name].to_pylist() for name in names)
    digest_with = cache(lambda own: row_digest(order["digest"], own, order["metrics"]))
    chosen, tried, reread = [], [], []
    for at, task_id in enumerate(table["task_id"].to_pylist() if known else ()):
        row, before, again = known.get(task_id), 0, None
        if row and row.plan >= redo[at] and _is_current(row, inputs[at], order):
            if row.status == "success":
                if _has_metrics(row.digest, order):
                    continue
                wanted = digest_with(inputs[at]).split(" ")[1:]
                again = " ".join([row.digest.split(" ")[0], *wanted])
            elif row.attempt >= most[at]:
                continue
            before = 0 if again else row.attempt
        chosen.append(at)
        tried.append(before)
        reread.append(again)
    if not known:
        tried, reread = [0] * len(left), [None] * len(left)
    elif len(chosen) < len(left):
        left, table = [left[at] for at in chosen], take_rows(table, chosen)
        inputs, most = ([column[at] for at in chosen] for column in (inputs, most))
    tries = 1 + order["task"]["retries"]
    attempts = [min(limit, so_far + tries) for limit, so_far in zip(most, tried, strict=True)]
    digests = list(map(digest_with, inputs))
    own = Manifest(order, table)
    values = {name: own.values(name) for name in own.parameters}
    return TaskBatch(left, own.ids, values, digests, tried, attempts, reread)


def _done(manifest: Manifest, rows: pa.Table, row_of: list[int | None]) -> list[bool]:
    """Whether each task's row is current, all at once; those with inputs of their own aside.

    Args:
        row_of: the row of each task, None if it has none.
    """
    if not len(rows):
        return [False] * len(row_of)
    order, digests = manifest.order, rows["digest"].to_pylist()
    current = {
        digest
        for digest in set(digests)
        if made_by(digest) in {*order["accepts"], *order["kept"]}
        and inputs_in(digest) is None
        and _has_metrics(digest, order)
    }
    pairs = zip(digests, rows["status"].to_pylist(), strict=True)
    fine = [digest in current and status == "success" for digest, status in pairs]
    plan = rows["plan"].to_pylist()
    redo, inputs = (manifest.table[name].to_pylist() for name in ("_redo", "_inputs"))
    return [
        row is not None and fine[row] and plan[row] >= again and own is None
        for row, again, own in zip(row_of, redo, inputs, strict=True)
    ]


def _is_current(row: TaskRow, inputs: str | None, order: Mapping[str, Any]) -> bool:
    known = made_by(row.digest) in order["accepts"] or made_by(row.digest) in order["kept"]
    return known and inputs_in(row.digest) == inputs


def _has_metrics(digest: str, order: Mapping[str, Any]) -> bool:
    if digest.partition(" ")[2] in order["kept"]:
        return True
    has = metrics_in(digest)
    return all(has.get(name) == how for name, how in order["metrics"].items())
