"""A worker process: runs tasks one after another and hands their rows to the visit.

Started by `_pool` as `python -m snakestudy._worker`, so that what a task does to its
process (a crash, a closed stdout, a changed directory) is its own affair.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from . import _process
from ._errors import Stopped
from ._metrics import RowBuffer
from ._streams import keep_descriptors
from ._task import Item, Result, Runner

SLICE = 0.5  # seconds after which a worker hands over what it has and gives back the rest
SLOT = struct.Struct("<qdq")  # the running task's index + 1 (0: none), its begin, its attempt
FIELDS = ("started", "seconds", "attempt", "exit_code", "error", "max_rss_mb", "host", "digest")


def main() -> None:
    connection_fd, lifeline_fd, slot_fd, slot_offset = map(int, sys.argv[1:])
    connection = Connection(connection_fd)
    slot = mmap.mmap(slot_fd, 0)
    runner = Runner(**connection.recv())
    ending = (lifeline_fd, runner.scratch.parent)
    threading.Thread(target=_die_with_the_visit, args=ending, daemon=True).start()
    shutil.rmtree(runner.scratch, ignore_errors=True)  # of a worker that died
    runner.scratch.mkdir()
    os.environ.update(runner.environment)
    keep_descriptors()
    while batch := connection.recv():
        connection.send(_run_slice(runner, batch, slot, slot_offset))


def _run_slice(runner: Runner, batch: list[Item], slot: mmap.mmap, offset: int) -> dict[str, Any]:
    """Run tasks of a batch until the slice is over.

    Returns a dict: index and every field of FIELDS -> a value a task; metrics -> name ->
    (indices of its tasks, number of rows of each, columns); stopped -> why the visit must
    end, or None.
    """
    done: dict[str, list] = {"index": [], **{name: [] for name in FIELDS}}
    buffers: dict[str, tuple[list[int], RowBuffer]] = {}
    pid, end, stopped = os.getpid(), time.monotonic() + SLICE, None
    for item in batch:
        try:
            result = _result(runner, item, slot, offset)
        except Stopped as reason:
            stopped = str(reason)
            break
        if os.getpid() != pid:
            os._exit(0)  # a child that the task forked and that came back
        done["index"].append(item.index)
        for name in FIELDS:
            done[name].append(getattr(result, name))
        for name, (count, columns) in result.metrics.items():
            if name not in buffers:
                buffers[name] = ([], RowBuffer())
            buffers[name][0].append(item.index)
            buffers[name][1].add(count, columns)
        if not runner.has_directory:
            _empty(runner.scratch)
        if time.monotonic() > end:
            break
    SLOT.pack_into(slot, offset, 0, 0.0, 0)
    metrics = {name: (owners, b.counts, b.columns) for name, (owners, b) in buffers.items()}
    return {**done, "metrics": metrics, "stopped": stopped}


def alone(item: Item, result: Result) -> dict[str, Any]:
    """What `_run_slice` returns, for one task that failed."""
    fields = {name: [getattr(result, name)] for name in FIELDS}
    return {"index": [item.index], "metrics": {}, "stopped": None, **fields}


def _result(runner: Runner, item: Item, slot: mmap.mmap, offset: int) -> Result:
    """Run a task, again and again while it fails and may; the slot tells at which try it is."""
    if item.reread and (result := runner.reread(item)):
        return result
    for attempt in range(item.tried + 1, max(item.attempts, item.tried + 1) + 1):
        SLOT.pack_into(slot, offset, item.index + 1, time.monotonic(), attempt)
        result = runner.run(item, attempt)
        if result.error is None:
            break
    return result


def _empty(scratch: Path) -> None:
    for entry in os.scandir(scratch):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


def _die_with_the_visit(lifeline: int, scratch: Path) -> None:
    """End this process and what it runs as soon as the visit is gone, however it went."""
    os.read(lifeline, 1)
    for group in list(_process.running):
        _process.kill_tree(group)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
