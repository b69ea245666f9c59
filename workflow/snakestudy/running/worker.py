"""A worker process: runs tasks one after another and hands their rows to the visit.

A process of its own (see `forkserver`), so that what a task does to it (a crash, a closed
stdout, a changed directory) is its own affair.
"""

from __future__ import annotations

import mmap
import os
import pickle
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from snakestudy.errors import OutOfTime, Stopped
from snakestudy.running import process
from snakestudy.running.result import RUNNING_RECORD, BatchResult, Result, fields_of
from snakestudy.running.row_buffer import RowBuffer
from snakestudy.running.run_directory import note_end
from snakestudy.running.runner import Runner
from snakestudy.running.scratch import Scratch
from snakestudy.running.streams import keep_descriptors

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskBatch, TaskSpec

# A worker hands over what it has, and gives back the rest, after so many seconds or bytes.
_SLICE = 0.5
_MOST_BYTES = 16_000_000


def main(channel_fd: int, lifeline_fd: int, records_fd: int, record_offset: int) -> None:
    """Run the batches that come, until there are no more (EOFError)."""
    for descriptor in (channel_fd, lifeline_fd, records_fd):
        os.set_inheritable(descriptor, False)  # no task's business
    channel = socket.socket(fileno=channel_fd).makefile("rwb")
    record = RunningRecord(records_fd, record_offset)
    context, scratch_path = pickle.load(channel)
    ending = (lifeline_fd, record, scratch_path.parent)
    threading.Thread(target=_die_with_the_visit, args=ending, daemon=True).start()
    scratch = Scratch(scratch_path)
    if context.task.isolation == "process":
        from snakestudy.running.isolated import IsolatedRunner

        file = scratch_path.with_suffix(".result").open("w+b")
        runner: Runner = IsolatedRunner(
            context, scratch, file, lambda: _begin_fork(lifeline_fd, record)
        )
    else:
        runner = Runner(context, scratch)
    os.environ.update(runner.environment)
    keep_descriptors()
    _let_the_visit_decide()
    os.register_at_fork(after_in_child=_forked)
    if context.deadline:
        left = context.deadline - context.task.grace - time.time()
        timer = threading.Timer(max(0.0, left), _tell_in_time, [runner])
        timer.daemon = True
        timer.start()
    while batch := pickle.load(channel):
        pickle.dump(run_slice(runner, batch, scratch, record), channel)
        channel.flush()


def _let_the_visit_decide() -> None:
    """SIGTERM is sent to all processes of a job that ends. Functions may have handlers of it."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)


def _begin_fork(lifeline: int, record: RunningRecord) -> None:
    """Make a worker's fork for one task what the worker is for many."""
    _is_child.clear()
    _let_the_visit_decide()
    ending = (lifeline, record, None)
    threading.Thread(target=_die_with_the_visit, args=ending, daemon=True).start()


class RunningRecord:
    """Where this worker writes which task it is at, for whoever finds it dead."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._records = mmap.mmap(descriptor, 0)
        self._offset = offset
        self._lock = threading.Lock()

    def begins(self, index: int, attempt: int) -> None:
        self._write(index + 1, time.monotonic(), attempt)

    def clear(self) -> None:
        self._write(0, 0.0, 0)

    def freeze(self) -> None:
        """Leave it as it is: whoever would write to it waits for the end of this process."""
        self._lock.acquire()

    def _write(self, *values: float) -> None:
        with self._lock:
            RUNNING_RECORD.pack_into(self._records, self._offset, *values)


def run_slice(
    runner: Runner, batch: TaskBatch, scratch: Scratch, record: RunningRecord
) -> BatchResult:
    """Run tasks of a batch until the slice is over."""
    finished = _Finished()
    end, stopped, is_late = time.monotonic() + _SLICE, None, False
    for spec in batch.items():
        try:
            result = _result(runner, spec, record)
        except Stopped as reason:
            stopped = str(reason)
            break
        except OutOfTime:
            is_late = True
            break
        if _is_child:
            os._exit(0)  # forked by the task, it came back
        finished.add(spec.index, result)
        if not runner.context.has_directory:
            scratch.empty()
        is_full = time.monotonic() > end or finished.bytes > _MOST_BYTES
        # Should the next task take this process with it, a fork's end would be told by nobody.
        if is_full or (result.error and runner.context.task.isolation == "process"):
            break
    record.clear()
    return finished.handed_over(stopped, is_late)


class _Finished:
    """The tasks of a slice that are done."""

    def __init__(self) -> None:
        self._indices: list[int] = []
        self._fields: list[tuple] = []
        self._metrics: dict[str, RowBuffer] = {}

    def add(self, index: int, result: Result) -> None:
        self._indices.append(index)
        self._fields.append(fields_of(result))
        for name, (count, columns) in result.metrics.items():
            if name not in self._metrics:
                self._metrics[name] = RowBuffer()
            self._metrics[name].add(index, count, columns)

    @property
    def bytes(self) -> int:
        return sum(rows.bytes for rows in self._metrics.values())

    def handed_over(self, stopped: str | None, is_late: bool) -> BatchResult:
        metrics = {name: rows.rows() for name, rows in self._metrics.items()}
        return BatchResult.of(
            self._indices, self._fields, metrics=metrics, stopped=stopped, is_late=is_late
        )


_is_child: list[bool] = []


def _forked() -> None:
    """Called in every process that a task forks."""
    _is_child.append(True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _result(runner: Runner, spec: TaskSpec, record: RunningRecord) -> Result:
    """Run a task, again and again while it fails and may.

    Raises:
        OutOfTime: if it cannot be started, or was told to end and did not succeed.
        Stopped: if its own input files changed since the plan.
    """
    if spec.reread and (result := runner.reread(spec)):
        return result
    attempt = spec.tried
    while True:
        attempt += 1
        if not runner.may_start():
            raise OutOfTime
        record.begins(spec.index, attempt)
        result = runner.run(spec, attempt)
        if result.error is not None and runner.is_told.is_set():
            raise OutOfTime
        if result.error is None or attempt >= spec.attempts:
            return result


def _tell_in_time(runner: Runner) -> None:
    """SIGTERM for the task that runs, as its job is about to end."""
    runner.is_told.set()
    process.signal_programs(signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)


def _die_with_the_visit(lifeline: int, record: RunningRecord, scratch: Path | None) -> None:
    """End this process and what it runs as soon as the visit is gone, however it went.

    Args:
        scratch: what goes with it; the directory of all workers, which no fork of one removes.
    """
    os.read(lifeline, 1)
    record.freeze()  # a function whose children are killed ends, and the next task would begin
    process.kill_descendants()
    note_end(Path())  # where a task runs that has a run directory
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)
