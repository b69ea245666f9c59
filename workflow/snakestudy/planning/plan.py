"""The plan: what has to run now, and why. Pure: values in, values out.

`is_current` decides from small files alone that nothing has changed; otherwise `make`
compares the design with every manifest and orders what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import numpy

from snakestudy.config.study import Study
from snakestudy.errors import UserError
from snakestudy.messages import pluralize
from snakestudy.planning.model import ChunkReview, ExistingChunk, Plan, PlanContext
from snakestudy.planning.reasons import CPU_HOUR, change_in_words, reasons_of, run_again
from snakestudy.provenance.digests import Provenance
from snakestudy.provenance.row_digest import inputs_in
from snakestudy.storage.state import RowCount, State
from snakestudy.tables.task_ids import as_texts, differences, is_among
from snakestudy.values import digest_of

if TYPE_CHECKING:
    from snakestudy.design.design import Design


def cut_of(study: Study, slots: int) -> list[Any]:
    """What decides how new tasks are cut into chunks."""
    return [study.config["chunks"], study.task.threads, slots]


def how_of(study: Study, provenance: Provenance) -> str:
    """The digest of how tasks are run: a chunk that is not finished is ordered anew with it."""
    names = ("task", "chunks", "on_failure", "run_dirs")
    return digest_of([{name: study.config[name] for name in names}, provenance.files])


def is_current(
    context: PlanContext,
    design_digest: str | None,
    states: Mapping[str, State | None],
    published: set[str],
    has_outputs: set[str],
) -> bool:
    """Whether the newest plan still says all there is to say (unfinished chunks may be left).

    Args:
        states: of the record's chunks.
        published: chunks whose manifest file is there.
        has_outputs: chunks whose outputs are there; Snakemake sees no need to visit these.
    """
    record, provenance = context.record, context.provenance
    if record is None or design_digest is None or context.stopped or context.study.invocation:
        return False
    if record["design_digest"] != design_digest or record["metrics"] != provenance.metrics:
        return False
    if not record["chunks"].keys() <= published or context.changed(record["digest"]):
        return False
    failed = any(row.status != "success" for s in states.values() if s for row in s.rows)
    if failed and record["config"]["on_failure"] != context.study.config["on_failure"]:
        return False  # what was accepted may be no more
    unfinished = False
    for chunk, entry in record["chunks"].items():
        state = states[chunk]
        if state is None or state.manifest != entry["manifest"]:
            if chunk in has_outputs:
                return False
            unfinished = True
        elif any(
            _is_stale(r, context, entry["kept"]) or _is_retried(r, state, context)
            for r in state.rows
        ):
            return False
    if not unfinished:
        return True
    cut = cut_of(context.study, context.slots)
    return record["how"] == how_of(context.study, provenance) and record["cut"] == cut


def unfinished(record: dict[str, Any], states: Mapping[str, State | None]) -> int:
    """Chunks of a plan whose last visit did not bring them up to their manifest."""
    wanted = {chunk: entry["manifest"] for chunk, entry in record["chunks"].items()}
    done = {chunk for chunk, state in states.items() if state and state.manifest == wanted[chunk]}
    return len(wanted.keys() - done)


@dataclass(frozen=True)
class DesignDiff:
    """The chunks that stay as they are cut.

    Attributes:
        new: the tasks of the design that none of them holds, sorted.
        top, last_seq: the highest number of a chunk and of a task.
        gone: tasks taken out of the design with their whole chunk.
    """

    reviews: dict[str, ChunkReview]
    new: numpy.ndarray
    top: int
    last_seq: int
    gone: int


def make(context: PlanContext, design: Design, existing: Mapping[str, ExistingChunk]) -> Plan:
    """The plan for a design.

    Raises:
        UserError: if finished tasks would run again that `on_change` protects.
    """
    diff = _go_through(context, design, existing)
    reviews = diff.reviews
    rest = design.rows_among(diff.new)
    chosen = pilot(rest, design.size, context.study.invocation.get("pilot"))
    reasons = [*design.notes, *reasons_of(context, reviews, len(chosen), diff.gone)]
    if len(chosen) < len(rest):
        waiting = pluralize(len(rest) - len(chosen), "task")
        reasons.append(f"pilot: {waiting} wait for the next snakemake without it")
    kept = _judged(context, reviews)
    # With pyarrow, which a parse without a new plan does not need.
    from snakestudy.planning.orders import ManifestBuilder, cut

    orders, last_seq = ManifestBuilder(context, design), diff.last_seq
    manifests, entries = {}, {}
    for chunk, found in reviews.items():
        manifest = found.existing.manifest
        if found.rewrite:
            manifest = orders.anew(found, kept)
            # What is not finished is published anew, so that its visit comes after the record.
            same = found.existing.finished and manifest.hash == found.existing.manifest.hash
            if found.existing.lost or not same:
                manifests[chunk] = manifest
        entries[chunk] = orders.entry(manifest, _pending(found, kept))
    for chunk, rows in cut(chosen, context, design, diff.top + 1).items():
        manifests[chunk] = orders.new(chunk, rows, last_seq + 1)
        entries[chunk] = orders.entry(manifests[chunk], len(rows))
        last_seq += len(rows)
    record = _record(context, design.digest if len(chosen) == len(rest) else None, entries)
    is_new = bool(manifests) or context.stopped or _tells_more(record, context.record)
    if is_new and not reasons:
        reasons = ["the configuration changed, no task has to run for it"]
    if not is_new:
        return Plan(
            context.record, unfinished=sum(not r.existing.finished for r in reviews.values())
        )
    return Plan({**record, "why": reasons}, manifests, is_new)


def _go_through(
    context: PlanContext, design: Design, existing: Mapping[str, ExistingChunk]
) -> DesignDiff:
    """Review the chunks that are there; those that were never started may be cut anew."""
    same_cut = bool(context.record) and context.record["cut"] == cut_of(
        context.study, context.slots
    )
    known = [old.manifest.numbers for old in existing.values()]
    left, new = differences(design.sorted_codes, known)
    again = _to_redo(context, design)
    reviews: dict[str, ChunkReview] = {}
    staying, gone, top, last_seq = [], 0, -1, -1
    for chunk, old in sorted(existing.items()):
        active = ~is_among(old.manifest.numbers, left)
        if not old.started and not (same_cut and active.all()):
            continue
        staying.append(old.manifest.numbers)
        top = max(top, int(chunk) if len(chunk) < 16 else -1)
        last_seq = max(last_seq, int(old.manifest.table["seq"].to_numpy().max()))
        if active.any():
            reviews[chunk] = _review(old, active, context, design)
            _look_at_inputs(reviews[chunk], context, design)
            if again is not None:
                redo = is_among(old.manifest.numbers, again) & active
                reviews[chunk] = replace(
                    reviews[chunk], redo=redo, rewrite=reviews[chunk].rewrite or bool(redo.any())
                )
        elif context.record and chunk in context.record["chunks"]:
            gone += context.record["chunks"][chunk]["tasks"]
    if len(staying) < len(existing):
        _, new = differences(design.sorted_codes, staying)
    return DesignDiff(reviews, new, top, last_seq, gone)


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


def _review(
    existing: ExistingChunk, active: numpy.ndarray, context: PlanContext, design: Design
) -> ChunkReview:
    """What has to be done in a chunk that is there already."""
    order = existing.manifest.order
    found = ChunkReview(existing, active)
    for row in _rows_in(found, context):
        if _is_stale(row, context, order["kept"]):
            # A failure is nothing to keep: what changed may have mended it.
            (found.stale if row.status == "success" else found.failed).append(row)
        elif row.status == "success":
            if context.lacks(row) and row.read_by not in order["kept"]:
                found.unread.append(row)
        elif _is_retried(row, existing.state, context):
            found.failed.append(row)
    found.again = run_again(found, context)
    found.rewrite = bool(
        found.stale
        or found.unread
        or found.failed
        or existing.lost
        or not existing.finished
        or (active != existing.manifest.active).any()
        or order["derive"] != design.derived_for(existing.manifest.numbers)
        or order["defaults"] != context.study.config["defaults"]
        or order["metrics"].keys() != context.provenance.metrics.keys()
        or context.study.invocation.get("rehash")
    )
    return found


def _rows_in(found: ChunkReview, context: PlanContext) -> Iterable[RowCount]:
    """The rows of the chunk's active tasks: as counted by its last visit, or one by one."""
    existing, active = found.existing, found.active
    if existing.finished and (active == existing.manifest.active).all():
        return existing.state.rows
    rows = context.rows(existing.manifest.chunk)
    own = [rows.get(i) for i in as_texts(existing.manifest.numbers[active]).to_pylist()]
    found.missing = own.count(None)
    return [RowCount(r.digest, r.status, r.attempt, 1, r.seconds) for r in own if r is not None]


def _look_at_inputs(found: ChunkReview, context: PlanContext, design: Design) -> None:
    """With rehash: find the tasks whose own input files are not what their row was made from."""
    if not context.study.invocation.get("rehash"):
        return
    existing = found.existing.manifest
    tasks = numpy.flatnonzero(found.active)
    after = context.task_input_digests(design, design.rows_of(existing.numbers[tasks]))
    rows = context.rows(existing.chunk)
    for row, digest in zip(tasks.tolist(), after, strict=True):
        made = rows.get(existing.ids[row])
        if made is not None and digest != inputs_in(made.digest):
            moved = found.new_inputs if made.status == "success" else found.failed
            moved.append(RowCount(made.digest, made.status, made.attempt, 1, made.seconds))


def _pending(found: ChunkReview, kept: bool) -> int:
    """Tasks of a chunk that will run."""
    changed = [] if kept else found.stale + found.new_inputs + found.again
    again = sum(row.tasks for row in changed + found.failed) + found.redone
    return min(found.missing + again, int(found.active.sum()))


def _is_stale(row: RowCount, context: PlanContext, kept: list[str]) -> bool:
    return row.made_by not in kept and bool(context.changed(row.made_by))


def _is_retried(row: RowCount, state: State | None, context: PlanContext) -> bool:
    if row.status == "success":
        return False
    return context.may_retry(row.attempt, state.limits if state else None)


def _judged(context: PlanContext, reviews: Mapping[str, ChunkReview]) -> bool:
    """Whether changed tasks are kept as they are; raises if they are to stop the plan."""
    policy = context.study.config["on_change"]
    stale = [row for found in reviews.values() for row in found.stale + found.new_inputs]
    again = stale + [row for found in reviews.values() for row in found.again]
    hours = sum(row.seconds for row in again) * context.study.task.threads / CPU_HOUR
    if not again or policy == "rerun" or (policy == "auto" and hours < 1):
        return False
    if policy == "keep":
        return True
    what = "; ".join(change_in_words(context, reviews))
    tasks = pluralize(sum(row.tasks for row in again), "finished task")
    raise UserError(
        f"{what}. {tasks} ({hours:.2g} CPU-hours) would run again, so nothing was planned",
        file=context.study.file,
        key="on_change",
        value=policy,
        fix="Go on with --config on_change=rerun, or keep the old results with on_change=keep.",
    )


def _record(
    context: PlanContext, design_digest: str | None, entries: dict[str, Any]
) -> dict[str, Any]:
    """The plan record, but for the time and place that publishing adds."""
    study, provenance = context.study, context.provenance
    known = context.record["digests"] if context.record else {}
    return {
        "plan": context.number + 1,
        "study": study.name,
        "config_file": study.file,
        "config": study.config,
        "config_digest": study.text_digest,
        "design_digest": design_digest,
        "digest": provenance.digest,
        "digests": {**known, provenance.digest: provenance.components},
        "metrics": provenance.metrics,
        "readers": provenance.readers,
        "code": {path: provenance.files[path] for path in provenance.code},
        "how": how_of(study, provenance),
        "cut": cut_of(study, context.slots),
        "chunks": entries,
    }


def _tells_more(record: dict[str, Any], old: dict[str, Any] | None) -> bool:
    """Whether the record differs in more than what every invocation may change."""
    names = ("design_digest", "metrics", "digest", "how", "cut")
    return (
        old is None
        or old["chunks"].keys() != record["chunks"].keys()
        or any(old[name] != record[name] for name in names)
    )
