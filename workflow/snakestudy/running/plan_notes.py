"""What the visits of one plan tell each other, in files of the store: when to stop."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from snakestudy.errors import Stopped
from snakestudy.files import read_json, write_json
from snakestudy.layout import Layout

FIRST = 10  # a plan whose first so many finished tasks all fail is stopped


class PlanNotes:
    """How a plan's first tasks ended, and whether it is stopped."""

    def __init__(self, layout: Layout, plan: int) -> None:
        self._plan = plan
        self._first = layout.store / f"first.{plan}"
        self._stop = layout.stop_note(plan)
        self._touched = layout.store / "touched.json"
        self._is_first_known = False  # there is nothing more to learn from its first tasks

    def count_first(self, errors: Iterable[str | None]) -> None:
        """Note how tasks ended that never ran before; stop the plan if its first all fail."""
        if self._is_first_known:
            return
        errors = list(islice(errors, FIRST))
        with self._first.open("ab") as notes:
            notes.write(bytes(error is not None for error in errors))
        first = self._first.read_bytes()[:FIRST]
        self._is_first_known = len(first) == FIRST
        last = next((error for error in errors if error is not None), None)
        if first == bytes([1]) * FIRST and last is not None:  # else another visit has stopped it
            self.stop(f"its first {FIRST} finished tasks all failed, the last with: {last}")

    def tells(self, path: str) -> bool:
        """Whether it tells something that a file of code was written to and is the same again.

        Not where it did in the plan before, too: tasks that do so themselves would never be kept.
        """
        told = read_json(self._touched, {})
        write_json(self._touched, {**told, path: self._plan})
        return self._plan - told.get(path, -2) > 1

    def stop(self, why: str) -> None:
        """Let this and all other visits of the plan end."""
        self._stop.write_text(why, encoding="utf-8", errors="backslashreplace")

    def raise_if_stopped(self) -> None:
        """
        Raises:
            Stopped: if the plan is, by this visit or another.
        """
        if self._stop.exists():
            raise Stopped(f"plan {self._plan} is stopped: {self._stop.read_text(encoding='utf-8')}")
