"""The task table, and one type a column over all files of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
from pyarrow import compute

from snakestudy.errors import UserError
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.results.current import CurrentStudy
from snakestudy.results.progress import all_succeeded, finished_state
from snakestudy.results.unowned import clear_unowned
from snakestudy.storage.documents import ChunkEntry, Footer
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.outputs import Outputs
from snakestudy.storage.record import planned_study
from snakestudy.tables.arrow import read, write
from snakestudy.tables.common_types import common_types
from snakestudy.tables.row_selection import index_in, take_rows


def make_task_table(layout: Layout) -> None:
    """Bring results/ in line with the newest plan: see the functions below.

    Raises:
        UserError: naming the file, metric and column of what cannot be shown.
    """
    back_to_now(layout.output_files())
    record = planned_study(layout, str(layout.results))
    clear_unowned(layout, record)
    for table in record.tables:
        Outputs.of(layout, table, record.chunks).unify()
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
    manifests = [_active(layout, chunk) for chunk in chunks]
    schemas = [manifest.result_columns().schema for manifest in manifests]
    types = common_types(dict(zip(s.names[1:], s.types[1:], strict=True)) for s in schemas)
    tables = []
    for manifest, (chunk, entry) in zip(manifests, chunks.items(), strict=True):
        words, own = statuses(chunk, entry), manifest.table
        parameters = manifest.result_columns(types)
        lacking = {name: pa.nulls(len(own), type_) for name, type_ in types.items()}
        columns = {
            "task_id": own["task_id"],
            "seq": own["seq"],
            **lacking,
            **dict(zip(parameters.column_names[1:], parameters.columns[1:], strict=True)),
            "chunk": pa.repeat(chunk, len(own)),
            "plan": own["plan"].cast(pa.int64()),
            "status": pa.repeat("success", len(own)) if words is None else pa.array(words),
        }
        tables.append(pa.table(columns))
    table = pa.concat_tables(tables)
    seqs = table["seq"]
    is_later = compute.call_function("greater", [seqs.slice(1), seqs.slice(0, len(table) - 1)])
    none_is_fine = compute.ScalarAggregateOptions(min_count=0)
    is_sorted = compute.call_function("all", [is_later], none_is_fine).as_py()
    # It is, unless chunks were made by `by`.
    return table if is_sorted else table.sort_by("seq")


def _active(layout: Layout, chunk: str) -> Manifest:
    manifest = Manifest.of(layout, chunk)
    if manifest is None:
        raise UserError(f"the manifest of chunk {chunk} is lost", fix="Run snakemake.")
    return manifest.of_active()


def _noted_statuses(layout: Layout, chunk: str, entry: ChunkEntry) -> list[str] | None:
    """The statuses of a chunk's tasks as its output has them; None if all succeeded."""
    state = finished_state(layout, chunk, entry)
    if state is not None and all_succeeded(state, entry, CurrentStudy({})):
        return None
    tasks = Manifest.load(layout.manifest(chunk)).of_active().table["task_id"]
    metadata = read(layout.metadata(ONLY_STEP, chunk), ["task_id", "status"])
    return take_rows(metadata, index_in(tasks, metadata["task_id"]))["status"].to_pylist()
