"""The task table, and one type a column over all files of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute

from snakestudy.layout import RESERVED_METRICS, STEP, Layout
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.record import load_record
from snakestudy.storage.state import State
from snakestudy.tables.arrow import (
    cast_to,
    common_schema,
    concat,
    footer_of,
    index_in,
    read,
    schema_of,
    take_rows,
    write,
)


def make(layout: Layout) -> None:
    """Bring results/ in line with the newest plan: see the functions below."""
    back_to_now(layout.published())
    record = load_record(layout)
    chunks = list(record["chunks"])
    remove_unowned(layout, set(chunks), set(record["metrics"]))
    for table in ("metadata", *record["metrics"]):
        unify([layout.output(table, chunk) for chunk in chunks])
    footer = {"study": record["study"], "plan": record["plan"], "table": "tasks"}
    write(task_table(layout, chunks), layout.tasks, footer)


def task_table(layout: Layout, chunks: Sequence[str]) -> pa.Table:
    """Every active task: task_id, seq, parameters, chunk, plan (that added it), status."""
    tables = []
    for chunk in chunks:
        ordered = Manifest.load(layout.manifest(chunk))
        manifest = ordered.of_active()
        own = manifest.table
        parameters = manifest.published().drop_columns(["task_id"])
        columns = {
            "task_id": own["task_id"],
            "seq": own["seq"],
            **dict(zip(parameters.column_names, parameters.columns, strict=True)),
            "chunk": pa.repeat(chunk, len(own)),
            "plan": own["plan"].cast(pa.int64()),
            "status": _statuses(layout, ordered, own["task_id"]),
        }
        tables.append(pa.table(columns))
    last = ["chunk", "plan", "status"]
    table = concat(tables)
    names = [name for name in table.column_names if name not in last]
    table = table.select([*names, *last])
    is_later = compute.greater(table["seq"].slice(1), table["seq"].slice(0, len(table) - 1))
    is_sorted = compute.all(is_later, min_count=0).as_py()  # unless chunks were made by `by`
    return table if is_sorted else table.sort_by("seq")


def _statuses(layout: Layout, manifest: Manifest, tasks: pa.ChunkedArray) -> Any:
    """The status of each of a chunk's active tasks, without reading them if all succeeded."""
    state = State.load(layout.chunk_store(manifest.chunk))
    is_current = state is not None and state.manifest == manifest.hash
    if is_current and {row.status for row in state.rows} == {"success"}:
        return pa.repeat("success", len(tasks))
    metadata = read(layout.metadata(manifest.chunk), ["task_id", "status"])
    return take_rows(metadata, index_in(tasks, metadata["task_id"]))["status"]


def unify(paths: Sequence[Path]) -> None:
    """Rewrite the files whose columns or types differ from those of all; keep their times."""
    schemas = {path: schema_of(path) for path in paths}
    if not schemas:
        return
    schema = _parameters_first(list(schemas.values()))
    for path, own in schemas.items():
        if own.remove_metadata().equals(schema):
            continue
        stat = path.stat()
        write(cast_to(read(path), schema), path, footer_of(own))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def remove_unowned(layout: Layout, chunks: set[str], metrics: set[str]) -> None:
    """Remove from results/ the files of ours that no active chunk or metric owns."""
    directories = [path for path in layout.results.iterdir() if path.is_dir()]
    tables = {path: metrics for path in directories if path.name not in RESERVED_METRICS}
    tables[layout.results / "metadata" / STEP] = {STEP}
    for directory, owners in tables.items():
        if directory.name.startswith("."):
            continue
        for path in directory.glob("*.parquet"):
            if path.stem in chunks and directory.name in owners:
                continue
            made = footer_of(schema_of(path))
            table = "metadata" if directory.name == STEP else directory.name
            if (made.get("chunk"), made.get("table")) == (path.stem, table):  # no copy of users'
                path.unlink()
        if directory.name not in owners and not any(directory.iterdir()):
            directory.rmdir()


def _parameters_first(schemas: list[pa.Schema]) -> pa.Schema:
    """One schema for all: task_id, every parameter of any file, then the files' own columns."""
    parameters: dict[str, Any] = {}
    for schema in schemas:
        parameters.update(dict.fromkeys(footer_of(schema).get("parameters", ())))
    union = common_schema(schemas)
    names = ["task_id", *(name for name in parameters if name in union.names)]
    return pa.schema(union.field(name) for name in [*names, *(set_minus(union.names, names))])


def set_minus(names: Sequence[str], less: Sequence[str]) -> list[str]:
    """The names that are not among the others, in their order."""
    return [name for name in names if name not in set(less)]
