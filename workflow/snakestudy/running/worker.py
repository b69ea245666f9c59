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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.errors import OutOfTime, Stopped
from snakestudy.running import process
from snakestudy.running.metrics import RowBuffer
from snakestudy.running.result import FIELDS, RUNNING_RECORD, Result, fields_of
from snakestudy.running.scratch import Scratch
from snakestudy.running.streams import keep_descriptors
from snakestudy.running.task import Runner

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskBatch, TaskSpec

SLICE = 0.5  # seconds after which a worker hands over what it has and gives back the rest


def main(channel_fd: int, lifeline_fd: int, slot_fd: int, slot_offset: int) -> None:
    for descriptor in (channel_fd, lifeline_fd, slot_fd):
        os.set_inheritable(descriptor, False)  # no task's business
    channel = socket.socket(fileno=channel_fd).makefile("rwb")
    slot = mmap.mmap(slot_fd, 0)
    start = pickle.load(channel)
    path = start.pop("scratch")
    ending = (lifeline_fd, path.parent)
    threading.Thread(target=_die_with_the_visit, args=ending, daemon=True).start()
    runner = Runner(**start, scratch=Scratch(path))
    os.environ.update(runner.environment)
    keep_descriptors()
    # Sent to all processes of a job that ends; the visit decides. Functions may have handlers.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    os.register_at_fork(after_in_child=_forked)
    if runner.deadline:
        left = runner.deadline - runner.task.grace - time.time()
        timer = threading.Timer(max(0.0, left), _tell_in_time, [runner])
        timer.daemon = True
        timer.start()
    while batch := pickle.load(channel):
        pickle.dump(_run_slice(runner, batch, slot, slot_offset), channel)
        channel.flush()


def _run_slice(runner: Runner, batch: TaskBatch, slot: mmap.mmap, offset: int) -> dict[str, Any]:
    """Run tasks of a batch until the slice is over.

    Returns a dict: index and every field of FIELDS -> a value a task; metrics -> name ->
    (indices of its tasks, number of rows of each, columns); stopped -> why the plan must
    end, or None; late -> whether the job is about to end.
    """
    results: list[tuple] = []
    buffers: dict[str, tuple[list[int], RowBuffer]] = {}
    end, stopped, late = time.monotonic() + SLICE, None, False
    for item in batch.items():
        try:
            result = _result(runner, item, slot, offset)
        except Stopped as reason:
            stopped = str(reason)
            break
        except OutOfTime:
            late = True
            break
        if _is_child:
            os._exit(0)  # forked by the task, it came back
        results.append(fields_of(result))
        for name, (count, columns) in result.metrics.items():
            if name not in buffers:
                buffers[name] = ([], RowBuffer())
            buffers[name][0].append(item.index)
            buffers[name][1].add(count, columns)
        if not runner.has_directory:
            runner.scratch.empty()
        if time.monotonic() > end:
            break
    RUNNING_RECORD.pack_into(slot, offset, 0, 0.0, 0)
    columns = zip(*results, strict=True) if results else [()] * len(FIELDS)
    fields = dict(zip(FIELDS, map(list, columns), strict=True))
    metrics = {name: (owners, b.counts, b.columns) for name, (owners, b) in buffers.items()}
    done = {"index": batch.index[: len(results)], **fields, "metrics": metrics}
    return {**done, "stopped": stopped, "late": late}


_is_child: list[bool] = []


def _forked() -> None:
    """Called in every process that a task forks."""
    _is_child.append(True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _result(runner: Runner, item: TaskSpec, slot: mmap.mmap, offset: int) -> Result:
    """Run a task, again and again while it fails and may; the slot tells at which try it is.

    Raises:
        OutOfTime: if it cannot be started, or was told to end and did not succeed.
        Stopped: if its own input files changed since the plan.
    """
    if item.reread and (result := runner.reread(item)):
        return result
    attempt = item.tried
    while True:
        attempt += 1
        if not runner.may_start():
            raise OutOfTime
        RUNNING_RECORD.pack_into(slot, offset, item.index + 1, time.monotonic(), attempt)
        result = runner.run(item, attempt)
        if result.error is not None and runner.told.is_set():
            raise OutOfTime
        if result.error is None or attempt >= item.attempts:
            return result


def _tell_in_time(runner: Runner) -> None:
    """SIGTERM for the task that runs, as its job is about to end."""
    runner.told.set()
    for group in list(process.running):
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)


def _die_with_the_visit(lifeline: int, scratch: Path) -> None:
    """End this process and what it runs as soon as the visit is gone, however it went."""
    os.read(lifeline, 1)
    for group in list(process.running):
        process.kill_tree(group)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)
