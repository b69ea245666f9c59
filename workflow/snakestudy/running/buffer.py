"""Finished tasks on their way into the store: columns that grow, then one part's tables."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import pyarrow as pa

from snakestudy.running.result import FIELDS, BatchResult
from snakestudy.running.row_buffer import RowBuffer
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import repeat_rows
from snakestudy.tables.kinds import stored_pieces


class ResultBuffer:
    """Finished tasks that are not in the store yet.

    Args:
        metrics: their names.

    Attributes:
        index: rows of the tasks in the manifest.
        columns: FIELDS -> a value a task.
    """

    def __init__(self, metrics: Iterable[str]) -> None:
        self.index: list[int] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
        self._metrics = {name: RowBuffer() for name in metrics}

    def __len__(self) -> int:
        return len(self.index)

    def add(self, result: BatchResult) -> None:
        self.index.extend(result.index)
        for name, values in self.columns.items():
            values.extend(getattr(result, name))
        for name, rows in result.metrics.items():
            self._metrics[name].add_rows(rows)

    @property
    def bytes(self) -> int:
        """What the rows of metrics take, about."""
        return sum(rows.bytes for rows in self._metrics.values())

    def tables(self, manifest: Manifest, step: str, plan: int) -> dict[str, pa.Table]:
        """metadata and one table a metric, in the manifest's order, parameters after task_id."""
        parameters = manifest.result_columns()
        one_each = [1] * len(self)
        metadata = self._metadata(step, plan)
        tables = {"metadata": _beside(parameters, self.index, one_each, metadata)}
        for name, rows in self._metrics.items():
            columns = {key: stored_pieces(pieces) for key, pieces in rows.columns.items()}
            tables[name] = _beside(parameters, rows.indices, rows.counts, columns)
        return tables

    def _metadata(self, step: str, plan: int) -> dict[str, pa.Array]:
        count, fields = len(self), self.columns
        status = ["failure" if error else "success" for error in fields["error"]]
        microseconds = [int(second * 1e6) for second in fields["started"]]
        return {
            "step": pa.repeat(step, count),
            "status": pa.array(status, pa.string()),
            "started": pa.array(microseconds, pa.timestamp("us", tz="UTC")),
            "seconds": pa.array(fields["seconds"], pa.float64()),
            "host": pa.array(fields["host"], pa.string()),
            "attempt": pa.array(fields["attempt"], pa.int64()),
            "exit_code": pa.array(fields["exit_code"], pa.int64()),
            "error": pa.array(fields["error"], pa.string()),
            "max_rss_mb": pa.array(fields["max_rss_mb"], pa.float64()),
            "digest": pa.array(fields["digest"], pa.string()),
            "plan": pa.repeat(plan, count),
        }


def _beside(
    parameters: pa.Table, indices: list[int], counts: list[int], columns: Mapping[str, Any]
) -> pa.Table:
    """Columns beside the parameters of their tasks, in the manifest's order.

    Args:
        indices: the manifest's rows of the tasks; counts: how many rows of the columns each has.
    """
    rows = pa.table(columns)
    order = sorted(range(len(indices)), key=indices.__getitem__)
    if order != list(range(len(indices))):
        starts, places = [0, *accumulate(counts)], array("q")
        for task in order:
            places.extend(range(starts[task], starts[task] + counts[task]))
        rows = rows.take(pa.array(places))
    left = repeat_rows(parameters, [indices[i] for i in order], [counts[i] for i in order])
    names = [*left.column_names, *rows.column_names]
    return pa.table([*left.columns, *rows.columns], names=names)
