"""A plan's reasons, in words: what the dry run, the run and `status` print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snakestudy.messages import pluralize
from snakestudy.planning.model import ChunkReview, PlanContext
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.storage.state import RowCount

CPU_HOUR = 3600.0  # seconds
_INPUTS = "input files of single tasks changed"


def change_in_words(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> list[str]:
    """What changed since the rows were made that are stale or have metrics to be read."""
    inputs = [_INPUTS] if any(review.new_inputs for review in reviews.values()) else []
    code = _code_in_words(context, reviews.values())
    return [*code, *inputs, *_metrics_in_words(context, reviews.values())]


def _code_in_words(context: PlanContext, reviews: Iterable[ChunkReview]) -> list[str]:
    """Of failures too, which run again whatever `on_change` says."""
    rows = [row for review in reviews for row in review.stale + review.failed]
    return context.current.changes_of(RowDigest.parse(row.digest) for row in rows)


def _metrics_in_words(context: PlanContext, reviews: Iterable[ChunkReview]) -> list[str]:
    rows = [row for review in reviews for row in review.unread]
    return context.current.metric_changes_of(RowDigest.parse(row.digest) for row in rows)


def reasons_of(
    context: PlanContext, reviews: Mapping[str, ChunkReview], new: int, gone: int
) -> list[str]:
    """What this plan does, in words, with the numbers of tasks.

    Args:
        new: tasks that no chunk has.
        gone: tasks taken out of the design with their whole chunk.
    """
    dropped, back = _moved(context, reviews)
    table = [
        (new, pluralize(new, "new task")),
        *_reruns(context, list(reviews.values())),
        (gone + dropped, f"{pluralize(gone + dropped, 'task')} taken out of the design"),
        (back, f"{pluralize(back, 'task')} back in the design"),
        *_unfinished(list(reviews.values())),
        (context.stopped, f"plan {context.number} was stopped"),
    ]
    return [words for applies, words in table if applies]


def _reruns(context: PlanContext, reviews: list[ChunkReview]) -> list[tuple[int, str]]:
    """What runs or is read again, and why: how many tasks, in words."""
    stale = [row for review in reviews for row in review.stale]
    inputs = [row for review in reviews for row in review.new_inputs]
    lost = [row for review in reviews for row in review.unread_lost]
    kept = [row for review in reviews for row in review.unread if row not in lost]
    read, redone = _tasks(kept), sum(review.redone for review in reviews)
    failed = _tasks([row for review in reviews for row in review.failed])
    code = "; ".join(_code_in_words(context, reviews))
    metrics = "; ".join(_metrics_in_words(context, reviews))
    since = f"{code} since plan {context.number}: "
    known = since if code and not stale else ""
    where = context.study.invocation.get("redo")
    return [
        (len(stale), f"{since}{_cost(context, stale)}"),
        (len(inputs), f"{_INPUTS}: {_cost(context, inputs)}"),
        (len(lost), f"{metrics}: {_cost(context, lost)}"),
        (read, f"{metrics}: {pluralize(read, 'task')} read again from their run directories"),
        (redone, f"redo: {pluralize(redone, 'task')} with {where} run again"),
        (failed, f"{known}{pluralize(failed, 'failed task')} tried again"),
    ]


def _unfinished(reviews: list[ChunkReview]) -> list[tuple[int, str]]:
    unfinished = sum(not review.existing.finished for review in reviews)
    lost = sum(review.existing.lost for review in reviews)
    return [
        (unfinished, f"not finished yet: {pluralize(unfinished, 'chunk')}"),
        (lost, f"{pluralize(lost, 'manifest')} published anew"),
    ]


def _cost(context: PlanContext, rows: list[RowCount]) -> str:
    """How many tasks, what they took, and what becomes of them."""
    hours = sum(row.seconds for row in rows) * context.task.threads / CPU_HOUR
    verb = "kept as they are" if context.study.config["on_change"] == "keep" else "run again"
    return f"{pluralize(_tasks(rows), 'task')} ({hours:.2g} CPU-hours) {verb}"


def _tasks(rows: list[RowCount]) -> int:
    return sum(row.tasks for row in rows)


def _moved(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> tuple[int, int]:
    """Tasks of chunks that stay: taken out of the design, and put back."""
    before = context.record.chunks if context.record else {}
    dropped = back = 0
    for chunk, review in reviews.items():
        was_active = review.existing.manifest.active & (chunk in before)
        dropped += int((was_active & ~review.active).sum())
        back += int((review.active & ~was_active).sum())
    return dropped, back
