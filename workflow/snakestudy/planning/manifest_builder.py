"""Writing the manifests of a plan: of new chunks, and of chunks that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy
import pyarrow as pa

from snakestudy.design import expressions
from snakestudy.design.columns import Column
from snakestudy.design.design import Design
from snakestudy.errors import UserError
from snakestudy.planning.model import ChunkReview, PlanContext, run_dirs_of
from snakestudy.provenance.acceptance import entries, reading_of
from snakestudy.provenance.row_digest import Reason, RowDigest, RowSpec, needs_run
from snakestudy.storage.documents import ChunkEntry, ManifestSpec, StepSpec
from snakestudy.storage.manifest import Manifest, encoded
from snakestudy.tables.task_ids import as_texts


@dataclass(frozen=True)
class ManifestBuilder:
    """Writes manifests for one plan."""

    context: PlanContext
    design: Design

    def new(self, chunk: str, rows: numpy.ndarray, first_seq: int) -> Manifest:
        """The manifest of a new chunk: these rows of the design."""
        context = self.context
        columns: dict[str, Any] = {
            "task_id": as_texts(self.design.task_codes[rows]),
            "seq": pa.array(numpy.arange(first_seq, first_seq + len(rows))),
            "plan": _constant(context.next_number, len(rows)),
            "_active": pa.array(numpy.ones(len(rows), dtype=bool)),
            **self._orders_of_step(
                _constant(1 + context.task.retries, len(rows)),
                context.files.task_input_digests(self.design, rows),
                _constant(0, len(rows)),
            ),
        }
        encoded_columns = {n: _encoded(c, rows) for n, c in self.design.columns.items()}
        spec = self._spec(chunk, self.design.task_codes[rows], (), (), encoded_columns)
        return Manifest(spec, pa.table(columns | _values(encoded_columns)))

    def anew(self, review: ChunkReview, keeps: bool) -> Manifest:
        """The manifest of a chunk that is there, brought up to the study as it is now.

        Args:
            keeps: whether rows of what changed are accepted as they are.
        """
        old = self.context.files.whole_manifest(review.existing)
        rows = self.design.rows_of(old.task_codes)
        columns: dict[str, Any] = {name: old.table[name] for name in ("task_id", "seq", "plan")}
        columns["_active"] = pa.array(review.active)
        digests, readings = accepted = self._accepted(review, old.spec, keeps)
        for_visit = replace(
            old.spec, accepted_digests=tuple(digests), accepted_readings=tuple(readings)
        )
        columns |= self._orders_of_step(
            self._max_attempts(review, old, self.context.current.spec(for_visit)),
            self._task_inputs(review, old, rows, keeps),
            self._not_before_plans(review, old),
        )
        names = self._parameters(old)
        encoded_columns = {n: self._merged(n, rows, old, review.active) for n in names}
        spec = self._spec(old.chunk, old.task_codes, *accepted, encoded_columns)
        return Manifest(spec, pa.table(columns | _values(encoded_columns)))

    def entry(self, manifest: Manifest, pending: int, how: str) -> ChunkEntry:
        """What a plan record says of a chunk: its manifest, and what its job has to ask for."""
        return ChunkEntry(
            manifest.hash,
            int(manifest.active.sum()),
            pending,
            self._mem_mb(manifest),
            manifest.spec.accepted_digests,
            manifest.spec.accepted_readings,
            how,
        )

    def _orders_of_step(
        self, max_attempts: pa.Array, inputs: list[str | None], not_before: pa.Array
    ) -> dict[str, pa.Array]:
        """The columns that say what a step has to do for each task."""
        step = self.context.step
        return {
            f"_max_attempt.{step}": max_attempts,
            f"_inputs.{step}": pa.array(inputs, pa.string()),
            f"_not_before_plan.{step}": not_before,
        }

    def _accepted(
        self, review: ChunkReview, spec: ManifestSpec, keeps: bool
    ) -> tuple[Iterable[str], Iterable[str]]:
        """Digests and readings that are accepted: those before, and, if so, what changed."""
        digests, readings = set(spec.accepted_digests), set(spec.accepted_readings)
        if keeps:
            wanted, provenance = self.context.current.spec(spec), self.context.current.provenance
            stale = [RowDigest.parse(row.digest) for row in review.stale]
            successes = [row for row in review.unread if row.status == "success"]
            unread = [RowDigest.parse(row.digest) for row in successes]
            digests |= entries((digest.made_by for digest in stale), provenance.digest)
            lacking = (d.reading for d in stale + unread if not wanted.has_metrics(d))
            readings |= entries(lacking, reading_of(provenance.metrics))
        return digests, readings

    def _task_inputs(
        self, review: ChunkReview, old: Manifest, rows: numpy.ndarray, keeps: bool
    ) -> list[str | None]:
        """Digests of tasks' own inputs: as they are now where tasks may run, else as they were."""
        inputs = old.task_inputs(self.context.step).to_pylist()
        positions = self._to_run(review, keeps)
        digests = self.context.files.task_input_digests(self.design, rows[positions])
        for position, digest in zip(positions.tolist(), digests, strict=True):
            inputs[position] = digest
        return inputs

    def _to_run(self, review: ChunkReview, keeps: bool) -> numpy.ndarray:
        """The tasks that may run, if tasks have inputs of their own."""
        if not self.context.has_task_inputs:
            return numpy.zeros(0, dtype=int)
        manifest, to_run = review.existing.manifest, review.active.copy()
        again = review.ordered if review.redo is None else review.ordered | review.redo
        rerun = {row.digest for row in review.rerun}
        rows = self.context.files.rows(manifest.chunk)
        for position in numpy.flatnonzero(review.active).tolist():
            row = rows.get(manifest.ids[position])
            if row is not None and row.status == "success" and (keeps or row.digest not in rerun):
                to_run[position] = again[position]
        return numpy.flatnonzero(to_run)

    def _not_before_plans(self, review: ChunkReview, old: Manifest) -> pa.Array | pa.ChunkedArray:
        """The plan that each task's row may not be older than: this one, if it is wanted again."""
        plans = old.not_before_plans(self.context.step)
        if review.redo is None or not review.redone:
            return plans
        again = numpy.where(review.redo, self.context.next_number, plans.to_numpy())
        return pa.array(again.astype(numpy.int32))

    def _max_attempts(self, review: ChunkReview, old: Manifest, for_visit: RowSpec) -> pa.Array:
        """The highest attempt of each task: that of a failure to be tried again goes on.

        Args:
            for_visit: what rows must be for the visit, which counts tries of others anew.
        """
        current, existing = self.context.current, review.existing
        tries = 1 + self.context.task.retries
        if not review.failed and existing.finished:
            return _constant(tries, len(old.task_codes))
        spec = current.spec(old.spec)
        max_attempt = current.max_attempt(existing.limits(self.context.step))
        rows = self.context.files.rows(old.chunk)
        before = old.max_attempts(self.context.step).to_pylist()
        most = [tries] * len(before)
        for position, task_id in enumerate(old.ids):
            row = rows.get(task_id)
            if row is None or row.status == "success":
                continue
            goes_on = for_visit.is_made_now(RowDigest.parse(row.digest))
            reason = needs_run(row, spec, max_attempt=max_attempt)
            if goes_on and reason not in (None, Reason.UNREAD):
                most[position] += row.attempt
                if existing.finished:  # an order like the last one would be none
                    most[position] = max(most[position], before[position] + 1)
        return pa.array(most, pa.int32())

    def _parameters(self, old: Manifest) -> list[str]:
        """The columns of a chunk that is there; a parameter that the design lost stays."""
        gone = {*old.spec.derive, *old.spec.defaults} - self.design.columns.keys()
        remade = {*self.design.derived, *self.context.study.config["defaults"]}
        had = old.all_parameters
        names = [n for n in self.design.columns if n in had or n in remade]
        return names + [n for n in had if n not in names and n not in gone]

    def _merged(
        self, name: str, rows: numpy.ndarray, old: Manifest, active: numpy.ndarray
    ) -> tuple[pa.Array, bool]:
        """A column of a chunk: values of the design, of inactive tasks those they had."""
        column = self.design.columns.get(name)
        if column is not None and active.all():
            return _encoded(column, rows)
        values = old.values(name) if name in old.all_parameters else [None] * len(rows)
        positions = numpy.flatnonzero(active)
        designed = column.take(rows[active]).to_list() if column else [None] * len(positions)
        for position, value in zip(positions, designed, strict=True):
            values[position] = value
        merged = Column.of(values)
        return encoded(merged.values, merged.codes)

    def _spec(
        self,
        chunk: str,
        tasks: numpy.ndarray,
        digests: Iterable[str],
        readings: Iterable[str],
        encoded_columns: Mapping[str, tuple[pa.Array, bool]],
    ) -> ManifestSpec:
        study, current = self.context.study, self.context.current
        provenance = current.provenance
        known = self.context.record.digests if self.context.record else {}
        same = [digest for digest in known if not current.changed(digest)]
        step = StepSpec(
            current.step.task,
            provenance.digest,
            tuple(sorted({provenance.digest, *same})),
            provenance.files,
            provenance.metrics,
        )
        return ManifestSpec(
            chunk=chunk,
            study=study.name,
            steps={current.step.name: step},
            workers=study.config["chunks"]["workers"],
            run_dirs=run_dirs_of(study),
            on_failure=study.config["on_failure"],
            accepted_digests=tuple(sorted(digests)),
            accepted_readings=tuple(sorted(readings)),
            derive=self.design.derived_for(tasks),
            defaults=study.config["defaults"],
            as_json=_as_json(encoded_columns),
            parameters=tuple(name for name in encoded_columns if name in self.design.columns),
        )

    def _mem_mb(self, manifest: Manifest) -> int | None:
        """The largest request of the tasks; what one asks for may be an expression."""
        mem_mb = self.context.task.mem_mb
        if not isinstance(mem_mb, str):
            return None if mem_mb is None else int(numpy.ceil(mem_mb))
        rows = self.design.rows_of(manifest.task_codes[manifest.active])
        place = {"file": self.context.study.file, "key": "task.mem_mb"}
        try:
            tree = expressions.parse(mem_mb)
            columns = self.design.columns
            reads = [name for name in expressions.names(tree) if name in columns]
            values = {name: columns[name].take(rows).array() for name in reads}
            largest = float(numpy.max(expressions.evaluate(tree, values)))
        except (UserError, TypeError, ValueError) as error:
            problem = error.problem if isinstance(error, UserError) else str(error)
            raise UserError(problem, **place) from None
        if not 0 < largest < numpy.inf:
            raise UserError(f"gives {largest}", value=mem_mb, **place)
        return int(numpy.ceil(largest))


def _constant(value: int, count: int) -> pa.Array:
    return pa.array(numpy.full(count, value, dtype=numpy.int32))


def _encoded(column: Column, rows: numpy.ndarray) -> tuple[pa.Array, bool]:
    """Some rows of a column of the design, and whether its values are held as JSON."""
    codes = column.codes[rows]
    if column.numeric is not None:
        return pa.array(column.numeric[codes], mask=codes < 0), False
    if len(column.values) < len(rows) and len({*map(type, column.values)}) == 1:
        return encoded(column.values, codes)
    used, codes = numpy.unique(codes, return_inverse=True)
    values = tuple(None if code < 0 else column.values[code] for code in used.tolist())
    is_null = numpy.array([value is None for value in values], dtype=bool)
    return encoded(values, numpy.where(is_null[codes], -1, codes))


def _values(columns: Mapping[str, tuple[pa.Array, bool]]) -> dict[str, pa.Array]:
    return {name: values for name, (values, _) in columns.items()}


def _as_json(columns: Mapping[str, tuple[pa.Array, bool]]) -> tuple[str, ...]:
    """The names of the columns whose values are held as JSON."""
    return tuple(name for name, (_, is_json) in columns.items() if is_json)
