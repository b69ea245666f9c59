"""What came out of a study, as values and in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from snakestudy.design.registry import studies_of
from snakestudy.layout import Layout
from snakestudy.messages import pluralize
from snakestudy.storage.state import load_states
from snakestudy.tables.arrow import read, rows_in, schema_of, take_rows

SHOWN = 5  # failures told one by one


def counts(record: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Tasks by status and their seconds, from the chunks' states."""
    found: dict[str, Any] = {"success": 0, "failure": 0, "given_up": 0, "seconds": 0.0}
    config = record["config"]
    most = config["give_up"] * (1 + config["task"]["retries"])
    for state in load_states(layout, record["chunks"]).values():
        for row in state.rows if state else ():
            found[row.status] += row.tasks
            found["seconds"] += row.seconds
            if row.status == "failure" and row.attempt >= most:
                found["given_up"] += row.tasks
    return found


def tables(record: dict[str, Any], layout: Layout) -> dict[str, dict[str, Any]]:
    """metric -> its number of rows and its own columns."""
    found = {}
    for metric in record["metrics"]:
        files = [layout.output(metric, chunk) for chunk in record["chunks"]]
        parameters = {"task_id", *_parameters(record, layout)}
        names = schema_of(files[0]).names if files else []
        found[metric] = {
            "rows": sum(map(rows_in, files)),
            "columns": [name for name in names if name not in parameters],
        }
    return found


def failures(chunks: Iterable[str], layout: Layout) -> list[str]:
    """Lines on the first failed tasks: task_id, error, and the log that tells more."""
    found: list[str] = []
    for chunk in chunks:
        table = read(layout.metadata(chunk), ["task_id", "status", "error"])
        statuses = enumerate(table["status"].to_pylist())
        failed = [at for at, status in statuses if status != "success"]
        for row in take_rows(table, failed[:SHOWN]).to_pylist():
            own = layout.run_directory(row["task_id"]) / "stderr.log"
            log = own if own.exists() else layout.logs / "run" / f"{chunk}.log"
            found.append(f"  failed: {row['task_id']}: {row['error']}\n    see {log}")
            if len(found) == SHOWN:
                return found
    return found


def summary(record: dict[str, Any], layout: Layout) -> tuple[dict[str, Any], str]:
    """The outcome as values and as text."""
    found = {"study": record["study"], "plan": record["plan"], **counts(record, layout)}
    found["tables"] = tables(record, layout)
    total = found["success"] + found["failure"]
    state = f"{found['failure']} failed" if found["failure"] else "all succeeded"
    took = f"{found['seconds']:.1f} s of task time"
    lines = [f"{record['study']}: {pluralize(total, 'task')}, {state} ({took})"]
    for metric, table in found["tables"].items():
        columns = ", ".join(table["columns"])
        path = layout.results / metric
        lines.append(f"  {path}/  {table['rows']:,} rows: parameters beside {columns or 'nothing'}")
    lines.append(f"  {layout.tasks}, {layout.results / 'metadata'}/  every task, how it went")
    if found["tables"]:
        first = layout.results / next(iter(found["tables"]))
        lines.append(f"  read one as a table: pandas.read_parquet({str(first)!r})")
    if found["failure"]:
        lines += failures(record["chunks"], layout)
    if found["failure"] > SHOWN:
        lines.append(f"  ... and {found['failure'] - SHOWN} more: see {layout.results}/metadata")
    if found["given_up"]:
        lines.append(
            f"  {found['given_up']} of them are given up: they wait until code, inputs or limits "
            "change, or for --config retry=all"
        )
    elif found["failure"]:
        lines.append("  the next snakemake tries them again")
    if _may_find_more(record):
        lines.append("  run snakemake again: values_from may find more sets in these results")
    return found, "\n".join(lines)


def _may_find_more(record: dict[str, Any]) -> bool:
    """Whether tasks ran that the design of this study looks at."""
    looks = any(None in studies_of(block) for block in record["config"]["design"])
    return looks and any(entry["pending"] for entry in record["chunks"].values())


def _parameters(record: dict[str, Any], layout: Layout) -> list[str]:
    names = schema_of(layout.tasks).names
    return [name for name in names if name not in ("task_id", "seq", "chunk", "plan", "status")]
