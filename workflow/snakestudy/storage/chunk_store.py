"""The store of one chunk: what visits have computed so far, in whole parts.

A part is a directory `parts/000001` with `metadata.parquet` (a row a task) and one
file a metric; it appears by a rename. A task's last row wins.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from snakestudy.provenance.row_digest import RowDigest
from snakestudy.storage.documents import Footer
from snakestudy.storage.lock import hold
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.part_tables import MergedTable, PartTable, beside_parameters
from snakestudy.storage.task_rows import READ, TaskRow, as_rows
from snakestudy.tables.arrow import Unreadable, read, read_groups, sync_to_disk, write_batches
from snakestudy.tables.kinds import as_before
from snakestudy.tables.row_selection import index_in, take_rows

T = TypeVar("T")


@dataclass(frozen=True)
class Batches:
    """A table on its way into a part, some rows at a time."""

    schema: pa.Schema
    batches: Iterable[pa.Table]

    @classmethod
    def of(cls, table: pa.Table) -> Batches:
        return cls(table.schema, [table])


@dataclass(frozen=True)
class Store:
    """The store in a directory."""

    directory: Path

    @property
    def parts(self) -> Path:
        return self.directory / "parts"

    def lock(self) -> AbstractContextManager[None]:
        """Hold the chunk, as long as nobody else does (`storage.lock`)."""
        return hold(self.directory)

    def part_numbers(self) -> list[int]:
        """The parts that are there, oldest first."""
        if not self.parts.is_dir():
            return []
        return sorted(int(path.name) for path in self.parts.iterdir() if path.name.isdigit())

    def part(self, number: int) -> Path:
        return self.parts / f"{number:06d}"

    def at_once(self, read_parts: Callable[[list[int]], T]) -> T:
        """What is read from the parts that are there, as of one moment.

        A reader does not hold the lock: where a visit replaced parts meanwhile, it reads again.
        """
        while True:
            numbers = self.part_numbers()
            try:
                found = read_parts(numbers)
            except (Unreadable, FileNotFoundError):
                if set(numbers) <= set(self.part_numbers()):
                    raise
                continue
            if set(numbers) <= set(self.part_numbers()):
                return found

    def last_rows(self) -> pa.Table:
        """The last row of each task: task_id and the fields of `TaskRow`."""
        return self.at_once(self.last_rows_in)

    def last_rows_in(self, numbers: list[int]) -> pa.Table:
        """The last row of each task among these parts, as `last_rows`."""
        found = []
        for number in numbers:
            try:
                table = read(self.table("metadata", number), ["task_id", *READ])
            except (Unreadable, FileNotFoundError):
                continue  # the next visit sets the part aside
            part = pa.repeat(number, len(table))
            found.append(table.replace_schema_metadata(None).append_column("part", part))
        if len(found) == 1:
            return found[0]
        if not found:
            nothing = pa.array([], pa.string())
            return pa.table(dict.fromkeys(("task_id", *READ, "part"), nothing))
        table = pa.concat_tables(found)
        last = {task_id: row for row, task_id in enumerate(table["task_id"].to_pylist())}
        return take_rows(table, sorted(last.values()))

    def rows(self) -> dict[str, TaskRow]:
        """task_id -> its last row."""
        return as_rows(self.last_rows())

    def is_whole(self, number: int, tasks: pa.ChunkedArray) -> bool:
        """Whether a part has all its files, each can be read and was written for this chunk.

        Args:
            tasks: those of the chunk; a part with others is of another manifest, now lost.
        """
        part = self.part(number)
        try:
            tables = {"metadata": PartTable(part / "metadata.parquet")}
            names = tables["metadata"].footer.tables or [f.stem for f in part.glob("*.parquet")]
            tables |= {name: PartTable(part / f"{name}.parquet") for name in names}
            footers = {name: table.footer for name, table in tables.items()}
            for name in {*names} - {"metadata"}:
                for _ in read_groups(tables[name].path):
                    pass
            metadata = read(tables["metadata"].path)
        except (Unreadable, FileNotFoundError):
            return False
        is_this_chunk = all(
            (footer.chunk, footer.table) == (self.directory.name, name)
            for name, footer in footers.items()
        )
        return is_this_chunk and None not in index_in(metadata["task_id"], tasks)

    def set_aside_damaged(self, tasks: pa.ChunkedArray) -> list[Path]:
        """Take parts out of use that are not as they were written; where they lie now.

        Their tasks have no row any more, and run again. tasks: as in `is_whole`.
        """
        found = []
        for number in self.part_numbers():
            part = self.part(number)
            if not self.is_whole(number, tasks):
                found.append(part.rename(self.parts / f"damaged-{number:06d}-{time.time_ns()}"))
        return found

    def table(self, name: str, part: int) -> Path:
        return self.part(part) / f"{name}.parquet"

    def add(
        self,
        tables: Mapping[str, Batches],
        footer: Footer,
        *,
        is_passing: bool = False,
        sync: bool = False,
    ) -> int:
        """Add a part; returns its number.

        Args:
            is_passing: whether more parts come, with which it is put together.
            sync: return once it is on the disk.
        """
        number = max(self.part_numbers(), default=0) + 1
        temporary = self.parts / f".{number:06d}"
        shutil.rmtree(temporary, ignore_errors=True)
        footer = replace(footer, tables=tuple(sorted(tables)))
        for name, table in tables.items():
            write_batches(
                table.batches,
                table.schema,
                temporary / f"{name}.parquet",
                replace(footer, table=name).to_json(),
                is_passing=is_passing,
                sync=sync,
            )
        if sync:
            sync_to_disk(temporary)
        temporary.rename(self.part(number))
        if sync:
            sync_to_disk(self.parts)
        return number

    def restore(self, outputs: Mapping[str, Path], metrics: Collection[str]) -> None:
        """Make the first part of an empty store of a chunk's outputs, metadata among them.

        Raises:
            Unreadable: for one that is damaged.
        """
        digests = set(read(outputs["metadata"], ["digest"])["digest"].to_pylist())
        had = {metric for digest in digests for metric, _ in RowDigest.parse(digest).metrics}
        tables = tuple(sorted({"metadata", *had.intersection(metrics)}))
        part = self.parts / ".restored"
        shutil.rmtree(part, ignore_errors=True)
        for name, path in outputs.items():
            output = PartTable(path)
            footer = replace(output.footer, table=name, tables=tables)
            natural = output.description.natural
            batches = (as_before(table, natural) for table in read_groups(path))
            first = next(batches, natural.empty_table())
            where = part / f"{name}.parquet"
            write_batches(chain([first], batches), first.schema, where, footer.to_json())
        part.rename(self.parts / "000001")

    def refuse_newer(self) -> None:
        """
        Raises:
            UserError: if a part is of a newer format, before anything is removed in its favour.
        """
        for number in self.part_numbers():
            with suppress(Unreadable, FileNotFoundError):
                _ = PartTable(self.table("metadata", number)).footer

    def drop(self, manifest: Manifest, tasks: set[str]) -> None:
        """Remove the rows of tasks; for their next visit they never ran."""
        rows = self.last_rows()
        ids = rows["task_id"].to_pylist()
        rows = take_rows(rows, [row for row, task_id in enumerate(ids) if task_id not in tasks])
        self._replace(manifest, rows, self._footer(self.part_numbers()[-1]))

    def _footer(self, number: int) -> Footer:
        """The footer of a part's metadata."""
        return PartTable(self.table("metadata", number)).footer

    def compact(self, manifest: Manifest, rows: pa.Table, footer: Footer) -> int:
        """Make one part of the last rows, in the manifest's order; returns its number.

        Nothing is done if there is one part that fits already.
        """
        numbers = self.part_numbers()
        if len(numbers) == 1:
            made = self._footer(numbers[0])
            if _shown_by(made) == _shown_by(footer):
                return numbers[0]
        return self._replace(manifest, rows, footer)

    def _replace(self, manifest: Manifest, rows: pa.Table, footer: Footer) -> int:
        """Put one part with these last rows in the place of all parts; returns its number."""
        numbers = self.part_numbers()
        names = {path.stem for number in numbers for path in self.part(number).glob("*.parquet")}
        result_columns = manifest.result_columns()
        last = self._by_part(rows, manifest.ids)
        tables = {}
        for name in sorted(names):
            merged = MergedTable(self._tables_of(name, last), manifest.ids)
            tables[name] = _beside(merged, result_columns, f"metric {name}")
        number = self.add(tables, footer, sync=True)
        for old in numbers:  # first out of sight: half a part would look damaged
            self.part(old).rename(self.parts / f".{old:06d}")
        for old in self.parts.glob(".*"):
            shutil.rmtree(old)
        return number

    def merged(self, name: str, rows: pa.Table, tasks: list[str]) -> MergedTable:
        """The rows of a table that are the last ones of some tasks.

        Args:
            rows: as `last_rows`.
            tasks: in the order in which their rows come out.
        """
        return MergedTable(self._tables_of(name, self._by_part(rows, tasks)), tasks)

    def _by_part(self, rows: pa.Table, tasks: list[str]) -> dict[int, list[str]]:
        """The tasks whose last rows lie in each part."""
        part_of = dict(zip(rows["task_id"].to_pylist(), rows["part"].to_pylist(), strict=True))
        tasks_of: dict[int, list[str]] = {number: [] for number in self.part_numbers()}
        for task in tasks:
            if task in part_of:
                tasks_of[part_of[task]].append(task)
        return tasks_of

    def _tables_of(
        self, name: str, tasks_of: Mapping[int, list[str]]
    ) -> list[tuple[PartTable, list[str]]]:
        """A table of each part that has it, with the tasks whose rows are taken from it."""
        paths = ((self.table(name, number), tasks) for number, tasks in tasks_of.items())
        return [(PartTable(path), tasks) for path, tasks in paths if path.exists()]


def _beside(merged: MergedTable, result_columns: pa.Table, what: str) -> Batches:
    """A merged table with the parameters of its tasks; what: for an error."""
    schema = pa.schema([*result_columns.schema, *merged.schema])
    return Batches(schema, (beside_parameters(t, result_columns, what) for t in merged.batches()))


def _shown_by(footer: Footer) -> tuple[Any, ...]:
    """What decides which parameters a part shows, and their values; others are made anew."""
    return footer.parameters, footer.derive, footer.defaults
