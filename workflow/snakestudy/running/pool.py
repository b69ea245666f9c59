"""Worker processes over the tasks of a visit; a task that kills its worker is its own loss."""

from __future__ import annotations

import mmap
import os
import pickle
import select
import shutil
import signal
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BufferedRWPair
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

from snakestudy.errors import Stopped, UserError
from snakestudy.running.batch import TaskBatch
from snakestudy.running.context import RunContext
from snakestudy.running.forkserver import ForkServer
from snakestudy.running.process import how_it_ended, kill_tree
from snakestudy.running.result import RUNNING_RECORD, BatchResult, Result
from snakestudy.running.run_directory import note_end, note_killed

_BATCH_SECONDS = 0.1
_LARGEST_BATCH = 20_000
_MOST_IDLE_DEATHS = 5
_LOOK_SECONDS = 0.1  # how often it is seen whether a task runs too long
_TERMINATED = (-signal.SIGTERM, 128 + signal.SIGTERM)
# A job's end is told to all its processes, to tasks perhaps before this one. So long are deaths
# by that signal no news; then they are the tasks' own failures.
_HOLD_SECONDS = 1.0


@dataclass
class _Worker:
    pid: int
    socket: socket.socket
    channel: BufferedRWPair
    lifeline: int
    record_offset: int
    batch: list[int] = field(default_factory=list)  # positions in the pool's batch
    given: float = 0.0
    is_late: bool = False


class Pool:
    """Runs tasks over `size` workers.

    Args:
        batch: the tasks; context: what they have in common.
        forks: starts the workers.
        records: a file to be, that tells which tasks are running (`RUNNING_RECORD`).
        log: where workers print.

    Attributes:
        queue: positions in the batch of tasks that were not done yet, nor given to a worker.
    """

    def __init__(
        self,
        batch: TaskBatch,
        context: RunContext,
        forks: ForkServer,
        size: int,
        records: Path,
        log: BinaryIO,
    ) -> None:
        self.queue = deque(range(len(batch)))
        self._batch, self._context, self._forks, self._log = batch, context, forks, log
        # Seconds a function may run before its worker is killed; commands are limited there.
        self._limit = context.task.runtime if context.task.function else None
        self._scratch = Path(tempfile.mkdtemp(prefix="snakestudy-"))  # functions run below it
        records.write_bytes(bytes(RUNNING_RECORD.size * size))
        self._records_file = records.open("r+b")
        self._records = mmap.mmap(self._records_file.fileno(), 0)
        self._workers = [self._spawn(place * RUNNING_RECORD.size) for place in range(size)]
        self._tries: dict[int, int] = {}  # of tasks that killed their workers, by position
        self._held: deque[tuple[float, BatchResult]] = deque()  # with the time until which
        self._idle_deaths = 0
        self._task_seconds = 0.0  # as last seen
        self._is_over = False  # the job is about to end: no task is started any more

    def run(self) -> Iterator[BatchResult]:
        """Yield what workers hand over until all tasks are done.

        Should the job end before, some are left in the queue.
        """
        while self._is_unfinished():
            for worker in self._workers:
                self._give(worker)
            for worker in self._heard():
                result = self._receive(worker)
                if result and result.with_exit_code(_TERMINATED):
                    self._held.append((time.monotonic() + _HOLD_SECONDS, result))
                elif result:
                    yield result
            while self._held and self._held[0][0] <= time.monotonic():
                yield self._held.popleft()[1]
            self._kill_the_late()

    def close(self) -> None:
        """End all workers and what they run."""
        for worker in self._workers:
            os.close(worker.lifeline)
            if worker.batch:
                kill_tree(worker.pid)
                self._note_end(worker)
            _hang_up(worker)
        for worker in self._workers:
            with suppress(Stopped):
                self._forks.wait(worker.pid, seconds=5)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._records.close()
        self._records_file.close()

    def _note_end(self, worker: _Worker) -> None:
        """For a task that goes on another time, what it took so far."""
        index, _, _ = self._running(worker)
        if index is not None and self._context.continues:
            task_id = self._batch.task_id[self._batch.index.index(index)]
            note_end(self._context.run_directory(task_id))

    def _is_unfinished(self) -> bool:
        is_left = self.queue and not self._is_over
        return bool(is_left or self._held or any(worker.batch for worker in self._workers))

    def _heard(self) -> list[_Worker]:
        """The workers that have something to say; none if there is something else to do."""
        busy = {worker.socket.fileno(): worker for worker in self._workers if worker.batch}
        poll = select.poll()
        for descriptor in busy:
            poll.register(descriptor, select.POLLIN)
        seconds = [_LOOK_SECONDS] if self._limit else []
        if self._held:
            seconds.append(max(0.0, self._held[0][0] - time.monotonic()))
        heard = poll.poll(ceil(1000 * min(seconds)) if seconds else None)
        return [busy[descriptor] for descriptor, _ in heard]

    def _receive(self, worker: _Worker) -> BatchResult | None:
        """What a worker hands over, or what is known of its end."""
        try:
            result: BatchResult = pickle.load(worker.channel)
        except (EOFError, ConnectionResetError, pickle.UnpicklingError):
            return self._replace(worker)
        count = len(result.index)
        self.queue.extendleft(reversed(worker.batch[count:]))
        self._task_seconds = (time.monotonic() - worker.given) / max(count, 1)
        worker.batch = []
        self._is_over |= result.is_late
        if not any(result.error):  # a failure may stop the plan
            self._give(worker)
        return result

    def _spawn(self, record_offset: int) -> _Worker:
        ours, theirs = socket.socketpair()
        read_end, lifeline = os.pipe()
        taken = (self._log.fileno(), theirs.fileno(), read_end, self._records_file.fileno())
        pid = self._forks.start(record_offset, taken)
        theirs.close()
        os.close(read_end)
        worker = _Worker(pid, ours, ours.makefile("rwb"), lifeline, record_offset)
        _send(worker, (self._context, self._scratch / str(record_offset)))
        return worker

    def _give(self, worker: _Worker) -> None:
        queue = self.queue
        if worker.batch or not queue or self._is_over:
            return
        fair = ceil(len(queue) / (2 * len(self._workers)))
        wanted = int(_BATCH_SECONDS / self._task_seconds) if self._task_seconds else 1
        count = max(1, min(wanted, fair, _LARGEST_BATCH))
        worker.batch = [queue.popleft() for _ in range(count)]
        worker.given, worker.is_late = time.monotonic(), False
        _send(worker, self._tasks_at(worker.batch))

    def _tasks_at(self, positions: list[int]) -> TaskBatch:
        batch, tries = self._batch.take(positions), self._tries
        if tries:
            pairs = zip(positions, batch.tried, strict=True)
            return replace(batch, tried=[tries.get(place, tried) for place, tried in pairs])
        return batch

    def _running(self, worker: _Worker) -> tuple[int | None, float, int]:
        """The index of the task a worker is at, when this try began, and which one it is."""
        index, began, attempt = RUNNING_RECORD.unpack_from(self._records, worker.record_offset)
        return (index - 1 if index else None), began, attempt

    def _kill_the_late(self) -> None:
        if not self._limit:
            return
        for worker in self._workers:
            index, began, _ = self._running(worker)
            if worker.batch and index is not None and time.monotonic() - began > self._limit:
                worker.is_late = True
                kill_tree(worker.pid)

    def _replace(self, worker: _Worker) -> BatchResult | None:
        """Put a new worker in the place of a dead one; the task it was at has failed.

        Returns:
            That failure; None if there was no such task, or it may be tried again.
        """
        index, began, attempt = self._running(worker)
        exit_code = self._forks.wait(worker.pid)
        self._note_end(worker)
        os.close(worker.lifeline)
        _hang_up(worker)
        RUNNING_RECORD.pack_into(self._records, worker.record_offset, 0, 0.0, 0)
        self._workers[self._workers.index(worker)] = self._spawn(worker.record_offset)
        indices = self._batch.index
        self.queue.extendleft(p for p in reversed(worker.batch) if indices[p] != index)
        culprits = [place for place in worker.batch if indices[place] == index]
        if not culprits:  # it was between two tasks; killed from outside, as far as one can see
            self._count_idle_death(exit_code)
            return None
        if attempt < self._batch.attempts[culprits[0]]:
            self._tries[culprits[0]] = attempt
            self.queue.appendleft(culprits[0])
            return None
        error = f"its process ended: {how_it_ended(exit_code)}"
        if worker.is_late:
            error = f"ran longer than its runtime of {self._limit:g} s"
        (spec,) = self._batch.take(culprits).items()
        took = time.monotonic() - began
        result = Result(time.time() - took, took, attempt, exit_code, error, digest=spec.digest)
        note_killed(self._context, spec, result)
        return BatchResult.of_failure(spec, result)

    def _count_idle_death(self, exit_code: int) -> None:
        self._idle_deaths += 1
        if self._idle_deaths > _MOST_IDLE_DEATHS:
            how = how_it_ended(exit_code)
            raise UserError(f"workers keep ending before their first task ({how}); see the log")


def _send(worker: _Worker, value: Any) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it died; its channel's end will tell
        pickle.dump(value, worker.channel)
        worker.channel.flush()


def _hang_up(worker: _Worker) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # what was not sent yet
        worker.channel.close()
    worker.socket.close()
