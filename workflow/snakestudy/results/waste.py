"""What no design needs any more, and removing it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.messages import aligned, pluralize
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.manifest import Manifest


@dataclass(frozen=True)
class Waste:
    """What no design needs.

    Attributes:
        rows: chunk -> inactive tasks that have rows in its store.
        chunks: without an active task -> how many tasks they have rows of.
        directories: run directories of tasks that are not active.
        manifests: of the chunks in `rows`.
    """

    rows: dict[str, list[str]]
    chunks: dict[str, int]
    directories: list[Path]
    manifests: dict[str, Manifest]


def find_waste(record: PlanRecord, layout: Layout, declared: set[str]) -> Waste:
    """What there is of tasks that the newest plan does not have and nothing declares.

    Raises:
        UserError: if a manifest is lost, or something is of a newer format.
    """
    rows, manifests, needed = {}, {}, set(declared)
    for chunk in record.chunks:
        manifest = Manifest.of(layout, chunk)
        if manifest is None:
            raise UserError(f"the manifest of chunk {chunk} is lost", fix="Run snakemake first.")
        needed.update(manifest.active_ids)
        there = sorted(
            (set(manifest.ids) - needed) & Store(layout.chunk_store(chunk)).rows().keys()
        )
        if there:
            rows[chunk], manifests[chunk] = there, manifest
    chunks = {}
    for chunk in layout.started():
        if chunk not in record.chunks:
            manifest = Manifest.of(layout, chunk)
            if manifest and needed.isdisjoint(manifest.ids):
                chunks[chunk] = len(Store(layout.chunk_store(chunk)).last_rows())
    for chunk in (*rows, *chunks):
        Store(layout.chunk_store(chunk)).refuse_newer()
    directories = [path for path in _run_directories(layout) if path.name not in needed]
    return Waste(rows, chunks, directories, manifests)


def _run_directories(layout: Layout) -> Iterator[Path]:
    for group in sorted(layout.runs.glob("[0-9a-f][0-9a-f]")):
        yield from sorted(path for path in group.iterdir() if len(path.name) == 16)


def describe_waste(waste: Waste, layout: Layout) -> str:
    """A table of what can go, and how large it is."""
    stores = [layout.chunk_store(chunk) for chunk in waste.chunks]
    tasks = sum(map(len, waste.rows.values())) + sum(waste.chunks.values())
    rows = [
        ["tasks taken out of the design", f"{tasks:,}", ""],
        ["chunks without a task", f"{len(stores):,}", _megabytes(stores)],
        ["run directories", f"{len(waste.directories):,}", _megabytes(waste.directories)],
    ]
    return aligned(["", "number", "MB"], rows)


def _megabytes(paths: Sequence[Path]) -> str:
    files = (file for path in paths for file in path.rglob("*") if not file.is_symlink())
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:,.1f}"


def remove_waste(waste: Waste, layout: Layout) -> None:
    """Remove it.

    Raises:
        UserError: if a visit is running; what was removed before stays so.
    """
    for chunk, tasks in waste.rows.items():
        store = Store(layout.chunk_store(chunk))
        with store.lock():
            store.drop(waste.manifests[chunk], set(tasks))
        print(f"  {chunk}: {pluralize(len(tasks), 'task')}", flush=True)
    for chunk in waste.chunks:
        store = Store(layout.chunk_store(chunk))
        with store.lock():
            layout.manifest(chunk).unlink(missing_ok=True)
            shutil.rmtree(store.directory)
    for directory in waste.directories:
        shutil.rmtree(directory)
