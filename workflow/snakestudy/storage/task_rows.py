"""A task's last row in a store, as far as those who ask need it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from snakestudy.tables.arrow import read

READ = ("status", "digest", "attempt", "seconds", "plan")  # the columns that are read of metadata


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task's last row, as far as a visit needs it."""

    status: str
    digest: str
    attempt: int
    seconds: float
    plan: int
    part: int


def as_rows(table: pa.Table) -> dict[str, TaskRow]:
    """task_id -> its row, of `Store.last_rows`."""
    columns = [table[name].to_pylist() for name in ("task_id", *READ, "part")]
    return {task_id: TaskRow(*values) for task_id, *values in zip(*columns, strict=True)}


def rows_of(metadata: Path) -> dict[str, TaskRow]:
    """task_id -> its row in a table of metadata that is no part.

    Raises:
        Unreadable, FileNotFoundError
    """
    table = read(metadata, ["task_id", *READ])
    return as_rows(table.append_column("part", pa.repeat(0, len(table))))
