"""Writing the orders of a plan: new chunks, manifests, a plan record's line on each chunk."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

import numpy
import pyarrow as pa

from snakestudy.design import expressions
from snakestudy.design.columns import Column, groups
from snakestudy.design.design import Design
from snakestudy.errors import UserError
from snakestudy.messages import nearest
from snakestudy.planning.model import ChunkReview, PlanContext, run_dirs_of
from snakestudy.provenance.row_digest import made_by
from snakestudy.storage.manifest import Manifest, encoded
from snakestudy.tables.task_ids import as_texts


@dataclass(frozen=True)
class ManifestBuilder:
    """Writes manifests for one plan."""

    context: PlanContext
    design: Design

    def new(self, chunk: str, rows: numpy.ndarray, first_seq: int) -> Manifest:
        """The manifest of a new chunk: these rows of the design."""
        tries = 1 + self.context.study.task.retries
        columns: dict[str, Any] = {
            "task_id": as_texts(self.design.task_codes[rows]),
            "seq": pa.array(numpy.arange(first_seq, first_seq + len(rows))),
            "plan": _constant(self.context.number + 1, len(rows)),
            "_active": pa.array(numpy.ones(len(rows), dtype=bool)),
            "_attempt": _constant(tries, len(rows)),
            "_inputs": pa.array(self.context.task_input_digests(self.design, rows), pa.string()),
            "_redo": _constant(0, len(rows)),
        }
        as_json = []
        for name, column in self.design.columns.items():
            columns[name], is_json = self._column(column, rows)
            as_json += [name] if is_json else []
        order = self._order(chunk, self.design.task_codes[rows], [], as_json)
        return Manifest(order, pa.table(columns))

    def anew(self, found: ChunkReview, keep: bool) -> Manifest:
        """The manifest of a chunk that is there, brought up to the study as it is now."""
        old, context = found.existing.manifest.whole(), self.context
        kept = old.order["kept"]
        if keep:
            lacking = [row for row in found.stale + found.unread if context.lacks(row)]
            readings = {row.read_by for row in lacking}
            kept = sorted({*kept, *(row.made_by for row in found.stale), *readings})
        rows = self.design.rows_of(old.numbers)
        inputs = old.table["_inputs"].to_pylist()
        to_run = self._to_run(found, keep)
        for position, digest in zip(
            to_run, context.task_input_digests(self.design, rows[to_run]), strict=True
        ):
            inputs[position] = digest
        columns: dict[str, Any] = {name: old.table[name] for name in ("task_id", "seq", "plan")}
        columns["_active"] = pa.array(found.active)
        columns["_attempt"] = self._attempts(found)
        columns["_inputs"] = pa.array(inputs, pa.string())
        columns["_redo"] = old.table["_redo"]
        if found.redone:
            redo = numpy.where(found.redo, context.number + 1, old.table["_redo"].to_numpy())
            columns["_redo"] = pa.array(redo.astype(numpy.int32))
        as_json = []
        dropped = {*old.order["derive"], *old.order["defaults"]} - self.design.columns.keys()
        remade = {*self.design.derived, *context.study.config["defaults"]}
        names = [n for n in self.design.columns if n in old.parameters or n in remade]
        names += [n for n in old.parameters if n not in names and n not in dropped]
        for name in names:
            columns[name], is_json = self._merged(name, rows, old, found.active)
            as_json += [name] if is_json else []
        order = self._order(old.chunk, old.numbers, kept, as_json)
        return Manifest(order, pa.table(columns))

    def _to_run(self, found: ChunkReview, keep: bool) -> numpy.ndarray:
        """The tasks that may run, whose own inputs count as they are now; others keep theirs."""
        context, old = self.context, found.existing.manifest
        if not context.has_task_inputs:
            return numpy.zeros(0, dtype=int)
        again = {row.digest for row in [*found.stale, *found.again, *found.new_inputs]}
        rows, wanted = context.rows(old.chunk), found.active.copy()
        for position in numpy.flatnonzero(found.active).tolist():
            row = rows.get(old.ids[position])
            if row is not None and row.status == "success" and (keep or row.digest not in again):
                wanted[position] = found.redo is not None and found.redo[position]
        return numpy.flatnonzero(wanted)

    def _attempts(self, found: ChunkReview) -> pa.Array:
        """The highest attempt of each task: that of a failure to be tried again goes on."""
        context, old = self.context, found.existing.manifest
        tries = 1 + context.study.task.retries
        rows = context.rows(old.chunk) if found.failed or not found.existing.finished else {}
        limits = found.existing.state.limits if found.existing.state else None
        failed = {i: row for i, row in rows.items() if row.status != "success"}
        again = {
            i: row.attempt
            for i, row in failed.items()
            if context.may_retry(row.attempt, limits) or context.changed(made_by(row.digest))
        }
        if not again:
            return _constant(tries, len(old.numbers))
        return pa.array([again.get(i, 0) + tries for i in old.ids], pa.int32())

    def _merged(
        self, name: str, rows: numpy.ndarray, old: Manifest, active: numpy.ndarray
    ) -> tuple[pa.Array, bool]:
        """A column of a chunk: values of the design, of inactive tasks those they had."""
        if name in self.design.columns and active.all():
            return self._column(self.design.columns[name], rows)
        values = old.values(name) if name in old.parameters else [None] * len(rows)
        if name in self.design.columns:
            own = self.design.columns[name].take(rows[active]).to_list()
        else:
            own = [None] * int(active.sum())
        for position, value in zip(numpy.flatnonzero(active), own, strict=True):
            values[position] = value
        column = Column.of(values)
        return encoded(column.values, column.codes)

    def entry(self, manifest: Manifest, pending: int) -> dict[str, Any]:
        """What a plan record says of a chunk: its manifest, and what its job has to ask for."""
        return {
            "manifest": manifest.hash,
            "tasks": int(manifest.active.sum()),
            "pending": pending,
            "mem_mb": self._mem_mb(manifest),
            "kept": manifest.order["kept"],
        }

    def _column(self, column: Column, rows: numpy.ndarray) -> tuple[pa.Array, bool]:
        codes = column.codes[rows]
        if column.numeric is not None:
            return pa.array(column.numeric[codes], mask=codes < 0), False
        if len(column.values) < len(rows) and len({*map(type, column.values)}) == 1:
            return encoded(column.values, codes)
        used, codes = numpy.unique(codes, return_inverse=True)
        values = tuple(None if code < 0 else column.values[code] for code in used.tolist())
        nothing = numpy.array([value is None for value in values], dtype=bool)
        return encoded(values, numpy.where(nothing[codes], -1, codes))

    def _order(
        self, chunk: str, tasks: numpy.ndarray, kept: list[str], as_json: list[str]
    ) -> dict[str, Any]:
        study, provenance = self.context.study, self.context.provenance
        known = self.context.record["digests"] if self.context.record else {}
        same = [digest for digest in known if not self.context.changed(digest)]
        return {
            "chunk": chunk,
            "study": study.name,
            "task": study.config["task"],
            "workers": study.config["chunks"]["workers"],
            "run_dirs": run_dirs_of(study),
            "on_failure": study.config["on_failure"],
            "digest": provenance.digest,
            "accepts": sorted({provenance.digest, *same}),
            "kept": kept,
            "files": provenance.files,
            "metrics": provenance.metrics,
            "derive": self.design.derived_for(tasks),
            "defaults": study.config["defaults"],
            "json": as_json,
        }

    def _mem_mb(self, manifest: Manifest) -> int | None:
        """The largest request of the tasks; what one asks for may be an expression."""
        mem_mb = self.context.study.task.mem_mb
        if not isinstance(mem_mb, str):
            return None if mem_mb is None else int(numpy.ceil(mem_mb))
        rows = self.design.rows_of(manifest.numbers[manifest.active])
        try:
            tree = expressions.parse(mem_mb)
            columns = self.design.columns
            reads = [name for name in expressions.names(tree) if name in columns]
            values = {name: columns[name].take(rows).array() for name in reads}
            found = expressions.evaluate(tree, values)
            largest = float(numpy.max(found))
        except (UserError, TypeError, ValueError) as error:
            problem = error.problem if isinstance(error, UserError) else str(error)
            raise UserError(problem, file=self.context.study.file, key="task.mem_mb") from None
        if not 0 < largest < numpy.inf:
            raise UserError(
                f"gives {largest}", file=self.context.study.file, key="task.mem_mb", value=mem_mb
            )
        return int(numpy.ceil(largest))


def _constant(value: int, count: int) -> pa.Array:
    return pa.array(numpy.full(count, value, dtype=numpy.int32))


def cut(
    rest: numpy.ndarray, context: PlanContext, design: Design, first: int
) -> dict[str, numpy.ndarray]:
    """New tasks as chunks: name -> rows of the design."""
    if not len(rest):
        return {}
    chunks = context.study.config["chunks"]
    unknown = [name for name in chunks["by"] if name not in design.columns]
    if unknown:
        raise UserError(
            "is no parameter",
            file=context.study.file,
            key="chunks.by",
            value=unknown[0],
            fix=nearest(unknown[0], design.columns),
        )
    size = chunks["tasks"]
    if size == "auto":
        single = context.study.task.command and len(rest) <= 100
        size = 1 if single else ceil(len(rest) / (4 * context.slots))
    if chunks["max"]:
        size = max(size, ceil(len(rest) / chunks["max"]))
    named: dict[str, numpy.ndarray] = {}
    by = [design.columns[name] for name in chunks["by"]]
    for group in groups(by, rest) if by else [rest]:
        count = ceil(len(group) / size)
        bounds = [len(group) * i // count for i in range(count + 1)]
        for start, stop in pairwise(bounds):
            rows = group[start:stop]
            single = size == 1 and len(rows) == 1
            named[design.ids_of(rows)[0] if single else f"{first + len(named):05d}"] = rows
    return named
