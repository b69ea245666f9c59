"""Reading a study from Python: `study = snakestudy.open(".")`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import UserError, nearest
from ._layout import Layout
from ._state import load_record

if TYPE_CHECKING:
    import pandas
    import pyarrow


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
        frame = table.to_pandas()
        if where is None:
            return frame
        from . import _expr

        values = {name: frame[name].to_numpy() for name in frame}
        held = _expr.condition(where, values, len(frame))
        return frame[held].reset_index(drop=True)

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
        path = self.layout.metadata if name == "metadata" else None
        return self._table([path(c) if path else self.layout.output(name, c) for c in chunks])

    def _partial(self, name: str) -> pyarrow.Table:
        """What the stores hold of the active tasks, a task's last row only."""
        from pyarrow import array, compute, string, table

        from ._manifest import Manifest
        from ._store import Store
        from ._tables import read, stack

        found = []
        for chunk in self._record()["chunks"]:
            store = Store(self.layout.chunk_store(chunk))
            rows = store.rows()
            manifest = Manifest.load(self.layout.manifest(chunk))
            active = [i for i, on in zip(manifest.ids, manifest.active, strict=True) if on]
            for part in store.numbers():
                last = [i for i in active if i in rows and rows[i].part == part]
                if store.table(name, part).exists():
                    own = read(store.table(name, part))
                    keep = compute.is_in(own["task_id"], value_set=array(last, string()))
                    found.append(own.filter(keep))
        empty = table({"task_id": array([], string()), "status": array([], string())})
        return stack(found) if found else empty

    def _table(
        self, paths: list[Path], fix: str = "Let snakemake finish, or read with partial=True."
    ) -> pyarrow.Table:
        from ._tables import read, stack

        missing = [path for path in paths if not path.exists()]
        if missing:
            raise UserError("is not there yet", file=str(missing[0]), fix=fix)
        return stack([read(path) for path in paths])
