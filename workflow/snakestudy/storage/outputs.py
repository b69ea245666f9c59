"""A chunk's outputs in results/, made of its store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from snakestudy.files import sha256_of
from snakestudy.layout import Layout
from snakestudy.storage.chunk_store import Store, with_parameters
from snakestudy.storage.documents import Footer
from snakestudy.storage.links import link
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import read, rows_with, write


def project(
    store: Store,
    part: int,
    names: Sequence[str],
    layout: Layout,
    manifest: Manifest,
    footer: Footer,
) -> dict[str, str]:
    """Make the outputs of a compacted part: hard links if it holds just the active tasks.

    Returns:
        As `State.links`.
    """
    active = manifest.of_active()
    metadata = read(store.table("metadata", part), ["task_id"])
    same = metadata["task_id"].equals(active.table["task_id"])
    links = {}
    for name in names:
        source = store.table(name, part)
        output = layout.projection(name, footer.step, manifest.chunk)
        if same and link(source, output):
            links[name] = sha256_of(source)
        else:
            table = _of_active(store, part, source, active, footer)
            write(table, output, replace(footer, table=name).to_json())
    return links if len(links) == len(names) else {}


def _of_active(store: Store, part: int, source: Path, active: Manifest, footer: Footer) -> pa.Table:
    """The rows of active tasks in a part's table; none if it has no such table."""
    if not source.exists():
        table = read(store.table("metadata", part)).schema.empty_table()
        return table.select(["task_id", *footer.parameters])
    table = rows_with(read(source), active.table["task_id"]).drop_columns(list(footer.parameters))
    return with_parameters(table, active.result_columns())
