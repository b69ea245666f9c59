"""Starting a program, limiting it, ending it with all its children."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from snakestudy.errors import Stopped


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

    The directory becomes that of this process, too.

    Raises:
        OSError: if it cannot be started.
    """
    program = _found(argv[0], env.get("PATH", os.defpath))
    with stdout.open("ab") as out, stderr.open("ab") as err:
        os.chdir(directory)
        pid = os.posix_spawn(
            program,
            argv,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, err.fileno(), 2),
            ],
            setpgroup=0,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
        )
    running.add(pid)
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        kill_tree(pid)

    timer = threading.Timer(limit, expire) if limit else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        _, status, usage = os.wait4(pid, 0)
    finally:
        running.discard(pid)
        if timer:
            timer.cancel()
    exit_code = os.waitstatus_to_exitcode(status)
    return Ended(exit_code, timed_out.is_set(), rss_mb(usage.ru_maxrss))


@lru_cache
def _found(program: str, path: str) -> str:
    """The file that a program's name stands for; trying each directory costs as much as a start.

    Raises:
        FileNotFoundError: if there is none.
    """
    found = program if "/" in program else shutil.which(program, path=path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    return found


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
