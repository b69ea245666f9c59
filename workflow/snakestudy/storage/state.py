"""What the store knows of each chunk, in one small file a chunk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from snakestudy.files import write_json
from snakestudy.layout import Layout
from snakestudy.provenance.row_digest import made_by, metrics_in
from snakestudy.values import digest_of


def limits_of(task: Mapping[str, Any]) -> str:
    """The digest of what a task may use; a change of it gives failed tasks another try."""
    return digest_of([task[name] for name in ("threads", "mem_mb", "runtime", "retries")])


class RowCount(NamedTuple):
    """How many active tasks of a chunk share a digest, a status and a number of tries."""

    digest: str
    status: str
    attempt: int
    tasks: int
    seconds: float

    @property
    def made_by(self) -> str:
        """The digest of what ran, without the task's own inputs and the metrics."""
        return made_by(self.digest)

    @property
    def read_by(self) -> str:
        """How its metrics were read, as text."""
        return self.digest.partition(" ")[2]

    def metrics(self) -> dict[str, str]:
        return metrics_in(self.digest)


@dataclass(frozen=True)
class State:
    """A chunk after its last finished visit.

    Attributes:
        manifest: hash of the manifest it was brought up to.
        limits: digest of the tasks' limits then.
        rows: counts over its active tasks.
        manifest_sha256: of the manifest's file.
        links: name -> SHA-256 of the store's files that are its outputs; empty if they are copies.
    """

    manifest: str
    limits: str
    rows: tuple[RowCount, ...]
    manifest_sha256: str = ""
    links: dict[str, str] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        write_json(directory / "state.json", asdict(self))

    @classmethod
    def load(cls, directory: Path) -> State | None:
        """None if the chunk's first visit has not ended, or the file cannot be read."""
        try:
            values = json.loads((directory / "state.json").read_text())
            return cls(**{**values, "rows": tuple(RowCount(*row) for row in values["rows"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None


def load_states(layout: Layout, chunks: Iterable[str]) -> dict[str, State | None]:
    return {chunk: State.load(layout.chunk_store(chunk)) for chunk in chunks}
