"""A plan's reasons, in words: what the dry run, the run and `status` print."""

from __future__ import annotations

from collections.abc import Mapping

from snakestudy.messages import pluralize
from snakestudy.planning.model import ChunkReview, PlanContext
from snakestudy.storage.state import RowCount
from snakestudy.tables.task_ids import as_texts

CPU_HOUR = 3600.0  # seconds


def change_in_words(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> list[str]:
    """What changed since the rows were made that are stale or have metrics to be read."""
    inputs = any(found.new_inputs for found in reviews.values())
    own = ["input files of single tasks changed"] if inputs else []
    return [*_stale_in_words(context, reviews), *own, *_unread_in_words(context, reviews)]


def _stale_in_words(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> list[str]:
    """Of failures too, which run again whatever `on_change` says."""
    digests = {row.made_by for found in reviews.values() for row in found.stale + found.failed}
    return sorted({word for digest in digests for word in context.changed(digest)})


def _unread_in_words(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> list[str]:
    rows = [row for found in reviews.values() for row in found.unread]
    wanted = context.provenance.metrics.items()
    names = {name for row in rows for name, how in wanted if row.metrics().get(name) != how}
    return [f"metric {name} is new or read in another way" for name in sorted(names)]


def reasons_of(
    context: PlanContext, reviews: Mapping[str, ChunkReview], new: int, gone: int
) -> list[str]:
    """What this plan does, in words, with the numbers of tasks.

    Args:
        new: tasks that no chunk has.
        gone: tasks taken out of the design with their whole chunk.
    """
    found, back = list(reviews.values()), 0
    reasons = [pluralize(new, "new task")] if new else []
    verb = "kept as they are" if context.study.config["on_change"] == "keep" else "run again"
    stale = [row for review in found for row in review.stale]
    words = "; ".join(_stale_in_words(context, reviews))
    if stale:
        reasons.append(f"{words} since plan {context.number}: {_cost(stale, context)} {verb}")
    inputs = [row for review in found for row in review.new_inputs]
    if inputs:
        reasons.append(f"input files of single tasks changed: {_cost(inputs, context)} {verb}")
    changed = f"{words} since plan {context.number}: " if words and not stale else ""
    words = "; ".join(_unread_in_words(context, reviews))
    again = [row for review in found for row in review.again]
    if again:
        reasons.append(f"{words}: {_cost(again, context)} {verb}")
    unread = [row for review in found for row in review.unread if row not in again]
    if unread:
        count = sum(row.tasks for row in unread)
        reasons.append(f"{words}: {pluralize(count, 'task')} read again from their run directories")
    redone = sum(review.redone for review in found)
    if redone:
        where = context.study.invocation["redo"]
        reasons.append(f"redo: {pluralize(redone, 'task')} with {where} run again")
    failed = sum(row.tasks for review in found for row in review.failed)
    if failed:
        reasons.append(f"{changed}{pluralize(failed, 'failed task')} tried again")
    before = context.record["chunks"] if context.record else {}
    for chunk, review in reviews.items():
        was = review.existing.manifest.active & (chunk in before)
        gone += int((was & ~review.active).sum())
        back += int((review.active & ~was).sum())
    if gone:
        reasons.append(f"{pluralize(gone, 'task')} taken out of the design")
    if back:
        reasons.append(f"{pluralize(back, 'task')} back in the design")
    unfinished = [review for review in found if not review.existing.finished]
    if unfinished:
        reasons.append(f"not finished yet: {pluralize(len(unfinished), 'chunk')}")
    if any(review.existing.lost for review in found):
        lost = sum(review.existing.lost for review in found)
        reasons.append(f"{pluralize(lost, 'manifest')} published anew")
    if context.stopped:
        reasons.append(f"plan {context.number} was stopped")
    return reasons


def run_again(found: ChunkReview, context: PlanContext) -> list[RowCount]:
    """Rows whose missing metric cannot be read again from a kept run directory."""
    if not found.unread or not context.study.task.command:
        return found.unread
    rows, existing = context.rows(found.existing.manifest.chunk), found.existing.manifest
    lacking = {row.digest for row in found.unread}
    active = as_texts(existing.numbers[found.active]).to_pylist()
    ids = [i for i in active if (row := rows.get(i)) is not None and row.digest in lacking]
    return [] if context.run_directories(ids) == len(ids) else found.unread


def _cost(rows: list[RowCount], context: PlanContext) -> str:
    hours = sum(row.seconds for row in rows) * context.study.task.threads / CPU_HOUR
    return f"{pluralize(sum(row.tasks for row in rows), 'task')} ({hours:.2g} CPU-hours)"
