"""Finished tasks on their way into the store: columns that grow, then one part's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, repeat
from typing import Any

import pyarrow as pa

from snakestudy.running.metrics import RowBuffer
from snakestudy.running.result import FIELDS
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import array, take_rows


class Part:
    """Finished tasks that are not in the store yet.

    Attributes:
        index: their rows in the manifest.
        columns: the fields of their results (`result.FIELDS`).
    """

    def __init__(self, metrics: Iterable[str]) -> None:
        self.index: list[int] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in FIELDS}
        self._metrics = {name: _MetricRows() for name in metrics}

    def add(self, done: Mapping[str, Any]) -> None:
        """Add what a worker handed over (see `BatchResult`)."""
        self.index.extend(done["index"])
        for name, values in self.columns.items():
            values.extend(done[name])
        for name, (owners, counts, columns) in done["metrics"].items():
            self._metrics[name].add(owners, counts, columns)

    def tables(self, manifest: Manifest, step: str, plan: int) -> dict[str, pa.Table]:
        """metadata and one table a metric, in the manifest's order, parameters after task_id."""
        published = manifest.published()
        own = self._metadata(step, plan)
        tables = {"metadata": _beside(published, self.index, own)}
        for name, rows in self._metrics.items():
            columns = {key: array(values) for key, values in rows.buffer.columns.items()}
            tables[name] = _beside(published, rows.index(), columns)
        return tables

    def _metadata(self, step: str, plan: int) -> dict[str, pa.Array]:
        count, fields = len(self.index), self.columns
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


class _MetricRows:
    """The rows of one metric, and which task each belongs to."""

    def __init__(self) -> None:
        self.owners: list[int] = []
        self.counts: list[int] = []
        self.buffer = RowBuffer()

    def add(self, owners: list[int], counts: list[int], columns: Mapping[str, list]) -> None:
        self.owners.extend(owners)
        self.counts.extend(counts)
        self.buffer.add(sum(counts), columns)

    def index(self) -> list[int]:
        return list(chain.from_iterable(map(repeat, self.owners, self.counts)))


def _beside(published: pa.Table, index: list[int], own: Mapping[str, pa.Array]) -> pa.Table:
    """Rows with the parameters of their tasks, in the manifest's order."""
    order = sorted(range(len(index)), key=index.__getitem__)
    parameters, columns = take_rows(published, sorted(index)), take_rows(pa.table(own), order)
    names = [*parameters.column_names, *own]
    return pa.table([*parameters.columns, *columns.columns], names=names)
