"""Signals that ask a visit to end: they stop it, but not while it keeps what it has."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snakestudy.errors import Stopped

_ENDING = (signal.SIGTERM, signal.SIGINT)


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
