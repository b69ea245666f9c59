"""What workers hand over is kept: in parts of the store, in counts, in notes for other visits."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import replace

from snakestudy.errors import Stopped
from snakestudy.layout import Layout, aside
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.running.buffer import ResultBuffer
from snakestudy.running.context import RunContext
from snakestudy.running.plan_notes import PlanNotes
from snakestudy.running.progress import Progress
from snakestudy.running.result import BatchResult
from snakestudy.storage.chunk_store import Batches, Store
from snakestudy.storage.documents import Footer
from snakestudy.storage.manifest import Manifest

PART_SECONDS = 5.0
PART_BYTES = 64_000_000
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)


class Collector:
    """Keeps what comes of a visit's tasks.

    Args:
        footer: of the parts that are written.
        untried: indices of tasks that never ran so far; total: how many will run.
        may_repeat: whether the job is repeated, with more memory, if this visit fails.

    Attributes:
        notes: of the plan.
        killed: how many tasks were killed as for memory, and wait for the repeated job.
    """

    def __init__(
        self,
        manifest: Manifest,
        context: RunContext,
        layout: Layout,
        footer: Footer,
        untried: set[int],
        total: int,
        may_repeat: bool,
    ) -> None:
        self.notes = PlanNotes(layout, context.plan)
        self.killed = 0
        self._manifest, self._context = manifest, context
        self._store = Store(layout.chunk_store(manifest.chunk))
        self._footer = footer
        self._untried = untried
        self._may_repeat = may_repeat and bool(context.task.mem_mb)
        self._stops_at_failure = manifest.spec.on_failure == "stop"
        self._progress = Progress(manifest.chunk, total)
        self._files = FileHashes.load(layout.file_hashes)
        self._buffer = self._empty_buffer()
        self._flushed = time.monotonic()

    def _empty_buffer(self) -> ResultBuffer:
        return ResultBuffer(self._manifest.spec.steps[self._context.step].metrics)

    def take(self, result: BatchResult) -> None:
        """Keep what a worker handed over; write a part when it is time.

        Raises:
            Stopped: if the plan is to be stopped, or code was edited.
        """
        result, repeated = self._without_killed(result)
        self._buffer.add(result)
        if result.stopped:
            self.notes.stop(result.stopped)
        self._progress.count(len(result.index), sum(error is not None for error in result.error))
        is_long_ago = time.monotonic() - self._flushed > PART_SECONDS
        if is_long_ago or self._buffer.bytes > PART_BYTES:
            self.flush(is_last=False)
        pairs = zip(result.index, result.error, strict=True)
        ended = {index: error for index, error in pairs if index not in repeated}
        errors = [error for error in ended.values() if error is not None]
        if errors and self._stops_at_failure:
            self.notes.stop(f"a task failed ({errors[0]}) and on_failure is stop")
        self.notes.count_first(ended[index] for index in ended if index in self._untried)
        self.notes.raise_if_stopped()

    def _without_killed(self, result: BatchResult) -> tuple[BatchResult, set[int]]:
        """Take back the try of tasks killed as for memory, if their job is repeated; which."""
        places = result.with_exit_code(KILLED) if self._may_repeat else []
        if not places:
            return result, set()
        self.killed += len(places)
        attempt = list(result.attempt)
        for place in places:
            # So that the next job tries once more; a try that continues others has their number.
            attempt[place] = 0 if self._context.continues else attempt[place] - 1
        return replace(result, attempt=attempt), {result.index[place] for place in places}

    def flush(self, *, is_last: bool = True) -> None:
        """Add what was finished to the store, as one part.

        Args:
            is_last: whether no other part comes in this visit.

        Raises:
            Stopped: if code or inputs were edited meanwhile.
        """
        self._flushed = time.monotonic()
        if not self._buffer:
            return
        self.check_files()
        tables = self._buffer.tables(self._manifest, self._context.step, self._context.plan)
        batches = {name: Batches.of(table) for name, table in tables.items()}
        self._store.add(batches, self._footer, is_passing=not is_last)
        self._clear_directories(self._buffer.index, self._buffer.columns["error"])
        self._buffer = self._empty_buffer()

    def check_files(self) -> None:
        """End if code or inputs were edited since the plan: rows would tell of another study.

        Raises:
            Stopped: also if they were edited and are the same again: what tasks ran is not known.
        """
        for path, sha256 in self._context.files.items():
            try:
                is_same = self._files.sha256(path) == sha256
            except OSError:
                is_same = False
            if is_same and not (self._files.was_touched(path) and self.notes.tells(path)):
                continue
            self._buffer = self._empty_buffer()
            how = "was written to while tasks ran" if is_same else "changed since the plan"
            raise Stopped(f"{path} {how}; run snakemake again")

    def _clear_directories(self, indices: list[int], errors: list[str | None]) -> None:
        """Now that rows are kept: remove earlier run directories, and those not wanted."""
        if not self._context.has_directory:
            return
        run_dirs = self._context.run_dirs
        for index, error in zip(indices, errors, strict=True):
            directory = self._context.run_directory(self._manifest.ids[index])
            if aside(directory).exists():
                shutil.rmtree(aside(directory), ignore_errors=True)
            if run_dirs == "none" or (run_dirs == "failed" and error is None):
                shutil.rmtree(directory, ignore_errors=True)
