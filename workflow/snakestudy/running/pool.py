"""Worker processes over the tasks of a visit; a task that kills its worker is its own loss."""

from __future__ import annotations

import mmap
import os
import pickle
import select
import shutil
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

from snakestudy.errors import Stopped, UserError
from snakestudy.running import process
from snakestudy.running.batch import TaskBatch
from snakestudy.running.forkserver import ForkServer
from snakestudy.running.result import RUNNING_RECORD, Result, alone

BATCH_SECONDS = 0.1
LARGEST_BATCH = 20_000
MOST_IDLE_DEATHS = 5


@dataclass
class _Worker:
    pid: int
    socket: socket.socket
    channel: BinaryIO
    lifeline: int
    offset: int
    batch: list[int] = field(default_factory=list)  # positions in `Pool.todo`
    given: float = 0.0
    late: bool = False


class Pool:
    """Runs tasks over `size` workers.

    Args:
        todo: the tasks.
        forks: starts the workers.
        start: what each worker's `Runner` is made of.
        limit: seconds a task may run before its worker is killed; None for commands,
            which their worker limits itself.
        slots: a file, at least `size` slots long, that tells which tasks are running.
        log: where workers print.
    """

    def __init__(
        self,
        batch: TaskBatch,
        forks: ForkServer,
        size: int,
        start: Mapping[str, Any],
        limit: float | None,
        slots: Path,
        log: BinaryIO,
    ) -> None:
        self.batch, self.forks, self.start, self.limit, self.log = batch, forks, start, limit, log
        self.queue = deque(range(len(batch)))
        self.scratch = Path(tempfile.mkdtemp(prefix="snakestudy-"))  # functions run below it
        slots.write_bytes(bytes(RUNNING_RECORD.size * size))
        self.slot_file = slots.open("r+b")
        self.slots = mmap.mmap(self.slot_file.fileno(), 0)
        self.workers = [self._spawn(number * RUNNING_RECORD.size) for number in range(size)]
        self.idle_deaths = 0
        self.pace = 0.0  # seconds a task, as last seen
        self.over = False  # the job is about to end: no task is started any more

    def run(self) -> Iterator[dict[str, Any]]:
        """Yield what workers hand over (see `BatchResult`) until all tasks are done.

        Should the job end before, some are left in the queue.
        """
        while (self.queue and not self.over) or any(worker.batch for worker in self.workers):
            for worker in self.workers:
                self._give(worker)
            busy = {worker.socket.fileno(): worker for worker in self.workers if worker.batch}
            poll = select.poll()
            for descriptor in busy:
                poll.register(descriptor, select.POLLIN)
            for descriptor, _ in poll.poll(100 if self.limit else None):
                worker = busy[descriptor]
                try:
                    done = pickle.load(worker.channel)
                except (EOFError, ConnectionResetError, pickle.UnpicklingError):
                    done = self._died(worker)
                else:
                    count = len(done["index"])
                    self.queue.extendleft(reversed(worker.batch[count:]))
                    self.pace = (time.monotonic() - worker.given) / max(count, 1)
                    worker.batch = []
                    self.over |= done["late"]
                    if not any(done["error"]):  # a failure may stop the plan
                        self._give(worker)
                if done:
                    yield done
            self._end_the_late()

    def close(self) -> None:
        """End all workers and what they run."""
        for worker in self.workers:
            os.close(worker.lifeline)
            if worker.batch:
                process.kill_tree(worker.pid)
            _hang_up(worker)
        for worker in self.workers:
            with suppress(Stopped):
                self.forks.wait(worker.pid, seconds=5)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.slots.close()
        self.slot_file.close()

    def _spawn(self, offset: int) -> _Worker:
        ours, theirs = socket.socketpair()
        read_end, lifeline = os.pipe()
        own = (theirs.fileno(), read_end, self.slot_file.fileno())
        pid = self.forks.start(offset, [self.log.fileno(), *own])
        theirs.close()
        os.close(read_end)
        worker = _Worker(pid, ours, ours.makefile("rwb"), lifeline, offset)
        _send(worker, {**self.start, "scratch": self.scratch / str(offset)})
        return worker

    def _give(self, worker: _Worker) -> None:
        queue = self.queue
        if worker.batch or not queue or self.over:
            return
        fair = ceil(len(queue) / (2 * len(self.workers)))
        wanted = int(BATCH_SECONDS / self.pace) if self.pace else 1
        count = max(1, min(wanted, fair, LARGEST_BATCH))
        worker.batch = [queue.popleft() for _ in range(count)]
        worker.given, worker.late = time.monotonic(), False
        _send(worker, self.batch.take(worker.batch))

    def _running(self, worker: _Worker) -> tuple[int | None, float, int]:
        """The index of the task a worker is at, when this try began, and which one it is."""
        index, began, attempt = RUNNING_RECORD.unpack_from(self.slots, worker.offset)
        return (index - 1 if index else None), began, attempt

    def _end_the_late(self) -> None:
        if not self.limit:
            return
        for worker in self.workers:
            index, began, _ = self._running(worker)
            if worker.batch and index is not None and time.monotonic() - began > self.limit:
                worker.late = True
                process.kill_tree(worker.pid)

    def _died(self, worker: _Worker) -> dict[str, Any] | None:
        """Replace a dead worker; the task it was at has failed, the others go on."""
        index, began, tried = self._running(worker)
        exit_code = self.forks.wait(worker.pid)
        os.close(worker.lifeline)
        _hang_up(worker)
        batch, queue = self.batch, self.queue
        rest = [position for position in worker.batch if batch.index[position] != index]
        culprits = [position for position in worker.batch if batch.index[position] == index]
        RUNNING_RECORD.pack_into(self.slots, worker.offset, 0, 0.0, 0)
        self.workers[self.workers.index(worker)] = self._spawn(worker.offset)
        queue.extendleft(reversed(rest))
        if not culprits:  # it was between two tasks; killed from outside, as far as one can see
            self.idle_deaths += 1
            if self.idle_deaths > MOST_IDLE_DEATHS:
                how = process.how_it_ended(exit_code)
                raise UserError(f"workers keep ending before their first task ({how}); see the log")
            return None
        if tried < batch.attempts[culprits[0]]:
            batch.tried[culprits[0]] = tried
            queue.appendleft(culprits[0])
            return None
        error = f"its process ended: {process.how_it_ended(exit_code)}"
        if worker.late:
            error = f"ran longer than its runtime of {self.limit:g} s"
        took = time.monotonic() - began
        (item,) = batch.take(culprits).items()
        result = Result(time.time() - took, took, tried, exit_code, error, digest=item.digest)
        return alone(item, result)


def _send(worker: _Worker, value: Any) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it died; its channel's end will tell
        pickle.dump(value, worker.channel)
        worker.channel.flush()


def _hang_up(worker: _Worker) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # what was not sent yet
        worker.channel.close()
    worker.socket.close()
