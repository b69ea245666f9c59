"""What the store knows of each chunk, in one small file a chunk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ._errors import UserError
from ._layout import Layout
from ._values import digest_of


def limits_of(task: Mapping[str, Any]) -> str:
    """The digest of what a task may use; a change of it gives failed tasks another try."""
    return digest_of([task[name] for name in ("threads", "mem_mb", "runtime", "retries")])


class Rows(NamedTuple):
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


def row_digest(science: str, inputs: str | None, metrics: dict[str, str]) -> str:
    """The digest a row keeps: what ran, the task's own inputs, how each metric was read.

    >>> row_digest("0123456789abcdef", None, {"fit": "aa", "curve": ""})
    '0123456789abcdef curve= fit=aa'
    """
    own = f"-{inputs}" if inputs else ""
    return " ".join([science + own, *(f"{name}={metrics[name]}" for name in sorted(metrics))])


def made_by(digest: str) -> str:
    """The digest of what ran in a row's digest."""
    return digest[:16]


def metrics_in(digest: str) -> dict[str, str]:
    """The metrics of a row's digest: name -> digest."""
    return dict(word.split("=", 1) for word in digest.split(" ")[1:])


def inputs_in(digest: str) -> str | None:
    """The digest of the task's own inputs in a row's digest."""
    return digest.split(" ", 1)[0][17:] or None


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
    rows: tuple[Rows, ...]
    manifest_sha256: str = ""
    links: dict[str, str] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        write_json(directory / "state.json", asdict(self))

    @classmethod
    def load(cls, directory: Path) -> State | None:
        """None if the chunk's first visit has not ended, or the file cannot be read."""
        try:
            values = json.loads((directory / "state.json").read_text())
            return cls(**{**values, "rows": tuple(Rows(*row) for row in values["rows"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None


def read_json(path: Path, otherwise: Any = None) -> Any:
    """What a file of JSON holds, or else, if it cannot be read, what is given."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return otherwise


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all."""
    write_bytes(path, json.dumps(value, ensure_ascii=False).encode())


def write_bytes(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def load_record(layout: Layout) -> dict | None:
    """The newest plan record; None before the first plan.

    Raises:
        UserError: if neither of its copies is one.
    """
    plan = layout.newest_plan()
    paths = [path for path in (layout.kept_record(plan), layout.record(plan)) if path.exists()]
    for path in paths:
        try:
            record = json.loads(path.read_text())
            if record["plan"] == plan:
                return record
        except (OSError, ValueError, KeyError, TypeError):
            pass
    if not paths:
        return None
    raise UserError(
        "is damaged, or no plan record of this study",
        file=" and ".join(map(str, paths)),
        fix="Delete it and run snakemake: the plan before it is taken, and what is finished stays.",
    )


def load_states(layout: Layout, chunks: Iterable[str]) -> dict[str, State | None]:
    return {chunk: State.load(layout.chunk_store(chunk)) for chunk in chunks}
