"""Tasks at which jobs died without a trace, and how often.

A visit that dies leaves the file that tells which tasks were running; the next one counts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from snakestudy.files import read_json, write_json
from snakestudy.running.result import RUNNING_RECORD
from snakestudy.storage.manifest import Manifest

_MOST_CRASHES = 2  # at a task; then it has failed
ERROR = "its job died twice while this task ran, without a trace"


class CrashCounts:
    """What a chunk's store knows of them, for the code as it is now.

    Args:
        store: the chunk's directory.
        digest: of what runs now; current: those, it among them, that differ in nothing that counts.

    Attributes:
        records: the file that tells which tasks are running (see `Pool`).
    """

    def __init__(self, store: Path, step: str, digest: str, current: Collection[str]) -> None:
        self.records = store / "running"
        self._file = store / "crash_counts.json"
        self._manifest = store / "manifest.parquet"
        self._step, self._digest, self._current = step, digest, current

    def take_stock(self) -> set[str]:
        """Count the tasks that the last visit, if it died, was at; those that have failed so.

        To be called while the store still has that visit's manifest.
        """
        noted = read_json(self._file, {})
        counts = Counter(noted["tasks"] if noted.get("digest") in self._current else {})
        counts.update(self._left_running())
        write_json(self._file, {"digest": self._digest, "tasks": counts})
        self.records.unlink(missing_ok=True)
        return {task for task, crashes in counts.items() if crashes >= _MOST_CRASHES}

    def _left_running(self) -> list[str]:
        """The tasks that were running when the last visit died, if they ran what is current."""
        try:
            records = self.records.read_bytes()
            manifest = Manifest.load(self._manifest)
        except (OSError, ValueError, KeyError):
            return []
        if manifest.spec.steps[self._step].digest not in self._current:
            return []
        size, ids = RUNNING_RECORD.size, manifest.ids
        places = range(0, len(records) - size + 1, size)
        indices = (RUNNING_RECORD.unpack_from(records, place)[0] for place in places)
        return [ids[index - 1] for index in indices if 0 < index <= len(ids)]

    def forget(self) -> None:
        """A visit came to its end."""
        self._file.unlink(missing_ok=True)
