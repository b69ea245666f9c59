"""The task table, and one type a column over all files of a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import compute

from snakestudy.errors import UserError
from snakestudy.layout import ONLY_STEP, Layout, metadata_table
from snakestudy.results.current import CurrentStudy
from snakestudy.results.progress import all_succeeded, finished_state
from snakestudy.results.unowned import clear_unowned
from snakestudy.storage.documents import ChunkEntry, Footer
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.record import planned_study
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


def make_task_table(layout: Layout) -> None:
    """Bring results/ in line with the newest plan: see the functions below."""
    back_to_now(layout.output_files())
    record = planned_study(layout, str(layout.results))
    tables = [*map(metadata_table, record.steps), *record.metrics]
    clear_unowned(layout, record)
    for table in tables:
        _unify([layout.output(table, chunk) for chunk in record.chunks])
    footer = Footer(record.study, record.plan, "tasks")

    def statuses(chunk: str, entry: ChunkEntry) -> list[str] | None:
        return _noted_statuses(layout, chunk, entry)

    write(task_table(layout, record.chunks, statuses), layout.tasks, footer.to_json())


def task_table(
    layout: Layout,
    chunks: Mapping[str, ChunkEntry],
    statuses: Callable[[str, ChunkEntry], list[str] | None],
) -> pa.Table:
    """Every active task: task_id, seq, parameters, chunk, plan (that added it), status.

    Args:
        statuses: of a chunk's active tasks, in their order; None if all are `success`.
    """
    tables = []
    for chunk, entry in chunks.items():
        ordered = Manifest.of(layout, chunk)
        if ordered is None:
            raise UserError(f"the manifest of chunk {chunk} is lost", fix="Run snakemake.")
        manifest = ordered.of_active()
        words = statuses(chunk, entry)
        own = manifest.table
        parameters = manifest.result_columns().drop_columns(["task_id"])
        columns = {
            "task_id": own["task_id"],
            "seq": own["seq"],
            **dict(zip(parameters.column_names, parameters.columns, strict=True)),
            "chunk": pa.repeat(chunk, len(own)),
            "plan": own["plan"].cast(pa.int64()),
            "status": pa.repeat("success", len(own)) if words is None else pa.array(words),
        }
        tables.append(pa.table(columns))
    last = ["chunk", "plan", "status"]
    table = concat(tables)
    names = [name for name in table.column_names if name not in last]
    table = table.select([*names, *last])
    seqs = table["seq"]
    is_later = compute.call_function("greater", [seqs.slice(1), seqs.slice(0, len(table) - 1)])
    none_is_fine = compute.ScalarAggregateOptions(min_count=0)
    is_sorted = compute.call_function("all", [is_later], none_is_fine).as_py()
    # It is, unless chunks were made by `by`.
    return table if is_sorted else table.sort_by("seq")


def _noted_statuses(layout: Layout, chunk: str, entry: ChunkEntry) -> list[str] | None:
    """The statuses of a chunk's tasks as its output has them; None if all succeeded."""
    state = finished_state(layout, chunk, entry)
    if state is not None and all_succeeded(state, entry, CurrentStudy({})):
        return None
    tasks = Manifest.load(layout.manifest(chunk)).of_active().table["task_id"]
    metadata = read(layout.metadata(ONLY_STEP, chunk), ["task_id", "status"])
    return take_rows(metadata, index_in(tasks, metadata["task_id"]))["status"].to_pylist()


def _unify(paths: Sequence[Path]) -> None:
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


def _parameters_first(schemas: list[pa.Schema]) -> pa.Schema:
    """One schema for all: task_id, every parameter of any file, then the files' own columns."""
    parameters: dict[str, None] = {}
    for schema in schemas:
        parameters.update(dict.fromkeys(Footer.of(footer_of(schema), "").parameters))
    union = common_schema(schemas)
    names = ["task_id", *(name for name in parameters if name in union.names)]
    others = [name for name in union.names if name not in set(names)]
    return pa.schema(union.field(name) for name in [*names, *others])
