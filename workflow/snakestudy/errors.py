"""Errors for users: what is wrong, where, and what to write instead."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snakestudy.messages import format_value

_NOTHING = object()


class UserError(Exception):
    """Something the user can mend; shown as one message, never with a traceback."""

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        key: str | None = None,
        value: Any = _NOTHING,
        fix: str | None = None,
    ) -> None:
        self.problem, self.file, self.key, self.value, self.fix = problem, file, key, value, fix
        super().__init__(self.message())

    def message(self) -> str:
        """``file: key = value: problem. fix``, as far as each is known."""
        place = self.key or ""
        if self.value is not _NOTHING:
            place += (" = " if place else "") + format_value(self.value)
        parts = [part for part in (self.file, place, self.problem) if part]
        text = ": ".join(parts)
        return f"{text}. {self.fix}" if self.fix else text

    def with_place(self, file: str | None = None, key: str | None = None) -> UserError:
        """The same error with its place filled in where it was not known."""
        return self._with(file=self.file or file, key=self.key or key)

    def prefix_key(self, key: str) -> UserError:
        """The same error with its key seen from one level further out."""
        return self._with(key=f"{key}.{self.key}" if self.key else key)

    def add_words(self, words: str) -> UserError:
        """The same error with its problem told in more words."""
        return self._with(problem=f"{self.problem} {words}")

    def _with(self, **changes: Any) -> UserError:
        names = ("problem", "file", "key", "value", "fix")
        return UserError(**{**{name: getattr(self, name) for name in names}, **changes})


@contextmanager
def error_context(key: str) -> Iterator[None]:
    """Within this, an error for users lies at this key."""
    try:
        yield
    except UserError as error:
        raise error.prefix_key(key) from None


class OutOfTime(Exception):
    """A task could not be started, or not be ended, before its job ends."""


class Stopped(Exception):
    """A visit ends before its time; the text says why."""


def for_users(error: UserError | OSError) -> UserError:
    """An error for users: as it is, or of a disk that is full or may not be written.

    Raises:
        OSError: the error itself, if it is anything else.
    """
    if isinstance(error, UserError):
        return error
    fixes = {
        errno.ENOSPC: "free some space",
        errno.EDQUOT: "free some space",
        errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
        errno.EROFS: "make it writable",
        errno.EACCES: "make it writable",
    }
    if error.errno not in fixes:
        raise error
    fix = f"What is finished is kept: {fixes[error.errno]}, then run snakemake again."
    return UserError(os.strerror(error.errno), file=error.filename, fix=fix)


class RowError(Exception):
    """What is wrong with rows; where a task made them, the text is the task's error."""
