"""`python -m snakestudy prune`: remove what the design does not need any more.

Results of tasks that neither the newest plan nor the configuration has, their run
directories, and chunks without any task left. Without --yes, it only lists them.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._config import load
from ._errors import UserError, counted
from ._layout import Layout, enter
from ._manifest import Manifest
from ._state import load_record
from ._store import Store
from ._survey import Survey
from ._text import aligned


@dataclass(frozen=True)
class Waste:
    """What no design needs.

    Attributes:
        rows: chunk -> inactive tasks that have rows in its store.
        chunks: without an active task.
        directories: run directories of tasks that are not active.
    """

    rows: dict[str, list[str]]
    chunks: list[str]
    directories: list[Path]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m snakestudy prune", description=__doc__)
    parser.add_argument("directory", nargs="?", default=".", help="of the study (default: here)")
    parser.add_argument("--yes", action="store_true", help="remove it; it cannot be got back")
    given = parser.parse_args(arguments)
    enter(given.directory)
    layout = Layout()
    record = load_record(layout)
    if record is None:
        raise UserError("holds no study that was planned", value=given.directory)
    study = load(record["config_file"], {}, record)
    try:
        declared = set(Survey.of(study, record, layout, 1).design().ids)
    except UserError as error:
        raise error.at(file=study.file) from None
    waste = find(record, layout, declared)
    print(describe(waste, layout))
    if given.yes:
        remove(waste, layout)
        print("removed")
    elif waste.rows or waste.chunks or waste.directories:
        print("nothing was removed; --yes removes it for good")
    return 0


def find(record: dict[str, Any], layout: Layout, declared: set[str]) -> Waste:
    """What there is of tasks that the newest plan does not have and nothing declares."""
    rows, needed = {}, set(declared)
    for chunk in record["chunks"]:
        manifest = Manifest.of(layout, chunk)
        if manifest is None:
            raise UserError(f"the manifest of chunk {chunk} is lost", fix="Run snakemake first.")
        needed.update(manifest.active_ids)
        there = sorted(
            (set(manifest.ids) - needed) & Store(layout.chunk_store(chunk)).rows().keys()
        )
        if there:
            rows[chunk] = there
    started = {path.parent.name for path in layout.store.glob("*/manifest.parquet")}
    chunks = [
        chunk
        for chunk in sorted(started - record["chunks"].keys())
        if (manifest := Manifest.of(layout, chunk)) and needed.isdisjoint(manifest.ids)
    ]
    directories = [path for path in _run_directories(layout) if path.name not in needed]
    return Waste(rows, chunks, directories)


def _run_directories(layout: Layout) -> Iterator[Path]:
    for group in sorted(layout.runs.glob("[0-9a-f][0-9a-f]")):
        yield from sorted(path for path in group.iterdir() if len(path.name) == 16)


def describe(waste: Waste, layout: Layout) -> str:
    """A table of what can go, and how large it is."""
    stores = [layout.chunk_store(chunk) for chunk in waste.chunks]
    tasks = sum(map(len, waste.rows.values()))
    rows = [
        ["tasks taken out of the design", f"{tasks:,}", ""],
        ["chunks without a task", f"{len(stores):,}", _megabytes(stores)],
        ["run directories", f"{len(waste.directories):,}", _megabytes(waste.directories)],
    ]
    return aligned(["", "number", "MB"], rows)


def _megabytes(paths: Sequence[Path]) -> str:
    files = (file for path in paths for file in path.rglob("*") if not file.is_symlink())
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:,.1f}"


def remove(waste: Waste, layout: Layout) -> None:
    """Remove it.

    Raises:
        UserError: if a visit is running; what was removed before stays so.
    """
    for chunk, tasks in waste.rows.items():
        store = Store(layout.chunk_store(chunk))
        with store.lock():
            store.drop(set(tasks))
        print(f"  {chunk}: {counted(len(tasks), 'task')}", flush=True)
    for chunk in waste.chunks:
        store = Store(layout.chunk_store(chunk))
        with store.lock():
            layout.manifest(chunk).unlink(missing_ok=True)
            shutil.rmtree(store.directory)
    for directory in waste.directories:
        shutil.rmtree(directory)
