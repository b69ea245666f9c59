"""What a worker tells its visit: the task it is at, and what came of those that are done."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from snakestudy.files import HOST
from snakestudy.running.row_buffer import MetricRows
from snakestudy.tables.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Collection

    from snakestudy.running.batch import TaskSpec

# The task a worker is at: its index + 1 (0: none), when this try began, and which one it is.
RUNNING_RECORD = struct.Struct("<qdq")
FIELDS = ("started", "seconds", "attempt", "exit_code", "error", "max_rss_mb", "host", "digest")
fields_of = attrgetter(*FIELDS)
ERROR_LENGTH = 500  # the most characters of a line that an error quotes


@dataclass(slots=True)
class Result:
    """What came of a task: one row of metadata, and rows of metrics if it succeeded.

    Attributes:
        started: in seconds since the epoch.
        metrics: name -> (number of rows, columns).
    """

    started: float
    seconds: float = 0.0
    attempt: int = 1
    exit_code: int | None = None
    error: str | None = None
    max_rss_mb: float | None = None
    host: str = HOST
    digest: str = ""
    metrics: dict[str, tuple[int, Pieces]] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchResult:
    """What a worker hands over: an entry a task in each column (see `Result`).

    Attributes:
        index: their rows in the manifest.
        metrics: name -> rows.
        stopped: why the plan must end, or None.
        is_late: whether their job is about to end.
    """

    index: list[int]
    started: list[float]
    seconds: list[float]
    attempt: list[int]
    exit_code: list[int | None]
    error: list[str | None]
    max_rss_mb: list[float | None]
    host: list[str]
    digest: list[str]
    metrics: dict[str, MetricRows] = field(default_factory=dict)
    stopped: str | None = None
    is_late: bool = False

    @classmethod
    def of(cls, indices: list[int], results: list[tuple], **rest: Any) -> BatchResult:
        """Of tasks that are done. results: the fields of each (`fields_of`)."""
        columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
        for name, values in zip(FIELDS, zip(*results, strict=True), strict=bool(results)):
            columns[name] = list(values)
        return cls(index=indices, **columns, **rest)

    @classmethod
    def of_failure(cls, task: TaskSpec, result: Result) -> BatchResult:
        """Of one task that failed, and not in a worker's hands."""
        return cls.of([task.index], [fields_of(result)])

    def with_exit_code(self, codes: Collection[int]) -> list[int]:
        """The positions of tasks that ended with one of some exit codes."""
        return [place for place, code in enumerate(self.exit_code) if code in codes]


def error_line(error: BaseException) -> str:
    """An exception as a row's error; its text is as good as that of anything that tasks make."""
    try:
        text = str(error).encode("utf-8", "backslashreplace").decode("utf-8")
    except Exception:
        text = ""
    lines = text.strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")[:ERROR_LENGTH]
