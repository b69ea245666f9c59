"""What a worker tells its visit: the task it is at, and what came of those that are done."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._todo import Item

SLOT = struct.Struct("<qdq")  # the running task's index + 1 (0: none), its begin, its attempt
FIELDS = ("started", "seconds", "attempt", "exit_code", "error", "max_rss_mb", "host", "digest")
HOST = socket.gethostname()

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


def alone(item: Item, result: Result) -> dict[str, Any]:
    """What a worker hands over (see `_worker`), for one task that failed."""
    fields = {name: [getattr(result, name)] for name in FIELDS}
    return {"index": [item.index], "metrics": {}, "stopped": None, "late": False, **fields}
