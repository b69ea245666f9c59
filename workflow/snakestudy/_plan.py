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

from ._config import Study
from ._digest import Science
from ._errors import UserError, counted
from ._ids import as_texts, differences, is_among
from ._reasons import CPU_HOUR, change_in_words, reasons_of, run_again
from ._situation import Past, Plan, Review, Situation
from ._state import Rows, State, inputs_in
from ._values import digest_of

if TYPE_CHECKING:
    from ._design import Design


def cut_of(study: Study, slots: int) -> list[Any]:
    """What decides how new tasks are cut into chunks."""
    return [study.config["chunks"], study.task.threads, slots]


def how_of(study: Study, science: Science) -> str:
    """The digest of how tasks are run: a chunk that is not finished is ordered anew with it."""
    names = ("task", "chunks", "on_failure", "run_dirs")
    return digest_of([{name: study.config[name] for name in names}, science.files])


def is_current(
    now: Situation,
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
    record, science = now.record, now.science
    if record is None or design_digest is None or now.stopped or now.study.invocation:
        return False
    if record["design_digest"] != design_digest or record["metrics"] != science.metrics:
        return False
    if not record["chunks"].keys() <= published or now.changed(record["digest"]):
        return False
    failed = any(row.status != "success" for s in states.values() if s for row in s.rows)
    if failed and record["config"]["on_failure"] != now.study.config["on_failure"]:
        return False  # what was accepted may be no more
    unfinished = False
    for chunk, entry in record["chunks"].items():
        state = states[chunk]
        if state is None or state.manifest != entry["manifest"]:
            if chunk in has_outputs:
                return False
            unfinished = True
        elif any(
            _is_stale(r, now, entry["kept"]) or _is_retried(r, state, now) for r in state.rows
        ):
            return False
    if not unfinished:
        return True
    cut = cut_of(now.study, now.slots)
    return record["how"] == how_of(now.study, science) and record["cut"] == cut


def unfinished(record: dict[str, Any], states: Mapping[str, State | None]) -> int:
    """Chunks of a plan whose last visit did not bring them up to their manifest."""
    wanted = {chunk: entry["manifest"] for chunk, entry in record["chunks"].items()}
    done = {chunk for chunk, state in states.items() if state and state.manifest == wanted[chunk]}
    return len(wanted.keys() - done)


@dataclass(frozen=True)
class Standing:
    """The chunks that stay as they are cut.

    Attributes:
        new: the tasks of the design that none of them holds, sorted.
        top, last_seq: the highest number of a chunk and of a task.
        gone: tasks taken out of the design with their whole chunk.
    """

    reviews: dict[str, Review]
    new: numpy.ndarray
    top: int
    last_seq: int
    gone: int


def make(now: Situation, design: Design, past: Mapping[str, Past]) -> Plan:
    """The plan for a design.

    Raises:
        UserError: if finished tasks would run again that `on_change` protects.
    """
    standing = _go_through(now, design, past)
    reviews = standing.reviews
    rest = design.rows_among(standing.new)
    chosen = pilot(rest, design.size, now.study.invocation.get("pilot"))
    reasons = [*design.notes, *reasons_of(now, reviews, len(chosen), standing.gone)]
    if len(chosen) < len(rest):
        waiting = counted(len(rest) - len(chosen), "task")
        reasons.append(f"pilot: {waiting} wait for the next snakemake without it")
    kept = _judged(now, reviews)
    from ._orders import Orders, cut  # with pyarrow, which a parse without a new plan does not need

    orders, last_seq = Orders(now, design), standing.last_seq
    manifests, entries = {}, {}
    for chunk, found in reviews.items():
        manifest = found.past.manifest
        if found.rewrite:
            manifest = orders.anew(found, kept)
            # What is not finished is published anew, so that its visit comes after the record.
            same = found.past.finished and manifest.hash == found.past.manifest.hash
            if found.past.lost or not same:
                manifests[chunk] = manifest
        entries[chunk] = orders.entry(manifest, _pending(found, kept))
    for chunk, rows in cut(chosen, now, design, standing.top + 1).items():
        manifests[chunk] = orders.new(chunk, rows, last_seq + 1)
        entries[chunk] = orders.entry(manifests[chunk], len(rows))
        last_seq += len(rows)
    record = _record(now, design.digest if len(chosen) == len(rest) else None, entries)
    is_new = bool(manifests) or now.stopped or _tells_more(record, now.record)
    if is_new and not reasons:
        reasons = ["the configuration changed, no task has to run for it"]
    if not is_new:
        return Plan(now.record, unfinished=sum(not r.past.finished for r in reviews.values()))
    return Plan({**record, "why": reasons}, manifests, is_new)


def _go_through(now: Situation, design: Design, past: Mapping[str, Past]) -> Standing:
    """Review the chunks that are there; those that were never started may be cut anew."""
    same_cut = bool(now.record) and now.record["cut"] == cut_of(now.study, now.slots)
    left, new = differences(design.ordered, [old.manifest.numbers for old in past.values()])
    again = _to_redo(now, design)
    reviews: dict[str, Review] = {}
    staying, gone, top, last_seq = [], 0, -1, -1
    for chunk, old in sorted(past.items()):
        active = ~is_among(old.manifest.numbers, left)
        if not old.started and not (same_cut and active.all()):
            continue
        staying.append(old.manifest.numbers)
        top = max(top, int(chunk) if len(chunk) < 16 else -1)
        last_seq = max(last_seq, int(old.manifest.table["seq"].to_numpy().max()))
        if active.any():
            reviews[chunk] = _review(old, active, now, design)
            _look_at_inputs(reviews[chunk], now, design)
            if again is not None:
                redo = is_among(old.manifest.numbers, again) & active
                reviews[chunk] = replace(
                    reviews[chunk], redo=redo, rewrite=reviews[chunk].rewrite or bool(redo.any())
                )
        elif now.record and chunk in now.record["chunks"]:
            gone += now.record["chunks"][chunk]["tasks"]
    if len(staying) < len(past):
        _, new = differences(design.ordered, staying)
    return Standing(reviews, new, top, last_seq, gone)


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


def _to_redo(now: Situation, design: Design) -> numpy.ndarray | None:
    """The tasks that `--config redo` asks for, sorted."""
    where = now.study.invocation.get("redo")
    if where is None:
        return None
    from ._derive import held_by

    try:
        rows = held_by(where, design.columns)
        if not len(rows):
            raise UserError("holds for no parameter set", value=where)
    except UserError as error:
        raise UserError(error.problem, file="--config redo", value=where, fix=error.fix) from None
    return numpy.sort(design.numbers[rows])


def _review(past: Past, active: numpy.ndarray, now: Situation, design: Design) -> Review:
    """What has to be done in a chunk that is there already."""
    order = past.manifest.order
    found = Review(past, active)
    for row in _rows_in(found, now):
        if _is_stale(row, now, order["kept"]):
            # A failure is nothing to keep: what changed may have mended it.
            (found.stale if row.status == "success" else found.failed).append(row)
        elif row.status == "success":
            if now.lacks(row) and row.read_by not in order["kept"]:
                found.unread.append(row)
        elif _is_retried(row, past.state, now):
            found.failed.append(row)
    found.again = run_again(found, now)
    found.rewrite = bool(
        found.stale
        or found.unread
        or found.failed
        or past.lost
        or not past.finished
        or (active != past.manifest.active).any()
        or order["derive"] != design.derived_for(past.manifest.numbers)
        or order["defaults"] != now.study.config["defaults"]
        or order["metrics"].keys() != now.science.metrics.keys()
        or now.study.invocation.get("rehash")
    )
    return found


def _rows_in(found: Review, now: Situation) -> Iterable[Rows]:
    """The rows of the chunk's active tasks: as counted by its last visit, or one by one."""
    past, active = found.past, found.active
    if past.finished and (active == past.manifest.active).all():
        return past.state.rows
    rows = now.rows(past.manifest.chunk)
    own = [rows.get(i) for i in as_texts(past.manifest.numbers[active]).to_pylist()]
    found.missing = own.count(None)
    return [Rows(r.digest, r.status, r.attempt, 1, r.seconds) for r in own if r is not None]


def _look_at_inputs(found: Review, now: Situation, design: Design) -> None:
    """With rehash: find the tasks whose own input files are not what their row was made from."""
    if not now.study.invocation.get("rehash"):
        return
    past = found.past.manifest
    tasks = numpy.flatnonzero(found.active)
    after = now.own_inputs(design, design.rows_of(past.numbers[tasks]))
    rows = now.rows(past.chunk)
    for row, digest in zip(tasks.tolist(), after, strict=True):
        made = rows.get(past.ids[row])
        if made is not None and digest != inputs_in(made.digest):
            moved = found.new_inputs if made.status == "success" else found.failed
            moved.append(Rows(made.digest, made.status, made.attempt, 1, made.seconds))


def _pending(found: Review, kept: bool) -> int:
    """Tasks of a chunk that will run."""
    changed = [] if kept else found.stale + found.new_inputs + found.again
    again = sum(row.tasks for row in changed + found.failed) + found.redone
    return min(found.missing + again, int(found.active.sum()))


def _is_stale(row: Rows, now: Situation, kept: list[str]) -> bool:
    return row.made_by not in kept and bool(now.changed(row.made_by))


def _is_retried(row: Rows, state: State | None, now: Situation) -> bool:
    if row.status == "success":
        return False
    return now.may_retry(row.attempt, state.limits if state else None)


def _judged(now: Situation, reviews: Mapping[str, Review]) -> bool:
    """Whether changed tasks are kept as they are; raises if they are to stop the plan."""
    policy = now.study.config["on_change"]
    stale = [row for found in reviews.values() for row in found.stale + found.new_inputs]
    again = stale + [row for found in reviews.values() for row in found.again]
    hours = sum(row.seconds for row in again) * now.study.task.threads / CPU_HOUR
    if not again or policy == "rerun" or (policy == "auto" and hours < 1):
        return False
    if policy == "keep":
        return True
    what = "; ".join(change_in_words(now, reviews))
    tasks = counted(sum(row.tasks for row in again), "finished task")
    raise UserError(
        f"{what}. {tasks} ({hours:.2g} CPU-hours) would run again, so nothing was planned",
        file=now.study.file,
        key="on_change",
        value=policy,
        fix="Go on with --config on_change=rerun, or keep the old results with on_change=keep.",
    )


def _record(now: Situation, design_digest: str | None, entries: dict[str, Any]) -> dict[str, Any]:
    """The plan record, but for the time and place that publishing adds."""
    study, science = now.study, now.science
    known = now.record["digests"] if now.record else {}
    return {
        "plan": now.number + 1,
        "study": study.name,
        "config_file": study.file,
        "config": study.config,
        "config_digest": study.text_digest,
        "design_digest": design_digest,
        "digest": science.digest,
        "digests": {**known, science.digest: science.components},
        "metrics": science.metrics,
        "readers": science.readers,
        "code": {path: science.files[path] for path in science.code},
        "how": how_of(study, science),
        "cut": cut_of(study, now.slots),
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
