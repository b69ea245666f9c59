"""Standard streams of a worker: where tasks print, and what they leave of them."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def prints_to(directory: Path) -> Iterator[None]:
    """Send this process's output, down to its file descriptors, to the directory's logs."""
    before = [os.dup(1), os.dup(2)]
    try:
        for descriptor, name in ((1, "stdout.log"), (2, "stderr.log")):
            file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(file, descriptor)
            os.close(file)
        yield
    finally:
        for descriptor, copy in zip((1, 2), before, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)


def restore_streams() -> None:
    """Flush what a function printed; give back the streams it closed or replaced."""
    out, err = sys.stdout, sys.stderr
    troubles = _OPEN.poll(0)
    if not troubles and out is _STREAMS["stdout"] and err is _STREAMS["stderr"]:
        try:
            out.flush()
            err.flush()
            return
        except (OSError, ValueError):
            pass
    closed = {descriptor for descriptor, events in troubles if events & select.POLLNVAL}
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        try:
            stream.flush()
            if stream is _STREAMS[name] and descriptor not in closed:
                continue
        except (AttributeError, OSError, ValueError):
            pass  # closed, or replaced by something else
        if descriptor in closed:
            os.dup2(_DESCRIPTORS[descriptor], descriptor)
        how = {"encoding": "utf-8", "errors": "backslashreplace", "closefd": False}
        buffering = 1 if name == "stderr" else -1  # as Python has them
        _STREAMS[name] = os.fdopen(descriptor, "w", buffering, **how)
        setattr(sys, name, _STREAMS[name])


_STREAMS = {"stdout": sys.stdout, "stderr": sys.stderr}
_OPEN = select.poll()  # one call of the system for both descriptors
for _descriptor in (1, 2):
    _OPEN.register(_descriptor, 0)
_DESCRIPTORS: dict[int, int] = {}  # copies, made by `keep_descriptors`


def keep_descriptors() -> None:
    """Called once by a worker: copies of its descriptors 1 and 2, should a task close them."""
    _DESCRIPTORS.update({descriptor: os.dup(descriptor) for descriptor in (1, 2)})
