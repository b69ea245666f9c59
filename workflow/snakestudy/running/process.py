"""Programs and worker processes: started, limited, waited for, ended with all their children.

A process that has ended keeps its number until it is reaped. So one that has a limit is killed by
who waits for it, before it is reaped: a timer of its own could kill whatever has the number next.
"""

from __future__ import annotations

import errno
import math
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.files import script_problem

if TYPE_CHECKING:
    import psutil

_LONGEST_WAIT = 10**6  # seconds; the system counts milliseconds in 32 bits


@dataclass(frozen=True)
class Ended:
    """How a process ended; exit_code is negative for a signal, as in subprocess."""

    exit_code: int
    timed_out: bool
    max_rss_mb: float


_groups: set[int] = set()  # process groups of programs that were started and are not reaped yet
_hold = threading.Lock()  # on `_groups`: held while one is started, signalled or reaped


def run_program(
    argv: Sequence[str], env: Mapping[str, str], stdout: Path, stderr: Path, limit: float | None
) -> Ended:
    """Run a program in the directory of this process, its output added to two files.

    After `limit` seconds it is killed, and its children with it.

    Raises:
        OSError: if it cannot be started.
    """
    program = _file_of(argv[0], env.get("PATH", os.defpath))
    with stdout.open("ab") as out, stderr.open("ab") as err, _hold:
        # posix_spawn is twice as fast as subprocess, but enters no directory.
        try:
            pid = os.posix_spawn(
                program,
                list(argv),
                env,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, err.fileno(), 2),
                ],
                setpgroup=0,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores
            )
        except OSError as error:
            why = script_problem(program)
            words = f"{error.strerror}; it {why}" if why else error.strerror
            raise type(error)(error.errno, words, program) from None
        _groups.add(pid)
    try:
        return wait_or_kill(pid, limit)
    except BaseException:  # this process is interrupted
        with _hold:
            if pid in _groups:
                kill_tree(pid)
        raise


@lru_cache
def _file_of(program: str, path: str) -> str:
    """The file that a program's name stands for; trying each directory costs as much as a start.

    Raises:
        FileNotFoundError: if there is none.
    """
    file = program if "/" in program else shutil.which(program, path=path)
    if file is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)
    return file


def fork() -> int:
    """Fork this process: 0 in the fork, which is signalled and ended as programs are; else its pid.

    It is to be waited for by `wait_or_kill`.
    """
    with _hold:
        if pid := os.fork():
            _groups.add(pid)
            with suppress(OSError):  # it was faster
                os.setpgid(pid, pid)
            return pid
        _groups.clear()
        os.setpgid(0, 0)
        return 0


def wait_or_kill(pid: int, limit: float | None = None) -> Ended:
    """Wait for the end of a child; after `limit` seconds it is killed, and its children with it.

    One that ends by itself in the last moment, before it is killed, has not timed out.
    """
    watch = _Watch(pid)
    try:
        ended = _ended_within(watch, math.inf if limit is None else limit)
        is_late = ended is None
        if is_late:
            kill_tree(pid)
            ended = _ended_within(watch, math.inf)
    finally:
        watch.close()
    assert ended is not None
    _, status, usage = ended
    exit_code = os.waitstatus_to_exitcode(status)
    return Ended(exit_code, is_late and exit_code == -signal.SIGKILL, rss_mb(usage.ru_maxrss))


def _ended_within(watch: _Watch, seconds: float) -> tuple[int, int, Any] | None:
    """What wait4 says of a child's end; None if it still runs after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        watch.wait(max(0.0, left))
        with _hold:
            ended = os.wait4(watch.pid, os.WNOHANG)
            if ended[0]:
                _groups.discard(watch.pid)
                return ended
        if left <= 0:
            return None


class _Watch:
    """Sees a child end without reaping it; where the system has no pidfd, looks now and then."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pause = 0.001
        self._descriptor = -1
        with suppress(AttributeError, OSError):  # macOS; an old kernel, no descriptor left
            self._descriptor = os.pidfd_open(pid)
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLIN)

    def wait(self, seconds: float) -> None:
        """Return when the child has ended, after so many seconds, or earlier."""
        if self._descriptor >= 0:
            self._poll.poll(math.ceil(1000 * min(seconds, _LONGEST_WAIT)))
        else:
            time.sleep(min(seconds, self._pause))
            self._pause = min(2 * self._pause, 0.05)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def signal_programs(number: int) -> None:
    """Send a signal to the programs that run now."""
    with _hold:
        for group in _groups:
            with suppress(ProcessLookupError):
                os.killpg(group, number)


def kill_descendants() -> None:
    """Kill all that this process has started; from now on it can start no program any more."""
    _hold.acquire()
    for group in _groups:
        kill_tree(group)
    for child in _descendants(os.getpid()):
        _kill(child)


def kill_tree(pid: int) -> None:
    """Kill a child, its group and all its descendants, also those that left the group."""
    family = _descendants(pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for child in family:
        _kill(child)


def _descendants(pid: int) -> list[psutil.Process]:
    import psutil

    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _kill(process: psutil.Process) -> None:
    import psutil

    with suppress(psutil.Error):
        process.kill()


def rss_mb(maxrss: int) -> float:
    """A peak of resident memory in MB, from what getrusage gives (kB; bytes on macOS)."""
    return maxrss / 1e6 if sys.platform == "darwin" else maxrss * 1024 / 1e6


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
