"""A visit: bring one chunk's tables up to its manifest, computing only what is missing."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import cache_from_source
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from snakestudy.errors import Stopped, UserError
from snakestudy.files import sha256_of
from snakestudy.layout import Layout
from snakestudy.messages import pluralize
from snakestudy.running.batch import TaskBatch
from snakestudy.running.context import RunContext
from snakestudy.running.crash_counts import ERROR, CrashCounts
from snakestudy.running.forkserver import ForkServer
from snakestudy.running.pending import pending
from snakestudy.running.result import BatchResult, Result
from snakestudy.running.signals import signals_stop, signals_wait
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import Footer, StepSpec
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.outputs import project
from snakestudy.storage.state import RowCount, State, StepState, limits_of
from snakestudy.tables.row_selection import rows_with

if TYPE_CHECKING:
    from snakestudy.running.collector import Collector


@dataclass(frozen=True)
class Job:
    """The job that a visit runs in.

    Attributes:
        repeats: how often it may still be repeated if this visit fails.
        deadline: asks when it ends, in seconds since the epoch; None if that is not known.
    """

    repeats: int
    deadline: Callable[[], float | None]


@dataclass(frozen=True)
class Visit:
    """One visit of a chunk; `run` does it all.

    Attributes:
        sha256: of the manifest's file, no later than it was read.
        plan: number of the newest one.
        log: where workers print.
    """

    manifest: Manifest
    step: str
    sha256: str
    layout: Layout
    plan: int
    log: BinaryIO
    forks: ForkServer
    job: Job

    @property
    def ordered(self) -> StepSpec:
        """What the manifest says of this step."""
        return self.manifest.spec.steps[self.step]

    @property
    def store(self) -> Store:
        return Store(self.layout.chunk_store(self.manifest.chunk))

    def run(self) -> None:
        """
        Raises:
            UserError, Stopped: if the chunk could not be brought up to its manifest.
        """
        store = self.store
        with store.lock():
            self._set_aside_damaged()
            directory, ordered = store.directory, self.ordered
            crashes = CrashCounts(directory, self.step, ordered.digest, ordered.current_digests)
            crashed = crashes.take_stock()
            self.manifest.save(directory / "manifest.parquet")
            rows = store.last_rows()
            batch = pending(self.manifest, self.step, rows)
            if batch:
                # Should this visit end early, its chunk counts as unfinished and is ordered anew.
                if state := State.load(directory):
                    replace(state, manifest="", links={}).save(directory)
                self._compute(batch, crashes, crashed)
                rows = store.last_rows()
            self._publish(rows)

    def _set_aside_damaged(self) -> None:
        for part in self.store.set_aside_damaged(self.manifest.table["task_id"]):
            text = f"chunk {self.manifest.chunk}: its tasks run again"
            problem = f"a damaged or foreign part of the store is now {part}"
            print(f"{text}; {problem}", file=sys.stderr, flush=True)

    # -- computing --------------------------------------------------------------------------

    def _compute(self, batch: TaskBatch, crashes: CrashCounts, crashed: set[str]) -> None:
        """Run tasks, but for those at which their job died too often: they have failed."""
        from snakestudy.running.collector import Collector  # a visit may have nothing to do

        deadline = self.job.deadline()
        context = RunContext.of(self.manifest, self.step, self.plan, self.layout.runs, deadline)
        failed, batch = _split(batch, crashed)
        pairs = zip(batch.index, batch.tried, strict=True)
        collector = Collector(
            self.manifest,
            context,
            self.layout,
            footer=self._footer(),
            untried={index for index, tried in pairs if not tried},
            total=len(failed) + len(batch),
            may_repeat=self.job.repeats > 0,
        )
        collector.check_files()
        self._forget_bytecode()
        for spec in failed.items():
            attempt = spec.tried + 1
            result = Result(time.time(), attempt=attempt, error=ERROR, digest=spec.digest)
            collector.take(BatchResult.of_failure(spec, result))
        self._run_over_workers(batch, context, collector, crashes)
        if collector.killed:
            text = f"{pluralize(collector.killed, 'task')} killed, perhaps for memory"
            raise Stopped(f"{text}; the job is repeated with more of it")

    def _run_over_workers(
        self, batch: TaskBatch, context: RunContext, collector: Collector, crashes: CrashCounts
    ) -> None:
        """Run tasks; however that ends, what is done is kept.

        Raises:
            Stopped: if some are left.
        """
        from snakestudy.running.pool import Pool

        size = max(1, min(self.manifest.spec.workers, len(batch)))
        with signals_stop():
            pool = Pool(batch, context, self.forks, size, crashes.records, self.log)
            try:
                collector.notes.raise_if_stopped()
                for result in pool.run():
                    collector.take(result)
            finally:
                with signals_wait():
                    pool.close()
                    collector.flush()
                    crashes.records.unlink(missing_ok=True)
        crashes.forget()
        if pool.queue:
            left = f"{len(pool.queue)} of {len(batch)} tasks are left"
            raise Stopped(f"its job's time is over; {left}")

    def _forget_bytecode(self) -> None:
        """Python takes bytecode for current by its source's size and whole seconds of time."""
        for path in self.ordered.files:
            if path.endswith(".py"):
                Path(cache_from_source(path)).unlink(missing_ok=True)

    # -- ending -----------------------------------------------------------------------------

    def _publish(self, rows: pa.Table) -> None:
        """State and outputs, unless there are newer orders. rows: as `Store.last_rows`."""
        published = self.layout.manifest(self.manifest.chunk)
        back_to_now([published])
        if not published.exists() or Manifest.load(published).hash != self.manifest.hash:
            raise Stopped("a newer plan has orders for this chunk; the finished tasks are kept")
        active = self.manifest.of_active().table["task_id"]
        active_rows = rows_with(rows, active)
        if len(active_rows) < len(active):
            raise Stopped(f"{len(active) - len(active_rows)} tasks have no row")
        store, footer = self.store, self._footer()
        part = store.compact(self.manifest, rows, footer)
        step = StepState(limits_of(self.ordered.task), _counted(active_rows))
        state = State(self.manifest.hash, {self.step: step})
        state.save(store.directory)
        names = [*self.ordered.metrics, "metadata"]
        links = project(store, part, names, self.layout, self.manifest, footer)
        replace(state, manifest_sha256=self.sha256, links=links).save(store.directory)

    def _footer(self) -> Footer:
        """Of the parts of the store that this visit writes."""
        spec = self.manifest.spec
        return Footer(
            study=spec.study,
            plan=self.plan,
            chunk=self.manifest.chunk,
            step=self.step,
            digest=self.ordered.digest,
            parameters=tuple(self.manifest.parameters),
            derive=spec.derive,
            defaults=spec.defaults,
        )


def visit(
    manifest_path: Path, step: str, layout: Layout, log: Path, forks: ForkServer, job: Job
) -> None:
    """Visit a chunk; its workers print to the log.

    Raises:
        UserError, Stopped: if the chunk could not be brought up to its manifest.
    """
    sha256 = sha256_of(manifest_path)
    manifest = Manifest.load(manifest_path)
    if manifest.chunk != manifest_path.stem:
        raise UserError(f"is the manifest of chunk {manifest.chunk}", file=str(manifest_path))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        Visit(manifest, step, sha256, layout, layout.newest_plan(), file, forks, job).run()


def _counted(rows: pa.Table) -> tuple[RowCount, ...]:
    """The rows of a chunk's active tasks, as its state counts them."""
    names = ("digest", "status", "attempt", "seconds")
    seconds: defaultdict[tuple, list[float]] = defaultdict(list)
    for *key, took in zip(*(rows[name].to_pylist() for name in names), strict=True):
        seconds[tuple(key)].append(took)
    return tuple(
        RowCount(digest, status, attempt, len(values), fsum(values))
        for (digest, status, attempt), values in sorted(seconds.items())
    )


def _split(batch: TaskBatch, task_ids: set[str]) -> tuple[TaskBatch, TaskBatch]:
    """Some tasks of a batch, and the others."""
    chosen = [place for place, task_id in enumerate(batch.task_id) if task_id in task_ids]
    others = [place for place, task_id in enumerate(batch.task_id) if task_id not in task_ids]
    return batch.take(chosen), batch.take(others) if chosen else batch
