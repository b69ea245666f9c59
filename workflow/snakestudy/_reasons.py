"""A plan's reasons, in words: what the dry run, the run and `status` print."""

from __future__ import annotations

from collections.abc import Mapping

from ._errors import counted
from ._ids import as_texts
from ._situation import Review, Situation
from ._state import Rows

CPU_HOUR = 3600.0  # seconds


def change_in_words(now: Situation, reviews: Mapping[str, Review]) -> list[str]:
    """What changed since the rows were made that are stale or have metrics to be read."""
    inputs = any(found.new_inputs for found in reviews.values())
    own = ["input files of single tasks changed"] if inputs else []
    return [*_stale_in_words(now, reviews), *own, *_unread_in_words(now, reviews)]


def _stale_in_words(now: Situation, reviews: Mapping[str, Review]) -> list[str]:
    """Of failures too, which run again whatever `on_change` says."""
    digests = {row.made_by for found in reviews.values() for row in found.stale + found.failed}
    return sorted({word for digest in digests for word in now.changed(digest)})


def _unread_in_words(now: Situation, reviews: Mapping[str, Review]) -> list[str]:
    rows = [row for found in reviews.values() for row in found.unread]
    wanted = now.science.metrics.items()
    names = {name for row in rows for name, how in wanted if row.metrics().get(name) != how}
    return [f"metric {name} is new or read in another way" for name in sorted(names)]


def reasons_of(now: Situation, reviews: Mapping[str, Review], new: int, gone: int) -> list[str]:
    """What this plan does, in words, with the numbers of tasks.

    Args:
        new: tasks that no chunk has.
        gone: tasks taken out of the design with their whole chunk.
    """
    found, back = list(reviews.values()), 0
    reasons = [counted(new, "new task")] if new else []
    verb = "kept as they are" if now.study.config["on_change"] == "keep" else "run again"
    stale = [row for review in found for row in review.stale]
    words = "; ".join(_stale_in_words(now, reviews))
    if stale:
        reasons.append(f"{words} since plan {now.number}: {_cost(stale, now)} {verb}")
    inputs = [row for review in found for row in review.new_inputs]
    if inputs:
        reasons.append(f"input files of single tasks changed: {_cost(inputs, now)} {verb}")
    changed = f"{words} since plan {now.number}: " if words and not stale else ""
    words = "; ".join(_unread_in_words(now, reviews))
    again = [row for review in found for row in review.again]
    if again:
        reasons.append(f"{words}: {_cost(again, now)} {verb}")
    unread = [row for review in found for row in review.unread if row not in again]
    if unread:
        count = sum(row.tasks for row in unread)
        reasons.append(f"{words}: {counted(count, 'task')} read again from their run directories")
    redone = sum(review.redone for review in found)
    if redone:
        where = now.study.invocation["redo"]
        reasons.append(f"redo: {counted(redone, 'task')} with {where} run again")
    failed = sum(row.tasks for review in found for row in review.failed)
    if failed:
        reasons.append(f"{changed}{counted(failed, 'failed task')} tried again")
    before = now.record["chunks"] if now.record else {}
    for chunk, review in reviews.items():
        was = review.past.manifest.active & (chunk in before)
        gone += int((was & ~review.active).sum())
        back += int((review.active & ~was).sum())
    if gone:
        reasons.append(f"{counted(gone, 'task')} taken out of the design")
    if back:
        reasons.append(f"{counted(back, 'task')} back in the design")
    unfinished = [review for review in found if not review.past.finished]
    if unfinished:
        reasons.append(f"not finished yet: {counted(len(unfinished), 'chunk')}")
    if any(review.past.lost for review in found):
        lost = sum(review.past.lost for review in found)
        reasons.append(f"{counted(lost, 'manifest')} published anew")
    if now.stopped:
        reasons.append(f"plan {now.number} was stopped")
    return reasons


def run_again(found: Review, now: Situation) -> list[Rows]:
    """Rows whose missing metric cannot be read again from a kept run directory."""
    if not found.unread or not now.study.task.command:
        return found.unread
    rows, past = now.rows(found.past.manifest.chunk), found.past.manifest
    lacking = {row.digest for row in found.unread}
    active = as_texts(past.numbers[found.active]).to_pylist()
    ids = [i for i in active if (row := rows.get(i)) is not None and row.digest in lacking]
    return [] if now.run_directories(ids) == len(ids) else found.unread


def _cost(rows: list[Rows], now: Situation) -> str:
    hours = sum(row.seconds for row in rows) * now.study.task.threads / CPU_HOUR
    return f"{counted(sum(row.tasks for row in rows), 'task')} ({hours:.2g} CPU-hours)"
