"""Writing the orders of a plan: new chunks, manifests, a plan record's line on each chunk."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

import numpy
import pyarrow as pa

from . import _expr
from ._axes import Column
from ._design import Design, groups
from ._errors import UserError, nearest
from ._manifest import Manifest, encoded
from ._situation import Review, Situation, run_dirs_of


@dataclass(frozen=True)
class Orders:
    """Writes manifests for one plan.

    Attributes:
        index: task_id -> its row in the design.
    """

    now: Situation
    design: Design
    index: dict[str, int]

    def new(self, chunk: str, rows: list[int], first_seq: int) -> Manifest:
        """The manifest of a new chunk: these rows of the design."""
        where = numpy.array(rows)
        tries = 1 + self.now.study.task.retries
        columns: dict[str, Any] = {
            "task_id": [self.design.ids[row] for row in rows],
            "seq": pa.array(range(first_seq, first_seq + len(rows)), pa.int64()),
            "plan": pa.array([self.now.number + 1] * len(rows), pa.int32()),
            "_active": [True] * len(rows),
            "_attempt": pa.array([tries] * len(rows), pa.int32()),
            "_inputs": pa.array(self.now.own_inputs(self.design, rows), pa.string()),
        }
        as_json = []
        for name, column in self.design.columns.items():
            columns[name], is_json = self._column(column, where)
            as_json += [name] if is_json else []
        return Manifest(self._order(chunk, [], as_json), pa.table(columns))

    def anew(self, found: Review, keep: bool) -> Manifest:
        """The manifest of a chunk that is there, brought up to the study as it is now."""
        old, now = found.past.manifest, self.now
        kept = old.order["kept"]
        if keep:
            kept = sorted(
                {*kept, *(r.made_by for r in found.stale), *(r.read_by for r in found.unread)}
            )
        active = [row for row, flag in zip(old.ids, found.active, strict=True) if flag]
        wanted = [self.index[task_id] for task_id in active]
        inputs = dict(zip(old.ids, old.table["_inputs"].to_pylist(), strict=True))
        if not keep:
            inputs.update(zip(active, now.own_inputs(self.design, wanted), strict=True))
        tries = 1 + now.study.task.retries
        limits = found.past.state.limits if found.past.state else None
        rows = now.rows(old.chunk) if found.failed or not found.past.finished else {}
        failed = {i: row.attempt for i, row in rows.items() if row.status != "success"}
        again = {i: attempt for i, attempt in failed.items() if now.may_retry(attempt, limits)}
        columns = {name: old.table[name] for name in ("task_id", "seq", "plan")}
        columns["_active"] = pa.array(found.active)
        columns["_attempt"] = pa.array([again.get(i, 0) + tries for i in old.ids], pa.int32())
        columns["_inputs"] = pa.array([inputs[i] for i in old.ids], pa.string())
        derived = {*self.design.derived, *old.order["derive"]}
        parameters = [name for name in old.parameters if name not in derived]
        as_json = [name for name in old.order["json"] if name in parameters]
        columns.update((name, old.table[name]) for name in parameters)
        where = numpy.array([self.index.get(task_id, -1) for task_id in old.ids])
        for name in self.design.derived:
            columns[name], is_json = self._column(self.design.columns[name], where)
            as_json += [name] if is_json else []
        return Manifest(self._order(old.chunk, kept, as_json), pa.table(columns))

    def entry(self, manifest: Manifest, pending: int) -> dict[str, Any]:
        """What a plan record says of a chunk: its manifest, and what its job has to ask for."""
        rows = [self.index[i] for i, on in zip(manifest.ids, manifest.active, strict=True) if on]
        tasks = sum(task_id in self.index for task_id in manifest.ids)
        return {
            "manifest": manifest.hash,
            "tasks": tasks,
            "pending": pending,
            "mem_mb": self._mem_mb(rows),
            "kept": manifest.order["kept"],
        }

    def _column(self, column: Column, rows: numpy.ndarray) -> tuple[pa.Array, bool]:
        codes = numpy.where(rows < 0, -1, column.codes[rows])
        used, codes = numpy.unique(codes, return_inverse=True)
        values = tuple(None if code < 0 else column.values[code] for code in used.tolist())
        nothing = numpy.array([value is None for value in values], dtype=bool)
        return encoded(values, numpy.where(nothing[codes], -1, codes))

    def _order(self, chunk: str, kept: list[str], as_json: list[str]) -> dict[str, Any]:
        study, science = self.now.study, self.now.science
        known = self.now.record["digests"] if self.now.record else {}
        same = [digest for digest in known if not self.now.changed(digest)]
        return {
            "chunk": chunk,
            "study": study.name,
            "task": study.config["task"],
            "workers": study.config["chunks"]["workers"],
            "run_dirs": run_dirs_of(study),
            "on_failure": study.config["on_failure"],
            "digest": science.digest,
            "accepts": sorted({science.digest, *same}),
            "kept": kept,
            "files": science.files,
            "metrics": science.metrics,
            "derive": study.config["derive"],
            "json": as_json,
        }

    def _mem_mb(self, rows: list[int]) -> int | None:
        """The largest request of the tasks; what one asks for may be an expression."""
        mem_mb = self.now.study.task.mem_mb
        if not isinstance(mem_mb, str):
            return None if mem_mb is None else int(numpy.ceil(mem_mb))
        where = numpy.array(rows)
        values = {name: column.take(where).array() for name, column in self.design.columns.items()}
        try:
            found = _expr.evaluate(_expr.parse(mem_mb), values)
            largest = float(numpy.max(found))
        except (UserError, TypeError, ValueError) as error:
            problem = error.problem if isinstance(error, UserError) else str(error)
            raise UserError(problem, file=self.now.study.file, key="task.mem_mb") from None
        if not 0 < largest < numpy.inf:
            raise UserError(
                f"gives {largest}", file=self.now.study.file, key="task.mem_mb", value=mem_mb
            )
        return int(numpy.ceil(largest))


def cut(rest: list[int], now: Situation, design: Any, first: int) -> dict[str, list[int]]:
    """New tasks as chunks: name -> rows of the design."""
    if not rest:
        return {}
    chunks = now.study.config["chunks"]
    unknown = [name for name in chunks["by"] if name not in design.columns]
    if unknown:
        raise UserError(
            "is no parameter",
            file=now.study.file,
            key="chunks.by",
            value=unknown[0],
            fix=nearest(unknown[0], design.columns),
        )
    size = chunks["tasks"]
    if size == "auto":
        single = now.study.task.command and len(rest) <= 100
        size = 1 if single else ceil(len(rest) / (4 * now.slots))
    if chunks["max"]:
        size = max(size, ceil(len(rest) / chunks["max"]))
    named: dict[str, list[int]] = {}
    for group in _grouped(rest, chunks["by"], design):
        count = ceil(len(group) / size)
        bounds = [len(group) * i // count for i in range(count + 1)]
        for start, stop in pairwise(bounds):
            rows = group[start:stop]
            single = size == 1 and len(rows) == 1
            named[design.ids[rows[0]] if single else f"{first + len(named):05d}"] = rows
    return named


def _grouped(rest: list[int], by: list[str], design: Any) -> list[list[int]]:
    if not by:
        return [rest]
    return groups([design.columns[name] for name in by], rest)
