"""Finished tasks on their way into the store: columns that grow, then one part's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, repeat
from typing import Any

import pyarrow as pa

from snakestudy.running.result import FIELDS, BatchResult
from snakestudy.running.row_buffer import RowBuffer
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import take_rows
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
        tables = {"metadata": _beside(parameters, self.index, self._metadata(step, plan))}
        for name, rows in self._metrics.items():
            columns = {key: stored_pieces(pieces) for key, pieces in rows.columns.items()}
            index = list(chain.from_iterable(map(repeat, rows.indices, rows.counts)))
            tables[name] = _beside(parameters, index, columns)
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


def _beside(parameters: pa.Table, index: list[int], columns: Mapping[str, Any]) -> pa.Table:
    """Columns beside the parameters of their tasks, in the manifest's order."""
    in_order = sorted(range(len(index)), key=index.__getitem__)
    left = take_rows(parameters, sorted(index))
    right = take_rows(pa.table(columns), in_order)
    names = [*left.column_names, *right.column_names]
    return pa.table([*left.columns, *right.columns], names=names)
