"""The plan: what has to run now, and why. Pure: values in, values out.

`make_plan` compares the design with every manifest and orders what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import numpy

from snakestudy.errors import UserError
from snakestudy.messages import pluralize
from snakestudy.planning.currency import cut_of, how_of
from snakestudy.planning.model import ChunkReview, ExistingChunk, Plan, PlanContext
from snakestudy.planning.reasons import CPU_HOUR, change_in_words, reasons_of
from snakestudy.planning.review import review_chunk
from snakestudy.storage.documents import ChunkEntry, PlanRecord, StepRecord
from snakestudy.tables.task_ids import differences, is_among

if TYPE_CHECKING:
    from snakestudy.design.design import Design
    from snakestudy.storage.manifest import Manifest


@dataclass(frozen=True)
class _DesignDiff:
    """The design held against the chunks that are there.

    Attributes:
        reviews: of the chunks that stay as they are cut.
        new: the tasks of the design that none of them holds, sorted.
        top, last_seq: the highest number of a chunk and of a task.
        gone: tasks taken out of the design with their whole chunk.
    """

    reviews: dict[str, ChunkReview]
    new: numpy.ndarray
    top: int
    last_seq: int
    gone: int


def make_plan(context: PlanContext, design: Design, existing: Mapping[str, ExistingChunk]) -> Plan:
    """The plan for a design.

    Raises:
        UserError: if finished tasks would run again that `on_change` protects.
    """
    diff = _compare(context, design, existing)
    waiting = design.rows_among(diff.new)
    chosen = pilot(waiting, design.size, context.study.invocation.get("pilot"))
    notes = (*design.notes, *context.current.provenance.notes)
    reasons = [*notes, *reasons_of(context, diff.reviews, len(chosen), diff.gone)]
    if len(chosen) < len(waiting):
        rest = pluralize(len(waiting) - len(chosen), "task")
        reasons.append(f"pilot: {rest} wait for the next snakemake without it")
    keeps = _keeps_changed(context, diff.reviews)
    manifests, entries = _orders(context, design, diff, chosen, keeps)
    digest = design.digest if len(chosen) == len(waiting) else None
    record = _record(context, digest, entries)
    if not (manifests or context.stopped or _tells_more(record, context.record)):
        assert context.record is not None
        unfinished = sum(not review.existing.finished for review in diff.reviews.values())
        return Plan(context.record, unfinished=unfinished)
    why = reasons or ["the configuration changed, no task has to run for it"]
    return Plan(replace(record, why=tuple(why)), manifests, is_new=True)


def _orders(
    context: PlanContext, design: Design, diff: _DesignDiff, chosen: numpy.ndarray, keeps: bool
) -> tuple[dict[str, Manifest], dict[str, ChunkEntry]]:
    """The manifests to publish, and what the record says of every chunk; chosen: new rows."""
    # With pyarrow, which a parse without a new plan does not need.
    from snakestudy.planning.cut import cut_into_chunks
    from snakestudy.planning.manifest_builder import ManifestBuilder

    builder, last_seq = ManifestBuilder(context, design), diff.last_seq
    how = how_of(context.study, context.current.provenance)
    before = context.record.chunks if context.record else {}
    manifests, entries = {}, {}
    for chunk, review in diff.reviews.items():
        manifest = review.existing.manifest
        if review.rewrite:
            manifest = builder.anew(review, keeps)
            # What is not finished is published anew, so that its visit comes after the record.
            finished = review.existing.finished
            same = finished and manifest.hash == review.existing.manifest.hash
            if review.existing.lost or not same:
                manifests[chunk] = manifest
        written = how if chunk in manifests else before[chunk].how if chunk in before else ""
        entries[chunk] = builder.entry(manifest, _pending(review, keeps), written)
    for chunk, rows in cut_into_chunks(chosen, context, design, diff.top + 1).items():
        manifests[chunk] = builder.new(chunk, rows, last_seq + 1)
        entries[chunk] = builder.entry(manifests[chunk], len(rows), how)
        last_seq += len(rows)
    return manifests, entries


def _compare(
    context: PlanContext, design: Design, existing: Mapping[str, ExistingChunk]
) -> _DesignDiff:
    """Review the chunks that are there; those that were never started may be cut anew."""
    before = context.record
    same_cut = before is not None and before.cut == cut_of(context.study, context.slots)
    known = [there.manifest.task_codes for there in existing.values()]
    dropped, new = differences(design.sorted_codes, known)
    wanted_again = _to_redo(context, design)
    reviews: dict[str, ChunkReview] = {}
    staying, gone, top, last_seq = [], 0, -1, -1
    for chunk, there in sorted(existing.items()):
        codes = there.manifest.task_codes
        active = ~is_among(codes, dropped)
        if not there.started and not (same_cut and active.all()):
            continue
        staying.append(codes)
        top = max(top, int(chunk) if len(chunk) < 16 else -1)
        last_seq = max(last_seq, int(there.manifest.table["seq"].to_numpy().max()))
        if active.any():
            reviews[chunk] = review_chunk(there, active, context, design, wanted_again)
        elif before and chunk in before.chunks:
            gone += before.chunks[chunk].tasks
    if len(staying) < len(existing):
        _, new = differences(design.sorted_codes, staying)
    return _DesignDiff(reviews, new, top, last_seq, gone)


def pilot(rest: numpy.ndarray, total: int, most: int | None) -> numpy.ndarray:
    """At most so many tasks in all, the new ones among them spread over the design.

    One is drawn from each stretch of the design, so that neither the first nor the last
    axis is the same for all.
    """
    number = max(0, (most or total) - (total - len(rest)))
    if number >= len(rest):
        return rest
    bounds = numpy.linspace(0, len(rest), number + 1).astype(int)
    random = Random(total)
    picks = [random.randrange(*stretch) for stretch in pairwise(bounds.tolist())]
    return rest[picks]


def _to_redo(context: PlanContext, design: Design) -> numpy.ndarray | None:
    """The tasks that `--config redo` asks for, sorted."""
    where = context.study.invocation.get("redo")
    if where is None:
        return None
    from snakestudy.design.derived import rows_where

    try:
        rows = rows_where(where, design.columns)
        if not len(rows):
            raise UserError("holds for no parameter set", value=where)
    except UserError as error:
        raise UserError(error.problem, file="--config redo", value=where, fix=error.fix) from None
    return numpy.sort(design.task_codes[rows])


def _pending(review: ChunkReview, keeps: bool) -> int:
    """Tasks of a chunk that will run."""
    changed = [] if keeps else review.rerun
    again = sum(row.tasks for row in changed + review.failed) + review.redone
    again += int(review.ordered.sum())
    return min(review.missing + again, int(review.active.sum()))


def _keeps_changed(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> bool:
    """Whether changed tasks are kept as they are.

    Raises:
        UserError: if they are to stop the plan.
    """
    policy = context.study.config["on_change"]
    rerun = [row for review in reviews.values() for row in review.rerun]
    hours = sum(row.seconds for row in rerun) * context.task.threads / CPU_HOUR
    if not rerun or policy == "rerun" or (policy == "auto" and hours < 1):
        return False
    if policy == "keep":
        return True
    what = "; ".join(change_in_words(context, reviews))
    tasks = pluralize(sum(row.tasks for row in rerun), "finished task")
    raise UserError(
        f"{what}. {tasks} ({hours:.2g} CPU-hours) would run again, so nothing was planned",
        file=context.study.file,
        key="on_change",
        value=policy,
        fix="Go on with --config on_change=rerun, or keep the old results with on_change=keep.",
    )


def _record(
    context: PlanContext, design_digest: str | None, entries: dict[str, ChunkEntry]
) -> PlanRecord:
    """The plan record, but for the reasons, and the time and place that publishing adds."""
    study, provenance = context.study, context.current.provenance
    known = context.record.digests if context.record else {}
    code = {path: provenance.files[path] for path in provenance.code}
    step = StepRecord(provenance.digest, provenance.metrics, provenance.readers, code)
    return PlanRecord(
        plan=context.next_number,
        study=study.name,
        config_file=study.file,
        config=study.config,
        config_digest=study.text_digest,
        design_digest=design_digest,
        steps={context.step: step},
        digests={**known, provenance.digest: provenance.components},
        how=how_of(study, provenance),
        cut=cut_of(study, context.slots),
        chunks=entries,
    )


def _tells_more(record: PlanRecord, before: PlanRecord | None) -> bool:
    """Whether a record differs in more than what every invocation may change."""
    if before is None or before.chunks.keys() != record.chunks.keys():
        return True

    def essence(of: PlanRecord) -> tuple[Any, ...]:
        steps = {name: (step.digest, step.metrics) for name, step in of.steps.items()}
        return of.design_digest, steps, of.how, of.cut

    return essence(record) != essence(before)
