"""What a worker tells its visit: the task it is at, and what came of those that are done."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from snakestudy.files import HOST

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskSpec


RUNNING_RECORD = struct.Struct(
    "<qdq"
)  # the running task's index + 1 (0: none), its begin, its attempt
FIELDS = ("started", "seconds", "attempt", "exit_code", "error", "max_rss_mb", "host", "digest")
fields_of = attrgetter(*FIELDS)


@dataclass(slots=True)
class Result:
    """What came of a task: one row of metadata, and rows of metrics if it succeeded.

    started is in seconds since the epoch; metrics: name -> (number of rows, columns).
    """

    started: float
    seconds: float = 0.0
    attempt: int = 1
    exit_code: int | None = None
    error: str | None = None
    max_rss_mb: float | None = None
    host: str = HOST
    digest: str = ""
    metrics: dict[str, tuple[int, dict[str, list]]] = field(default_factory=dict)


def alone(item: TaskSpec, result: Result) -> dict[str, Any]:
    """What a worker hands over (see `BatchResult`), for one task that failed."""
    fields = {name: [getattr(result, name)] for name in FIELDS}
    return {"index": [item.index], "metrics": {}, "stopped": None, "late": False, **fields}
