"""Reading a study from Python: `study = snakestudy.open(".")`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.errors import UserError, error_context
from snakestudy.layout import Layout
from snakestudy.messages import nearest
from snakestudy.storage.record import load_record
from snakestudy.values import canonical

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from snakestudy.design.columns import ParameterColumns
    from snakestudy.storage.chunk_store import Store

Counts = Callable[[str, list[str]], bool]


def open(directory: str | Path = ".", results: str = "results") -> Results:
    """The results of the study in a directory.

    Raises:
        UserError: if no study has been planned there.
    """
    layout = Layout(results=Path(directory) / results)
    if not layout.newest_plan():
        raise UserError("holds no study that was planned", value=str(directory))
    return Results(layout)


@dataclass(frozen=True)
class Results:
    """A study's tables as pandas DataFrames; every call reads what is there now."""

    layout: Layout

    def tasks(self) -> pandas.DataFrame:
        """task_id, seq, parameters, chunk, plan (that added it), status: a row a task."""
        return self._table([self.layout.tasks], "Let snakemake finish.").to_pandas()

    def results(
        self, metric: str, where: str | None = None, partial: bool = False
    ) -> pandas.DataFrame:
        """task_id, parameters, then the metric's own columns.

        Args:
            where: an expression of columns; only rows for which it holds.
            partial: read what visits have finished so far, also while the study runs.

        Raises:
            UserError: for an unknown metric, a bad expression, or if nothing is there yet.
        """
        known = self._record()["metrics"]
        if metric not in known:
            raise UserError("is no metric", value=metric, fix=nearest(metric, known))
        table = self._partial(metric) if partial else self._outputs(metric)
        return (table if where is None else table.filter(_held(where, table))).to_pandas()

    def metadata(self, partial: bool = False) -> pandas.DataFrame:
        """task_id, parameters, status, error, seconds, ...: how every task went; times in UTC.

        Args:
            partial: read what visits have finished so far, also while the study runs.
        """
        table = self._partial("metadata") if partial else self._outputs("metadata")
        return table.to_pandas()

    def failures(self) -> pandas.DataFrame:
        """The metadata of the tasks that failed so far, also while the study runs."""
        frame = self.metadata(partial=True)
        return frame[frame["status"] == "failure"].reset_index(drop=True)

    def completed_task_ids(self) -> list[str]:
        """The tasks that succeeded so far, also while the study runs."""
        from pyarrow import compute

        table = self._partial("metadata")
        return table.filter(compute.equal(table["status"], "success"))["task_id"].to_pylist()

    def _record(self) -> dict:
        return load_record(self.layout)

    def _outputs(self, name: str) -> pyarrow.Table:
        chunks = self._record()["chunks"]
        return self._table([self.layout.output(name, chunk) for chunk in chunks])

    def _partial(self, name: str, counts: Counts | None = None) -> pyarrow.Table:
        """What the stores hold of the active tasks, a task's last row only.

        Args:
            counts: says by digest and the chunk's kept digests which rows to take.
        """
        from pyarrow import array, string, table

        from snakestudy.storage.chunk_store import Store
        from snakestudy.storage.manifest import Manifest
        from snakestudy.tables.arrow import concat

        found = []
        for chunk, entry in self._record()["chunks"].items():
            manifest = Manifest.of(self.layout, chunk)
            if manifest is not None:
                store = Store(self.layout.chunk_store(chunk))
                kept = counts and functools.partial(counts, kept=entry["kept"])
                read = functools.partial(_last, store, name, manifest.active_ids, kept)
                found += store.at_once(read)
        empty = table({"task_id": array([], string()), "status": array([], string())})
        return concat(found) if found else empty

    def sets(
        self, metric: str, where: str | None, names: list[str], counts: Counts | None = None
    ) -> ParameterColumns:
        """The distinct sets of some columns in a metric's rows so far; empty if there is none.

        Parameters have the values they were declared with, not the types of the table.

        Args:
            where, counts: as in `results` and `_partial`.
        """
        from snakestudy.design.columns import Column, distinct, encoded, plain_list

        nothing = {name: Column.of([]) for name in names}
        table = self._partial(metric, counts) if self._record() else ()
        if not len(table):
            return nothing
        unknown = [name for name in names if name not in table.column_names]
        if unknown:
            fix = nearest(unknown[0], table.column_names)
            raise UserError(f"is no column of {metric}", key="columns", value=unknown[0], fix=fix)
        if where is not None:
            with error_context("where"):
                table = table.filter(_held(where, table))
        if not len(table):
            return nothing
        lists = {name: table[name].to_pylist() for name in names}
        lists.update(self._declared(table["task_id"].to_pylist(), names))
        return distinct({n: encoded(plain_list(v), canonical) for n, v in lists.items()})

    def _declared(self, ids: list[str], names: list[str]) -> dict[str, list[Any]]:
        """The values of parameters for these tasks as manifests hold them."""
        from snakestudy.storage.manifest import Manifest

        wanted, values = set(ids), {}
        parameters: set[str] = set()
        for chunk in self._record()["chunks"]:
            manifest = Manifest.of(self.layout, chunk)
            if manifest is None:
                continue
            own = [name for name in names if name in manifest.parameters]
            parameters.update(own)
            for task_id, *row in zip(manifest.ids, *map(manifest.values, own), strict=True):
                if task_id in wanted:
                    values[task_id] = dict(zip(own, row, strict=True))
        return {name: [values[i].get(name) for i in ids] for name in names if name in parameters}

    def _table(
        self, paths: list[Path], fix: str = "Let snakemake finish, or read with partial=True."
    ) -> pyarrow.Table:
        from snakestudy.tables.arrow import concat, read

        missing = [path for path in paths if not path.exists()]
        if missing:
            raise UserError("is not there yet", file=str(missing[0]), fix=fix)
        return concat([read(path) for path in paths])


def _last(
    store: Store, name: str, active: list[str], kept: Callable[[str], bool] | None, parts: list[int]
) -> list[pyarrow.Table]:
    """A table of each of some parts: its rows that are the last of active tasks.

    Args:
        kept: says by digest which rows to take.
    """
    from pyarrow import chunked_array, string

    from snakestudy.storage.chunk_store import as_rows
    from snakestudy.tables.arrow import read, rows_with

    rows = as_rows(store.last_rows_in(parts))
    last: dict[int, list[str]] = {part: [] for part in parts}
    for task_id in active:
        row = rows.get(task_id)
        if row and (kept is None or kept(row.digest)):
            last[row.part].append(task_id)
    return [
        rows_with(read(store.table(name, part)), chunked_array([tasks], string()))
        for part, tasks in last.items()
        if store.table(name, part).exists()
    ]


def _held(where: str, table: pyarrow.Table) -> pyarrow.Array:
    """The rows for which an expression of columns holds, as a mask."""
    from pyarrow import array

    from snakestudy.design import expressions

    names = expressions.names(expressions.parse(where))
    known = {name: table[name] for name in table.column_names if name in names}
    values = {name: column.to_pandas().to_numpy() for name, column in known.items()}
    if names - known.keys():  # its message names the nearest of all columns
        values = dict.fromkeys(table.column_names, ())
    return array(expressions.condition(where, values, len(table)))
