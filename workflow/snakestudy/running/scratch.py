"""The directory in which functions run that have none of their own; empty for each of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_EMPTY = 10**18  # nanoseconds: a time of change in 2001 that no file made since leaves


class Scratch:
    """An empty directory, held open: a task costs two calls of the system."""

    def __init__(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)  # of a worker that died
        self.path = path
        self.path.mkdir()
        self._descriptor = os.open(path, os.O_RDONLY)
        self._is_known_empty = False
        self.empty()

    def enter(self) -> None:
        self._is_known_empty = False
        os.chdir(self._descriptor)

    def is_empty(self) -> bool:
        """Whether a task left nothing, as far as that can be seen at once."""
        status = os.stat(self._descriptor)
        self._is_known_empty = status.st_mtime_ns == _EMPTY and bool(status.st_nlink)
        return self._is_known_empty or not status.st_nlink

    def move_to(self, directory: Path) -> bool:
        """Move what a task left, if it did, to a directory to be; whether it did."""
        entries = [] if self.is_empty() else list(os.scandir(self.path))
        if entries:
            directory.mkdir(parents=True)
        for entry in entries:
            shutil.move(entry.path, directory / entry.name)
        return bool(entries)

    def empty(self) -> None:
        """Remove what a task left; the directory's time of change, set back, tells if any."""
        if self._is_known_empty:
            return
        status = os.stat(self._descriptor)
        if status.st_mtime_ns == _EMPTY and status.st_nlink:
            return
        if not status.st_nlink:
            self.path.mkdir(exist_ok=True)
            replacement = os.open(self.path, os.O_RDONLY)
            os.dup2(replacement, self._descriptor, inheritable=False)
            os.close(replacement)
        for entry in os.scandir(self.path):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
        os.utime(self._descriptor, ns=(_EMPTY, _EMPTY))
