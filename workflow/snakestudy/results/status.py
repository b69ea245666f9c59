"""What is done, what failed, what is running, in words."""

from __future__ import annotations

from snakestudy.layout import Layout
from snakestudy.provenance import git
from snakestudy.provenance.environment import changes_in_words, environment
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.results.current import CurrentStudy
from snakestudy.results.outcome import first_failures, unread_in_words
from snakestudy.results.progress import TaskCounts, count_tasks
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.lock import is_held

_MOST = 6  # changes of the environment named one by one


def describe_status(record: PlanRecord, layout: Layout, current: CurrentStudy) -> str:
    """The state of a study in words, from small files and the parts of unfinished chunks."""
    counts = count_tasks(record, layout, current)
    lines = [f"{record.study}: plan {record.plan} of {record.time}"]
    lines += [f"  {reason}" for reason in record.why]
    lines.append(_counts_in_words(counts))
    lines += _stale_in_words(counts, current)
    before = {**record.environment, "commit": record.commit}
    moved = changes_in_words(before, {**environment(), "commit": git.commit()})
    if moved:
        more = f", and {len(moved) - _MOST} more" if len(moved) > _MOST else ""
        lines.append(f"  changed since that plan: {', '.join(moved[:_MOST])}{more}")
    if counts.unfinished:
        visited = sum(is_held(layout.chunk_store(chunk)) for chunk in counts.unfinished)
        number = len(counts.unfinished)
        lines.append(f"  chunks unfinished: {number}, of which visited now: {visited}")
    if counts.failure:
        steps = record.steps
        ended = [c for c in record.chunks if all(layout.metadata(s, c).exists() for s in steps)]
        lines += first_failures(record, ended, layout)
        lines += unread_in_words(counts, record)
    return "\n".join(lines)


def _counts_in_words(counts: TaskCounts) -> str:
    stale = f"  stale {counts.stale:,}" if counts.stale else ""
    return (
        f"  success {counts.success:,}  failure {counts.failure:,}{stale}  "
        f"pending {counts.pending:,}  of {counts.total:,}"
    )


def _stale_in_words(counts: TaskCounts, current: CurrentStudy) -> list[str]:
    """What changed since stale rows were made, or why that is not known."""
    if current.problem:
        return [f"  what is stale is not known: {current.problem}"]
    if not counts.stale:
        return []
    words: list[str] = []
    for name, step in current.steps.items():
        digests = [RowDigest.parse(text) for own, text in counts.stale_digests if own == name]
        words += [*step.changes_of(digests), *step.metric_changes_of(digests)]
    why = f": {'; '.join(words)}" if words else ""
    return [f"  stale rows are made again by the next snakemake{why}"]
