"""A visit: bring one chunk's tables up to its manifest, computing only what is missing."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import cache_from_source
from math import fsum
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from snakestudy.errors import Stopped, UserError
from snakestudy.files import read_json, sha256_of, write_json
from snakestudy.layout import Layout, aside
from snakestudy.messages import pluralize
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.running.batch import TaskBatch
from snakestudy.running.buffer import Part
from snakestudy.running.forkserver import ForkServer
from snakestudy.running.pending import pending
from snakestudy.running.process import signals_stop, undisturbed
from snakestudy.running.result import RUNNING_RECORD, Result, alone
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import Footer
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.outputs import project
from snakestudy.storage.state import RowCount, State, StepState, limits_of
from snakestudy.tables.arrow import rows_with

PART_SECONDS = 5.0
PROGRESS_SECONDS = 10.0
_KILLED = {-signal.SIGKILL, 128 + signal.SIGKILL}
_TERMINATED = {-signal.SIGTERM, 128 + signal.SIGTERM}
FIRST = 10  # a plan whose first so many finished tasks all fail is stopped


@dataclass(frozen=True)
class Job:
    """The job that a visit runs in.

    Attributes:
        repeats: how often it may still be repeated if this visit fails.
        deadline: asks when it ends, in seconds since the epoch; None if that is not known.
    """

    repeats: int
    deadline: Callable[[], float | None]


@dataclass
class Visit:
    """One visit of a chunk; `run` does it all.

    Attributes:
        sha256: of the manifest's file, no later than it was read.
    """

    manifest: Manifest
    step: str
    sha256: str
    layout: Layout
    plan: int
    log: BinaryIO
    forks: ForkServer
    job: Job
    killed: int = 0
    finished: int = 0
    failures: int = 0
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.spec = self.manifest.spec
        self.ordered = self.spec.steps[self.step]
        self.store = Store(self.layout.chunk_store(self.manifest.chunk))
        self.wanted = self.ordered.metrics
        self.files = FileHashes.load(self.layout.file_hashes)
        self.part = Part(self.wanted)
        self.told = self.flushed = self.begun
        self.first_known = False
        self.untried: set[int] = set()

    def run(self) -> None:
        """
        Raises:
            UserError, Stopped: if the chunk could not be brought up to its manifest.
        """
        with self.store.lock():
            for part in self.store.set_aside_damaged(self.manifest.table["task_id"]):
                text = f"chunk {self.manifest.chunk}: its tasks run again"
                problem = f"a damaged or foreign part of the store is now {part}"
                print(f"{text}; {problem}", file=sys.stderr, flush=True)
            crashes = self._crash_counts()
            self.manifest.save(self.store.directory / "manifest.parquet")
            rows = self.store.last_rows()
            batch = pending(self.manifest, self.step, rows)
            if batch:
                # Should this visit end early, its chunk counts as unfinished and is ordered anew.
                if state := State.load(self.store.directory):
                    replace(state, manifest="", links={}).save(self.store.directory)
                dead = {task for task, deaths in crashes.items() if deaths >= 2}
                died = [i for i, task in enumerate(batch.task_id) if task in dead] if dead else []
                alive = [i for i, task in enumerate(batch.task_id) if task not in dead]
                self._compute(batch.take(alive) if died else batch, batch.take(died))
                rows = self.store.last_rows()
            self._publish(rows)

    # -- what there is to do ----------------------------------------------------------------

    def _crash_counts(self) -> dict[str, int]:
        """Tasks at which jobs died without a trace, and how often, with the code as it is."""
        file, crash_counts = self.store.directory / "running", self.store.directory / "strikes.json"
        noted, accepts = read_json(crash_counts, {}), self.ordered.current_digests
        counts = Counter(noted["tasks"] if noted.get("digest") in accepts else {})
        try:
            slots = file.read_bytes()
            before = Manifest.load(self.store.directory / "manifest.parquet")
        except (OSError, ValueError, KeyError):
            slots = b""
        for offset in range(0, len(slots) - RUNNING_RECORD.size + 1, RUNNING_RECORD.size):
            index, *_ = RUNNING_RECORD.unpack_from(slots, offset)
            if 0 < index <= len(before.ids) and before.spec.steps[self.step].digest in accepts:
                counts[before.ids[index - 1]] += 1
        write_json(crash_counts, {"digest": self.ordered.digest, "tasks": counts})
        file.unlink(missing_ok=True)
        return dict(counts)

    # -- computing --------------------------------------------------------------------------

    def _compute(self, batch: TaskBatch, died: TaskBatch) -> None:
        """Run tasks. died: those at which their job died twice; they have failed."""
        from snakestudy.running.pool import (
            Pool,  # with all that starts processes: a visit may have nothing to do
        )

        self._check_files()
        self._forget_bytecode()
        self.untried = {i for i, tried in zip(batch.index, batch.tried, strict=True) if not tried}
        error = "its job died twice while this task ran, without a trace"
        for item in died.items():
            result = Result(time.time(), attempt=item.tried + 1, error=error, digest=item.digest)
            self._take(alone(item, result), 0)
        start = {
            "spec": self.spec,
            "step": self.step,
            "parameters": tuple(self.manifest.parameters),
            "study": Path.cwd(),
            "runs": self.layout.runs.absolute(),
            "plan": self.plan,
            "deadline": self.job.deadline(),
        }
        task = self.ordered.task
        limit = task.runtime if task.function else None
        size = max(1, min(self.spec.workers, len(batch)))
        with signals_stop():
            running = self.store.directory / "running"
            pool = Pool(batch, self.forks, size, start, limit, running, self.log)
            try:
                self._stop_if_told()
                for done in pool.run():
                    self._take(done, len(batch))
                left = len(pool.queue)
            finally:
                with undisturbed():
                    pool.close()
                    self._flush()
                    running.unlink(missing_ok=True)
        (self.store.directory / "strikes.json").unlink(missing_ok=True)
        if left:
            raise Stopped(f"its job's time is over; {left} of {len(batch)} tasks are left")
        if self.killed:
            text = f"{pluralize(self.killed, 'task')} killed, perhaps for memory"
            raise Stopped(f"{text}; the job is repeated with more of it")

    def _take(self, done: dict[str, Any], total: int) -> None:
        """Keep what a worker handed over; write a part when it is time."""
        if _TERMINATED & set(done["exit_code"]):
            time.sleep(0.5)  # a job's end is told to all its processes: then Stopped is raised here
        again = self._mark_killed(done)
        self.part.add(done)
        if done["stopped"]:
            self._stop_plan(done["stopped"])
        failed = [error is not None for error in done["error"]]
        self.finished += len(failed)
        self.failures += sum(failed)
        now = time.monotonic()
        if now - self.flushed > PART_SECONDS:
            self._flush()
        if now - self.told > PROGRESS_SECONDS:
            self._tell(total)
        pairs = zip(done["index"], done["error"], strict=True)
        ended = [(index, error) for index, error in pairs if index not in again]
        errors = [error for _, error in ended if error is not None]
        if errors and self.spec.on_failure == "stop":
            self._stop_plan(f"a task failed ({errors[0]}) and on_failure is stop")
        self._count_first([error for index, error in ended if index in self.untried])
        self._stop_if_told()

    def _mark_killed(self, done: dict[str, Any]) -> set[int]:
        """Let tasks killed as for memory run again, if their job is repeated; their indices."""
        if not self.job.repeats or not self.ordered.task.mem_mb:
            return set()
        killed = [at for at, code in enumerate(done["exit_code"]) if code in _KILLED]
        for at in killed:
            done["attempt"][at] -= 1  # so that the next job tries once more
        self.killed += len(killed)
        return {done["index"][at] for at in killed}

    def _flush(self) -> None:
        """Add what was finished to the store, as one part."""
        self.flushed = time.monotonic()
        if not self.part.index:
            return
        self._check_files()
        self.store.add(self.part.tables(self.manifest, self.step, self.plan), self._footer())
        self._clear_directories(self.part.index, self.part.columns["error"])
        self.part = Part(self.wanted)

    def _clear_directories(self, indices: list[int], errors: list[str | None]) -> None:
        """Now that rows are kept: remove earlier run directories, and those not wanted."""
        run_dirs, task = self.spec.run_dirs, self.ordered.task
        if run_dirs == "none" and not (task.command or task.inputs):
            return
        for index, error in zip(indices, errors, strict=True):
            directory = self.layout.run_directory(self.manifest.ids[index])
            if aside(directory).exists():
                shutil.rmtree(aside(directory), ignore_errors=True)
            if run_dirs == "none" or (run_dirs == "failed" and error is None):
                shutil.rmtree(directory, ignore_errors=True)

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
        own = rows_with(rows, active)
        if len(own) < len(active):
            raise Stopped(f"{len(active) - len(own)} tasks have no row")
        footer = self._footer()
        part = self.store.compact(self.manifest, rows, footer)
        step = StepState(limits_of(self.ordered.task), _counted(own))
        state = State(self.manifest.hash, {self.step: step})
        state.save(self.store.directory)
        names = [*self.wanted, "metadata"]
        links = project(self.store, part, names, self.layout, self.manifest, footer)
        replace(state, manifest_sha256=self.sha256, links=links).save(self.store.directory)

    def _footer(self) -> Footer:
        return Footer(
            study=self.spec.study,
            plan=self.plan,
            chunk=self.manifest.chunk,
            step=self.step,
            digest=self.ordered.digest,
            parameters=tuple(self.manifest.parameters),
            derive=self.spec.derive,
            defaults=self.spec.defaults,
        )

    def _check_files(self) -> None:
        """End if code or inputs were edited since the plan: rows would tell of another study."""
        for path, sha in self.ordered.files.items():
            try:
                same = self.files.sha256(path) == sha
            except OSError:
                same = False
            if not same:
                self.part = Part(self.wanted)
                raise Stopped(f"{path} changed since the plan; run snakemake again")

    def _count_first(self, errors: Sequence[str | None]) -> None:
        """Note how a plan's first tasks end, repeated ones aside; stop it if they all fail."""
        if not errors or self.first_known:
            return
        file = self.layout.store / f"first.{self.plan}"
        with file.open("ab") as notes:
            notes.write(bytes(error is not None for error in errors[:FIRST]))
        first = file.read_bytes()[:FIRST]
        self.first_known = len(first) == FIRST or 0 in first
        if first == bytes([1]) * FIRST:
            error = next(error for error in errors if error)
            self._stop_plan(f"its first {FIRST} finished tasks all failed, the last with: {error}")

    def _stop_plan(self, why: str) -> None:
        (self.layout.store / f"stopped.{self.plan}").write_text(why)

    def _stop_if_told(self) -> None:
        stop = self.layout.store / f"stopped.{self.plan}"
        if stop.exists():
            raise Stopped(f"plan {self.plan} is stopped: {stop.read_text()}")

    def _tell(self, total: int) -> None:
        self.told = time.monotonic()
        left = (self.told - self.begun) / self.finished * (total - self.finished)
        failed = f", {self.failures} failed" if self.failures else ""
        minutes = f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"
        text = f"chunk {self.manifest.chunk}: {self.finished} of {total} tasks{failed}, {minutes}"
        print(text, file=sys.stderr, flush=True)


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
    return tuple(RowCount(*key, len(own), fsum(own)) for key, own in sorted(seconds.items()))
