"""What the store knows of each chunk, in one small file a chunk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from snakestudy.config.study import Task
from snakestudy.files import write_json
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.storage.documents import FORMAT, check_format
from snakestudy.values import digest_of


def limits_of(task: Task) -> str:
    """The digest of what a task may use; a change of it gives failed tasks another try."""
    return digest_of([task.threads, task.mem_mb, task.runtime, task.retries])


class RowCount(NamedTuple):
    """How many active tasks of a chunk share a digest, a status and a number of tries."""

    digest: str
    status: str
    attempt: int
    tasks: int
    seconds: float


class StepState(NamedTuple):
    """A step of a chunk after its last finished visit: its limits then, counts of its rows."""

    limits: str
    rows: tuple[RowCount, ...]


@dataclass(frozen=True)
class State:
    """A chunk after its last finished visit.

    Attributes:
        manifest: hash of the manifest it was brought up to.
        steps: step -> its limits and rows.
        manifest_sha256: of the manifest's file.
        links: name -> SHA-256 of the store's files that are its outputs; empty if they are copies.
    """

    manifest: str
    steps: dict[str, StepState]
    manifest_sha256: str = ""
    links: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[RowCount]:
        """The counts of every step."""
        return [row for step in self.steps.values() for row in step.rows]

    def save(self, directory: Path) -> None:
        write_json(directory / "state.json", {"format": FORMAT, **asdict(self)})

    @classmethod
    def load(cls, directory: Path) -> State | None:
        """None if the chunk's first visit has not ended, or the file cannot be read.

        Raises:
            UserError: if it is of a newer format.
        """
        file = directory / "state.json"
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            if check_format(values, str(file)) < 1:
                values["steps"] = {ONLY_STEP: [values.pop("limits"), values.pop("rows")]}
            steps = {name: _step_state(*step) for name, step in values["steps"].items()}
            return cls(values["manifest"], steps, values["manifest_sha256"], values["links"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _step_state(limits: str, rows: Iterable[Any]) -> StepState:
    return StepState(limits, tuple(RowCount(*row) for row in rows))


def load_states(layout: Layout, chunks: Iterable[str]) -> Mapping[str, State | None]:
    return {chunk: State.load(layout.chunk_store(chunk)) for chunk in chunks}
