"""Reading a study from Python: `study = snakestudy.open(".")`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

from snakestudy.errors import UserError, error_context
from snakestudy.layout import ONLY_STEP, Layout, metadata_table
from snakestudy.messages import nearest
from snakestudy.results.current import CurrentStudy
from snakestudy.results.progress import all_succeeded, finished_state, task_statuses
from snakestudy.storage.location import find_study
from snakestudy.storage.record import load_record, planned_study
from snakestudy.values import canonical

if TYPE_CHECKING:
    import pandas
    import pyarrow

    from snakestudy.design.columns import ParameterColumns
    from snakestudy.storage.chunk_store import Store
    from snakestudy.storage.documents import ChunkEntry, PlanRecord
    from snakestudy.storage.manifest import Manifest


def open(directory: str | Path = ".", results: str | None = None) -> Results:
    """The results of the study in a directory.

    Args:
        results: where they lie in it; found by itself, unless the directory has several studies.

    Raises:
        UserError: if no study has been planned there, or several and none is named.
    """
    place = Path(directory).absolute()  # wherever this process goes meanwhile
    layout = find_study(place, results).layout(place)
    if not layout.newest_plan():
        raise UserError("holds no study that was planned", value=str(directory))
    return Results(layout, place)


@dataclass(frozen=True)
class Results:
    """A study's tables as pandas DataFrames; every call reads what is there now."""

    layout: Layout
    directory: Path = Path()

    def tasks(self) -> pandas.DataFrame:
        """task_id, seq, parameters, chunk, plan (that added it), status: a row a task.

        The tasks are those of the newest plan, also while it runs. A task's status is `success`,
        `failure`, `stale` (what made its row has changed since; the next snakemake makes it
        again) or `pending`, as the study is now.
        """
        from snakestudy.results.task_table import task_table

        record = self._record()
        current = self._current(record)

        def statuses(chunk: str, entry: ChunkEntry) -> list[str] | None:
            state = finished_state(self.layout, chunk, entry)
            if state is not None and all_succeeded(state, entry, current):
                return None
            return [status for _, _, status in task_statuses(self.layout, chunk, current)]

        return task_table(self.layout, record.chunks, statuses).to_pandas()

    def results(
        self, metric: str, where: str | None = None, partial: bool = False
    ) -> pandas.DataFrame:
        """task_id, parameters, then the metric's own columns.

        Args:
            where: an expression of columns; only rows for which it holds.
            partial: read what visits have finished so far, also while the study runs; rows that
                are stale (see `tasks`) among them.

        Raises:
            UserError: for an unknown metric, a bad expression, or if nothing is there yet.
        """
        known = self._record().metrics
        if metric not in known:
            raise UserError("is no metric", value=metric, fix=nearest(metric, known))
        table = self._partial(metric) if partial else self._outputs(metric)
        if where is not None:
            table = table.filter(_mask(where, table))
        return table.to_pandas()

    def metadata(self, partial: bool = False) -> pandas.DataFrame:
        """task_id, parameters, status, error, seconds, ...: how every task went; times in UTC.

        Args:
            partial: read what visits have finished so far, also while the study runs.
        """
        if partial:
            return self._partial("metadata").to_pandas()
        return self._outputs(metadata_table(ONLY_STEP)).to_pandas()

    def failures(self) -> pandas.DataFrame:
        """The metadata of the tasks that failed so far, also while the study runs."""
        frame = self.metadata(partial=True)
        return frame[frame["status"] == "failure"].reset_index(drop=True)

    def completed_task_ids(self) -> list[str]:
        """The tasks that succeeded so far and are not stale, also while the study runs."""
        record = self._record()
        current = self._current(record)
        return [
            task_id
            for chunk in record.chunks
            for task_id, _, status in task_statuses(self.layout, chunk, current)
            if status == "success"
        ]

    def sets(
        self,
        metric: str,
        where: str | None,
        names: list[str],
        current: CurrentStudy | None = None,
    ) -> ParameterColumns:
        """The distinct sets of some columns in a metric's rows so far; empty if there is none.

        Parameters have the values they were declared with, not the types of the table.

        Args:
            where: as in `results`.
            current: the study as it is now; only rows that are not stale then count.
        """
        from snakestudy.design.columns import Column, distinct, encoded, plain_list

        nothing = {name: Column.of([]) for name in names}
        if not load_record(self.layout):
            return nothing
        table = self._partial(metric, current)
        if not len(table):
            return nothing
        unknown = [name for name in names if name not in table.column_names]
        if unknown:
            fix = nearest(unknown[0], table.column_names)
            raise UserError(f"is no column of {metric}", key="columns", value=unknown[0], fix=fix)
        if where is not None:
            with error_context("where"):
                table = table.filter(_mask(where, table))
        if not len(table):
            return nothing
        lists = {name: table[name].to_pylist() for name in names}
        lists.update(self._declared(table["task_id"].to_pylist(), names))
        return distinct({n: encoded(plain_list(v), canonical) for n, v in lists.items()})

    def _record(self) -> PlanRecord:
        return planned_study(self.layout, str(self.layout.results))

    def _current(self, record: PlanRecord) -> CurrentStudy:
        """The study as it is now; warns where that cannot be told."""
        current = CurrentStudy.of(record, self.layout, self.directory)
        if current.problem:
            warn(f"what is stale is not known: {current.problem}", stacklevel=3)
        return current

    def _partial(self, name: str, current: CurrentStudy | None = None) -> pyarrow.Table:
        """What the stores hold of the active tasks, a task's last row only.

        Args:
            current: as in `sets`.
        """
        from pyarrow import array, string, table

        from snakestudy.storage.chunk_store import Store
        from snakestudy.storage.manifest import Manifest
        from snakestudy.storage.outputs import shown_together

        found = []
        for chunk in self._record().chunks:
            manifest = Manifest.of(self.layout, chunk)
            if manifest is not None:
                store = Store(self.layout.chunk_store(chunk))
                found += store.at_once(
                    lambda parts, store=store, manifest=manifest: _last(
                        store, name, manifest, current, parts
                    )
                )
        nothing = table({"task_id": array([], string()), "status": array([], string())})
        return shown_together(name, found) if found else nothing

    def _declared(self, ids: Iterable[str], names: list[str]) -> dict[str, list[Any]]:
        """The values of parameters for these tasks as manifests hold them."""
        from snakestudy.storage.manifest import Manifest

        wanted, values = set(ids), {}
        parameters: set[str] = set()
        for chunk in self._record().chunks:
            manifest = Manifest.of(self.layout, chunk)
            if manifest is None:
                continue
            declared = [name for name in names if name in manifest.parameters]
            parameters.update(declared)
            for task_id, *row in zip(manifest.ids, *map(manifest.values, declared), strict=True):
                if task_id in wanted:
                    values[task_id] = dict(zip(declared, row, strict=True))
        return {name: [values[i].get(name) for i in ids] for name in names if name in parameters}

    def _outputs(self, table: str) -> pyarrow.Table:
        from snakestudy.storage.outputs import Outputs

        chunks = self._record().chunks
        missing = [path for c in chunks if not (path := self.layout.output(table, c)).exists()]
        if missing:
            fix = "Let snakemake finish, or read with partial=True."
            raise UserError("is not there yet", file=str(missing[0]), fix=fix)
        return Outputs.of(self.layout, table, chunks).read()


def _last(
    store: Store, name: str, manifest: Manifest, current: CurrentStudy | None, parts: list[int]
) -> list[tuple[Manifest, list[pyarrow.Table]]]:
    """A table's rows in some parts that are the last of active tasks, as stored.

    Args:
        current: if given, rows that other code or inputs made are left out.
    """
    from snakestudy.provenance.row_digest import RowDigest
    from snakestudy.storage.task_rows import as_rows

    last_rows = store.last_rows_in(parts)
    rows = as_rows(last_rows)
    spec = current and current.spec(ONLY_STEP, manifest.spec)
    tasks = []
    for task_id in manifest.active_ids:
        row = rows.get(task_id)
        # A metric that came later changes nothing of what the others say.
        if row and (spec is None or spec.is_made_now(RowDigest.parse(row.digest))):
            tasks.append(task_id)
    merged = store.merged(name, last_rows, tasks)
    has_rows = any(own for _, own in merged.parts)
    return [(manifest.of_active(), list(merged.batches()))] if has_rows else []


def _mask(where: str, table: pyarrow.Table) -> pyarrow.Array:
    """The rows for which an expression of columns holds."""
    from pyarrow import array

    from snakestudy.design import expressions

    names = expressions.names(expressions.parse(where))
    known = {name: table[name] for name in table.column_names if name in names}
    values = {name: column.to_pandas().to_numpy() for name, column in known.items()}
    if names - known.keys():  # its message names the nearest of all columns
        values = dict.fromkeys(table.column_names, ())
    return array(expressions.condition(where, values, len(table)))
