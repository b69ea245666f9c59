"""The tables of a store's parts, as rows of tasks: read and put together a few megabytes at a time.

A table has task_id, the parameters of its tasks, then its own columns as they are stored (see
`tables.kinds`). The rows of a task follow each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from snakestudy.errors import UserError
from snakestudy.storage.documents import Footer
from snakestudy.tables.arrow import Description, describe, footer_of, read_groups
from snakestudy.tables.kinds import as_stored, stored_schema
from snakestudy.tables.row_selection import places_in, rows_with, sorted_by

_NATURAL_FORMAT = 2
_WINDOW_BYTES = 64_000_000  # of rows that are held at a time


def footer_in(schema: pa.Schema, file: Path) -> Footer:
    """
    Raises:
        UserError: if it is of a newer format.
    """
    return Footer.of(footer_of(schema), str(file))


@dataclass(frozen=True)
class PartTable:
    """One table of a part, or an output."""

    path: Path

    @cached_property
    def description(self) -> Description:
        """
        Raises:
            Unreadable, FileNotFoundError
        """
        return describe(self.path)

    @cached_property
    def footer(self) -> Footer:
        return footer_in(self.description.schema, self.path)

    @property
    def own_schema(self) -> pa.Schema:
        """Its own columns; they come after the parameters, whatever they are called."""
        fields = list(self.description.schema)[1 + len(self.footer.parameters) :]
        return pa.schema(fields)

    @property
    def is_before_natural(self) -> bool:
        """Whether it was written before files said what their columns are by themselves."""
        return footer_of(self.description.schema).get("format", 0) < _NATURAL_FORMAT

    @property
    def bytes(self) -> int:
        return sum(self.description.bytes_of_groups)

    def own_rows(self, tasks: Sequence[str]) -> pa.Table:
        """task_id and own columns of some tasks, in the file's order."""
        groups = None if self.bytes <= _WINDOW_BYTES else self._groups_of(tasks)
        tables = [self._own(table) for table in read_groups(self.path, groups)]
        table = pa.concat_tables(tables) if tables else self._own_schema_with_id.empty_table()
        return rows_with(table, pa.chunked_array([tasks], pa.string()))

    def batches(self) -> Iterator[pa.Table]:
        """task_id and own columns, a row group at a time."""
        yield from map(self._own, read_groups(self.path))

    def _own(self, table: pa.Table) -> pa.Table:
        places = [0, *range(1 + len(self.footer.parameters), table.num_columns)]
        return table.select(places).replace_schema_metadata(None)

    @property
    def _own_schema_with_id(self) -> pa.Schema:
        return pa.schema([("task_id", pa.string()), *self.own_schema])

    def _groups_of(self, tasks: Sequence[str]) -> list[int]:
        """The row groups that rows of some tasks lie in."""
        wanted = set(tasks)
        held = enumerate(self.rows_by_task)
        return [group for group, rows in held if not rows.keys().isdisjoint(wanted)]

    @cached_property
    def rows_by_task(self) -> list[dict[str, int]]:
        """Of each row group: task_id -> its rows there."""
        from pyarrow import compute  # takes longer than a small visit's other work with tables

        found = []
        for table in read_groups(self.path, columns=["task_id"]):
            counted = compute.call_function("value_counts", [table["task_id"]])
            found.append({row["values"]: row["counts"] for row in counted.to_pylist()})
        return found


@dataclass(frozen=True)
class MergedTable:
    """Tables of several parts under each other, a task's last row only.

    Attributes:
        parts: each with the tasks whose rows are taken from it.
        tasks: all of them, in the order that they come out.
    """

    parts: list[tuple[PartTable, list[str]]]
    tasks: list[str]

    @cached_property
    def schema(self) -> pa.Schema:
        """The own columns, as stored."""
        return stored_schema([part.own_schema for part, tasks in self.parts if tasks])

    def batches(self) -> Iterator[pa.Table]:
        """task_id and own columns, in the order of tasks."""
        for window in self._windows():
            chosen = None if len(window) == len(self.tasks) else set(window)
            tables = []
            for part, tasks in self.parts:
                own = tasks if chosen is None else [task for task in tasks if task in chosen]
                if own:
                    tables.append(as_stored(part.own_rows(own), self.schema, keys=1))
            if tables:
                rows = _under_each_other(tables)
                yield in_order(rows, pa.chunked_array([window], pa.string()))

    def _windows(self) -> Iterator[list[str]]:
        """The tasks, as many at a time as are held easily."""
        total = sum(part.bytes for part, tasks in self.parts if tasks)
        if total <= _WINDOW_BYTES:
            yield self.tasks
            return
        rows: dict[str, int] = {}
        for part, tasks in self.parts:
            own = set(tasks)
            for group in part.rows_by_task:
                for task, count in group.items():
                    if task in own:
                        rows[task] = rows.get(task, 0) + count
        most = max(1, sum(rows.values()) * _WINDOW_BYTES // (2 * total))
        window: list[str] = []
        held = 0
        for task in self.tasks:
            window.append(task)
            held += rows.get(task, 0)
            if held >= most:
                yield window
                window, held = [], 0
        if window:
            yield window


def _under_each_other(tables: list[pa.Table]) -> pa.Table:
    """Tables that are alike, but for task_id, which large ones have as a dictionary."""
    if len({table["task_id"].type for table in tables}) > 1:
        ids = [table["task_id"].cast(pa.string()) for table in tables]
        tables = [t.set_column(0, "task_id", i) for t, i in zip(tables, ids, strict=True)]
    return pa.concat_tables(tables)


def in_order(table: pa.Table, tasks: pa.ChunkedArray) -> pa.Table:
    """The table's rows in the order of their tasks."""
    places = places_in(table["task_id"], tasks)
    return table if places is None else sorted_by(table, places)


def beside_parameters(table: pa.Table, result_columns: pa.Table, what: str) -> pa.Table:
    """A table's own columns behind task_id and the parameters of its tasks.

    Raises:
        UserError: if one of them has the name of a parameter.
        ValueError: if there are rows of tasks without parameters.
    """
    own = table.column_names[1:]
    refuse_doubled(own, result_columns.column_names, what)
    parameters, places = result_columns, places_in(table["task_id"], result_columns["task_id"])
    if places is not None:
        if places.null_count:
            raise ValueError("there are rows of tasks that the manifest does not have")
        parameters = result_columns.take(places)
    columns = [*parameters.columns, *table.columns[1:]]
    return pa.table(columns, names=[*parameters.column_names, *own])


def refuse_doubled(own: Iterable[str], parameters: Iterable[str], what: str) -> None:
    """
    Raises:
        UserError: if a column of results has the name of a parameter; what: whose it is.
    """
    doubled = sorted({*own} & {*parameters})
    if doubled:
        raise UserError(
            "is a column of results, and a parameter, derived column or label, too",
            key=what,
            value=doubled[0],
            fix="Rename one of them, in the configuration or in what the task hands over.",
        )
