"""How the tasks of a study stand: counted by status, and one by one; by the one rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.provenance.row_digest import RowDigest, needs_run, status_of
from snakestudy.results.current import CurrentStudy
from snakestudy.storage.documents import ChunkEntry, PlanRecord
from snakestudy.storage.state import RowCount, State

if TYPE_CHECKING:
    from snakestudy.storage.task_rows import TaskRow


@dataclass(frozen=True)
class TaskCounts:
    """Active tasks by status.

    Attributes:
        given_up: those of `failure` that no plan tries again by itself.
        seconds: that tasks with a row took.
        unfinished: chunks that a visit has still to bring up to their manifest.
        stale_digests: of the rows of `stale`, with the step of each.
        unread: metric -> those of `failure` that ended well, and left nothing that it is read from.
    """

    success: int
    failure: int
    stale: int
    pending: int
    given_up: int
    seconds: float
    unfinished: tuple[str, ...]
    stale_digests: frozenset[tuple[str, str]] = frozenset()
    unread: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.success + self.failure + self.stale + self.pending


def count_tasks(record: PlanRecord, layout: Layout, current: CurrentStudy) -> TaskCounts:
    """Tasks by status: from the states of finished chunks, and the stores of the others."""
    counts: Counter[str] = Counter()
    given_up, seconds, unfinished = 0, 0.0, []
    stale: set[tuple[str, str]] = set()
    unread: Counter[str] = Counter()
    tries = {step.name: 1 + step.task.retries for step in record.configured_steps}
    most = {name: record.config["give_up"] * number for name, number in tries.items()}
    for chunk, entry in record.chunks.items():
        state = finished_state(layout, chunk, entry)
        if state is None:
            unfinished.append(chunk)
            rows = _rows_of_store(layout, chunk, current)
        else:
            rows = _rows_of_state(state, entry, current)
        for step, row, status in rows:
            counts[status] += row.tasks
            seconds += row.seconds
            if status == "stale":
                stale.add((step, row.digest))
            if status == "failure":
                given_up += row.tasks * (row.attempt >= most[step])
                unread.update(dict.fromkeys(_unread_files(row), row.tasks))
    known = counts["success"], counts["failure"], counts["stale"]
    pending = sum(entry.tasks for entry in record.chunks.values()) - sum(known)
    chunks, digests = tuple(unfinished), frozenset(stale)
    return TaskCounts(*known, max(pending, 0), given_up, seconds, chunks, digests, unread)


def _unread_files(row: RowCount) -> list[str]:
    """The metrics that could not be read from files of tasks that ended well."""
    return [name for name, how in RowDigest.parse(row.digest).unread.items() if how]


def finished_state(layout: Layout, chunk: str, entry: ChunkEntry) -> State | None:
    """A chunk's state, if its last visit brought it up to the manifest that a record names."""
    state = State.load(layout.chunk_store(chunk))
    return state if state is not None and state.manifest == entry.manifest else None


def all_succeeded(state: State, entry: ChunkEntry, current: CurrentStudy) -> bool:
    """Whether all tasks of a finished chunk succeeded and none has to run again."""
    return all(status == "success" for _, _, status in _rows_of_state(state, entry, current))


def task_statuses(
    layout: Layout, chunk: str, current: CurrentStudy
) -> Iterator[tuple[str, TaskRow | None, str]]:
    """Every active task of a chunk: task_id, its last row, its status; reads the store."""
    from snakestudy.storage.chunk_store import Store
    from snakestudy.storage.manifest import Manifest
    from snakestudy.storage.row_reasons import row_reasons
    from snakestudy.storage.task_rows import as_rows

    manifest = Manifest.of(layout, chunk)
    if manifest is None:
        return
    manifest = manifest.of_active()
    last_rows = Store(layout.chunk_store(chunk)).last_rows()
    spec = current.spec(ONLY_STEP, manifest.spec)
    reasons = row_reasons(manifest, ONLY_STEP, last_rows, spec)
    rows = as_rows(last_rows)
    for task_id, reason in zip(manifest.ids, reasons, strict=True):
        row = rows.get(task_id)
        yield task_id, row, status_of(row, reason)


def _rows_of_state(
    state: State, entry: ChunkEntry, current: CurrentStudy
) -> Iterator[tuple[str, RowCount, str]]:
    """Step, rows that are alike, their status."""
    for name, step in state.steps.items():
        spec = current.spec(name, entry)
        for row in step.rows:
            yield name, row, status_of(row, needs_run(row, spec, max_attempt=inf))


def _rows_of_store(
    layout: Layout, chunk: str, current: CurrentStudy
) -> Iterator[tuple[str, RowCount, str]]:
    """As `_rows_of_state`, of a chunk that was not finished; nothing of tasks without a row."""
    if not (layout.chunk_store(chunk) / "parts").exists():
        return
    for _, row, status in task_statuses(layout, chunk, current):
        if row is not None:
            alike = RowCount(row.digest, row.status, row.attempt, 1, row.seconds)
            yield ONLY_STEP, alike, status
