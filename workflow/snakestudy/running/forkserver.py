"""Worker processes, forked from one that has imported what they need and nothing heavy.

So a worker starts in milliseconds, and no library is in its memory yet that keeps threads,
settings or seeds of the visit's. The server ends with its visit.
"""

from __future__ import annotations

import gc
import math
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from snakestudy.errors import Stopped
from snakestudy.running.process import wait_or_kill
from snakestudy.running.signals import Interrupted, end_interrupted, interrupt

# 0, where the running record of a new worker is, nothing; or whom to wait for, nothing, how long.
_REQUEST = struct.Struct("<qqd")
_REPLY = struct.Struct("<q")


class ForkServer:
    """Starts workers and waits for them.

    Args:
        soon: whether there will be workers; if so, this process imports, too, what they need.
    """

    def __init__(self, soon: bool) -> None:
        if soon:
            from snakestudy.running import worker  # noqa: F401
        self._channel, theirs = socket.socketpair()
        self._pid = os.fork()
        if not self._pid:
            self._channel.close()
            _serve(theirs)
        theirs.close()

    def close(self) -> None:
        """End; what workers took counts as this process's children's from now on."""
        self._channel.close()
        os.waitpid(self._pid, 0)

    def start(self, record_offset: int, descriptors: Sequence[int]) -> int:
        """Fork a worker; its pid.

        Args:
            descriptors: of its log, and those that `worker.main` takes.

        Raises:
            Stopped: if the server was killed; so does `wait`.
        """
        return self._ask(0, record_offset, math.inf, descriptors)

    def wait(self, pid: int, seconds: float = math.inf) -> int:
        """The exit code of a worker, as in subprocess; it is killed if it does not end in time."""
        return self._ask(pid, 0, seconds)

    def _ask(
        self, pid: int, record_offset: int, seconds: float, descriptors: Sequence[int] = ()
    ) -> int:
        try:
            request = _REQUEST.pack(pid, record_offset, seconds)
            socket.send_fds(self._channel, [request], descriptors)
            return _REPLY.unpack(self._channel.recv(_REPLY.size))[0]
        except (OSError, struct.error):
            text = "the process that starts workers was killed; the finished tasks are kept"
            raise Stopped(text) from None


def _serve(channel: socket.socket) -> None:
    """Fork and wait as told until the visit is gone; does not return."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT):  # sent to a whole job: the visit decides
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            request, descriptors, *_ = socket.recv_fds(channel, _REQUEST.size, 8)
            if not request:
                os._exit(0)
            pid, record_offset, seconds = _REQUEST.unpack(request)
            if pid:
                reply = wait_or_kill(pid, seconds).exit_code
            else:
                reply = _fork(channel, record_offset, descriptors)
            channel.sendall(_REPLY.pack(reply))
        except OSError:
            os._exit(1)


def _fork(channel: socket.socket, record_offset: int, descriptors: list[int]) -> int:
    """Fork a worker; its pid."""
    from snakestudy.running import worker

    if pid := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        return pid
    try:
        channel.close()
        log, channel_fd, lifeline_fd, records_fd = descriptors
        _become_a_process_of_its_own(log)
        worker.main(channel_fd, lifeline_fd, records_fd, record_offset)
    except EOFError:
        pass  # the visit has no more for it
    except Interrupted:
        end_interrupted()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def _become_a_process_of_its_own(log: int) -> None:
    """In a worker: a session, signals, streams and a `__main__` as a fresh Python has."""
    os.setsid()
    signal.signal(signal.SIGINT, interrupt)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    # What a task starts with multiprocessing looks for these.
    sys.argv[1:], sys.modules["__main__"] = [], ModuleType("__main__")
    gc.freeze()
    gc.enable()
