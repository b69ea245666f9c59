"""What has to be done in a chunk that is there already."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy

from snakestudy.planning.model import ChunkReview, ExistingChunk, PlanContext
from snakestudy.provenance.row_digest import Reason, RowDigest, needs_run
from snakestudy.storage.state import RowCount
from snakestudy.tables.task_ids import as_texts, is_among

if TYPE_CHECKING:
    from snakestudy.design.design import Design
    from snakestudy.storage.task_rows import TaskRow


def review_chunk(
    existing: ExistingChunk,
    active: numpy.ndarray,
    context: PlanContext,
    design: Design,
    wanted_again: numpy.ndarray | None,
) -> ChunkReview:
    """What there is to do in a chunk.

    Args:
        active: which of its tasks the design has.
        wanted_again: tasks that the user wants again, sorted; None if there are none.
    """
    review = ChunkReview(existing, active)
    if wanted_again is not None:
        review.redo = is_among(existing.manifest.task_codes, wanted_again) & active
    spec = context.current.spec(existing.manifest.spec)
    max_attempt = context.current.max_attempt(existing.limits(context.step))
    for row in _rows_in(review, context):
        reason = needs_run(row, spec, max_attempt=max_attempt)
        if reason is Reason.UNREAD:
            review.unread.append(row)
        elif reason:
            # A failure is nothing to keep: what changed may have mended it.
            (review.stale if row.status == "success" else review.failed).append(row)
    _divide_unread(review, context)
    if context.study.invocation.get("rehash"):
        _look_at_inputs(review, context, design)
    review.rewrite = _says_something_else(review, context, design)
    return review


def _says_something_else(review: ChunkReview, context: PlanContext, design: Design) -> bool:
    """Whether the chunk's manifest has to be written again."""
    existing, spec = review.existing, review.existing.manifest.spec
    return bool(
        review.stale
        or review.unread
        or review.failed
        or review.redone
        or existing.lost
        or not existing.finished
        or (review.active != existing.manifest.active).any()
        or spec.derive != design.derived_for(existing.manifest.task_codes)
        or spec.defaults != context.study.config["defaults"]
        or not design.columns.keys() >= set(spec.parameters or ())
        or spec.metrics.keys() != context.current.provenance.metrics.keys()
        or context.study.invocation.get("rehash")
    )


def _rows_in(review: ChunkReview, context: PlanContext) -> Iterable[RowCount]:
    """The rows of the chunk's active tasks: as counted by its last visit, or one by one."""
    existing, active = review.existing, review.active
    same = (active == existing.manifest.active).all()
    if existing.state is not None and existing.finished and same and not review.redone:
        return existing.state.steps[context.step].rows
    return _rows_one_by_one(review, context)


def _rows_one_by_one(review: ChunkReview, context: PlanContext) -> list[RowCount]:
    """The rows of active tasks but for those that are made again whatever they say."""
    manifest = context.files.whole_manifest(review.existing)
    rows = context.files.rows(manifest.chunk)
    not_before = manifest.not_before_plans(context.step).to_pylist()
    inputs = manifest.task_inputs(context.step).to_pylist()
    counts = []
    looked_at = review.active if review.redo is None else review.active & ~review.redo
    for position in numpy.flatnonzero(looked_at).tolist():
        row = rows.get(manifest.ids[position])
        if row is None:
            review.missing += 1
        elif (
            row.plan < not_before[position]
            or RowDigest.parse(row.digest).inputs != inputs[position]
        ):
            review.ordered[position] = True
        else:
            counts.append(_count_of(row))
    return counts


def _count_of(row: TaskRow) -> RowCount:
    """One task's row as a count."""
    return RowCount(row.digest, row.status, row.attempt, 1, row.seconds)


def _look_at_inputs(review: ChunkReview, context: PlanContext, design: Design) -> None:
    """Find the tasks whose own input files are not what their row was made from."""
    manifest = review.existing.manifest
    tasks = numpy.flatnonzero(review.active)
    digests = context.files.task_input_digests(design, design.rows_of(manifest.task_codes[tasks]))
    rows = context.files.rows(manifest.chunk)
    for position, digest in zip(tasks.tolist(), digests, strict=True):
        row = rows.get(manifest.ids[position])
        if row is not None and digest != RowDigest.parse(row.digest).inputs:
            moved = review.new_inputs if row.status == "success" else review.failed
            moved.append(_count_of(row))


def _divide_unread(review: ChunkReview, context: PlanContext) -> None:
    """Find the rows whose tasks run again, as no run directory was kept to read a metric from."""
    finished = [row for row in review.unread if row.status == "success"]
    failed = [row for row in review.unread if row.status != "success"]
    review.unread_lost = _without_directory(finished, review, context)
    lost = _without_directory(failed, review, context)
    review.failed += lost  # which `on_change` does not protect
    review.unread = finished + [row for row in failed if row not in lost]


def _without_directory(
    unread: list[RowCount], review: ChunkReview, context: PlanContext
) -> list[RowCount]:
    """Rows whose missing metric cannot be read again from a kept run directory."""
    if not unread or not context.task.command:
        return unread
    rows = context.files.rows(review.existing.manifest.chunk)
    lacking = {row.digest for row in unread}
    active = as_texts(review.existing.manifest.task_codes[review.active]).to_pylist()
    ids = [i for i in active if (row := rows.get(i)) is not None and row.digest in lacking]
    return [] if context.files.count_run_directories(ids) == len(ids) else unread
