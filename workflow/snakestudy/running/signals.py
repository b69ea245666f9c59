"""Signals that ask a visit to end: they stop it, but not while it keeps what it has."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snakestudy.errors import Stopped

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """SIGINT reached a worker; one that a task raises is its failure."""


def interrupt(number: int, frame: Any) -> None:
    """A worker's handler of SIGINT."""
    raise Interrupted


def end_interrupted() -> None:
    """End this process as Python itself ends when it is interrupted."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def signals_stop() -> Iterator[None]:
    """Within this, SIGTERM and SIGINT raise Stopped."""

    def stop(number: int, frame: Any) -> None:
        raise Stopped(f"ended by {signal.Signals(number).name}; the finished tasks are kept")

    handlers = {number: signal.signal(number, stop) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Within this, SIGTERM and SIGINT wait."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
