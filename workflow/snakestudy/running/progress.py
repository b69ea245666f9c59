"""How far a visit is, told now and then to who looks at its job."""

from __future__ import annotations

import sys
import time

PROGRESS_SECONDS = 10.0


class Progress:
    """Counts the finished tasks of a visit."""

    def __init__(self, chunk: str, total: int) -> None:
        self._chunk, self._total = chunk, total
        self._finished = self._failures = 0
        self._begun = self._told = time.monotonic()

    def count(self, finished: int, failures: int) -> None:
        """Add tasks that are done; say how it goes if that was not said for a while."""
        self._finished += finished
        self._failures += failures
        if self._finished and time.monotonic() - self._told > PROGRESS_SECONDS:
            self._told = time.monotonic()
            print(self._words(self._told - self._begun), file=sys.stderr, flush=True)

    def _words(self, seconds: float) -> str:
        left = seconds / self._finished * (self._total - self._finished)
        failed = f", {self._failures} failed" if self._failures else ""
        until = f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"
        return f"chunk {self._chunk}: {self._finished} of {self._total} tasks{failed}, {until}"
