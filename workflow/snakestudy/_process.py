"""Starting a program, limiting it, ending it with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import Stopped


@dataclass(frozen=True)
class Ended:
    """How a program ended; exit_code is negative for a signal, as in subprocess."""

    exit_code: int
    timed_out: bool
    max_rss_mb: float


running: set[int] = set()  # process groups this process has started and not yet seen end


def run(
    argv: Sequence[str],
    directory: Path,
    env: Mapping[str, str],
    stdout: Path,
    stderr: Path,
    limit: float | None,
) -> Ended:
    """Run a program in a directory; after `limit` seconds it and its children are killed.

    Raises:
        OSError: if it cannot be started.
    """
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            argv,
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            process_group=0,
        )
    running.add(process.pid)
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        kill_tree(process.pid)

    timer = threading.Timer(limit, expire) if limit else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        running.discard(process.pid)
        if timer:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(process.returncode, timed_out.is_set(), rss_mb(usage.ru_maxrss))


def rss_mb(maxrss: int) -> float:
    """A peak of resident memory in MB, from what getrusage gives (kB; bytes on macOS)."""
    return maxrss / 1e6 if sys.platform == "darwin" else maxrss * 1024 / 1e6


def kill_tree(pid: int) -> None:
    """Kill a process, its group and all its descendants, also those that left the group."""
    import psutil

    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        family = []
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    for child in family:
        try:
            child.kill()
        except psutil.Error:
            pass


def how_it_ended(exit_code: int) -> str:
    """
    >>> how_it_ended(3), how_it_ended(-11)
    ('exit code 3', 'killed by SIGSEGV')
    """
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"


@contextmanager
def signals_stop() -> Iterator[None]:
    """Within this, SIGTERM and SIGINT raise Stopped."""

    def stop(number: int, frame: Any) -> None:
        raise Stopped(f"ended by {signal.Signals(number).name}; the finished tasks are kept")

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within this, SIGTERM and SIGINT wait."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
