"""What came out of a study, as values and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from snakestudy.design.registry import studies_of
from snakestudy.layout import Layout
from snakestudy.messages import pluralize
from snakestudy.results.current import CurrentStudy
from snakestudy.results.progress import TaskCounts, count_tasks
from snakestudy.storage.documents import PlanRecord
from snakestudy.tables.arrow import read, rows_in, schema_of, take_rows

SHOWN = 5  # failures told one by one
_OF_THE_TASK_TABLE = ("task_id", "seq", "chunk", "plan", "status")


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes:
        tables: metric -> its number of rows and its own columns.
    """

    study: str
    plan: int
    counts: TaskCounts
    tables: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, record: PlanRecord, layout: Layout) -> Outcome:
        """As the states and outputs say; rows of a finished run are those of its plan."""
        counts = count_tasks(record, layout, CurrentStudy({}))
        return cls(record.study, record.plan, counts, _tables(record, layout))

    def to_json(self) -> dict[str, Any]:
        counts = {name: getattr(self.counts, name) for name in ("success", "failure", "given_up")}
        tables = {name: {"rows": n, "columns": own} for name, (n, own) in self.tables.items()}
        about = {"study": self.study, "plan": self.plan}
        return {**about, **counts, "seconds": self.counts.seconds, "tables": tables}


def _tables(record: PlanRecord, layout: Layout) -> dict[str, tuple[int, list[str]]]:
    names = schema_of(layout.tasks).names
    parameters = {"task_id", *(name for name in names if name not in _OF_THE_TASK_TABLE)}
    tables = {}
    for metric in record.metrics:
        files = [layout.output(metric, chunk) for chunk in record.chunks]
        columns = schema_of(files[0]).names if files else []
        own = [name for name in columns if name not in parameters]
        tables[metric] = sum(map(rows_in, files)), own
    return tables


def first_failures(record: PlanRecord, chunks: Iterable[str], layout: Layout) -> list[str]:
    """Lines on the first failed tasks: task_id, error, and the log that tells more."""
    lines: list[str] = []
    for step in record.steps:
        for chunk in chunks:
            table = read(layout.metadata(step, chunk), ["task_id", "status", "error"])
            statuses = enumerate(table["status"].to_pylist())
            failed = [row for row, status in statuses if status != "success"]
            for task in take_rows(table, failed[:SHOWN]).to_pylist():
                stderr = layout.run_directory(task["task_id"]) / "stderr.log"
                log = stderr if stderr.exists() else layout.job_log(step, chunk)
                lines.append(f"  failed: {task['task_id']}: {task['error']}\n    see {log}")
                if len(lines) == SHOWN:
                    return lines
    return lines


def in_words(outcome: Outcome, record: PlanRecord, layout: Layout) -> str:
    """The outcome for people: counts, tables and how to read them, failures, what to do next."""
    counts = outcome.counts
    state = f"{counts.failure} failed" if counts.failure else "all succeeded"
    took = f"{counts.seconds:.1f} s of task time"
    ended = pluralize(counts.success + counts.failure, "task")
    lines = [f"{outcome.study}: {ended}, {state} ({took})"]
    for metric, (rows, columns) in outcome.tables.items():
        beside = ", ".join(columns) or "nothing"
        lines.append(f"  {layout.results / metric}/  {rows:,} rows: parameters beside {beside}")
    lines.append(f"  {layout.tasks}, {layout.results / 'metadata'}/  every task, how it went")
    if outcome.tables:
        first = layout.results / next(iter(outcome.tables))
        lines.append(f"  read one as a table: pandas.read_parquet({str(first)!r})")
    lines += _failures_in_words(counts, record, layout)
    if _may_find_more(record):
        lines.append("  run snakemake again: values_from may find more sets in these results")
    return "\n".join(lines)


def _failures_in_words(counts: TaskCounts, record: PlanRecord, layout: Layout) -> list[str]:
    if not counts.failure:
        return []
    lines = first_failures(record, record.chunks, layout)
    if counts.failure > SHOWN:
        lines.append(f"  ... and {counts.failure - SHOWN} more: see {layout.results}/metadata")
    lines += unread_in_words(counts, record)
    if counts.given_up:
        lines.append(
            f"  {counts.given_up} of them are given up: they wait until code, inputs or limits "
            "change, or for --config retry=all"
        )
    else:
        lines.append("  the next snakemake tries them again")
    return lines


def unread_in_words(counts: TaskCounts, record: PlanRecord) -> list[str]:
    """What to do for tasks that ended well, and of which a metric cannot be read."""
    again = "they run again: run_dirs is none"
    if record.config["run_dirs"] != "none":
        again = "nothing is computed again"
    return [
        f"  {pluralize(tasks, 'task')} ran, but metric {name} could not be read: "
        f"mend task.metrics.{name} and run snakemake, {again}"
        for name, tasks in sorted(counts.unread.items())
    ]


def _may_find_more(record: PlanRecord) -> bool:
    """Whether tasks ran that the design of this study looks at."""
    looks = any(None in studies_of(block) for block in record.config["design"])
    return looks and any(entry.pending for entry in record.chunks.values())
