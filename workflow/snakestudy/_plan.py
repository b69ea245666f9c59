"""The plan: what has to run now, and why. Pure: values in, values out.

`is_current` decides from small files alone that nothing has changed; otherwise `make`
compares the design with every manifest and orders what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from ._config import Study
from ._digest import Science
from ._errors import UserError, nearest
from ._state import Rows, State
from ._values import digest_of

CPU_HOUR = 3600.0


@dataclass(frozen=True)
class Past:
    """A chunk that is there already.

    Attributes:
        manifest: the one last published (`_manifest.Manifest`).
        started: whether a visit has begun; its tasks then stay in this chunk.
        lost: whether its published file must be written again whatever it says.
        state: of its last finished visit.
        done: its tasks that have a row, if it is not finished.
    """

    manifest: Any
    started: bool
    lost: bool
    state: State | None
    done: int = 0

    @property
    def finished(self) -> bool:
        return self.state is not None and self.state.manifest == self.manifest.hash


@dataclass(frozen=True)
class Situation:
    """What a plan is made from, beside the design and the manifests.

    Attributes:
        record: the newest plan record.
        changed: digest of a row -> what changed since, in words; empty if it is current.
        slots: jobs that run side by side.
        own_inputs: a design's rows -> digests of the tasks' own input files.
        run_directories: task_ids -> how many of them have a run directory.
        attempts: chunk -> its failed tasks' tries so far.
    """

    study: Study
    science: Science
    record: dict[str, Any] | None
    changed: Callable[[str], list[str]]
    slots: int
    own_inputs: Callable[[Any, list[int]], list[str | None]]
    run_directories: Callable[[list[str]], int]
    stopped: bool
    attempts: Callable[[str], dict[str, int]]

    @property
    def number(self) -> int:
        return self.record["plan"] if self.record else 0


@dataclass(frozen=True)
class Plan:
    """What comes out: the record, the manifests to publish (none: nothing changes)."""

    record: dict[str, Any]
    manifests: dict[str, Any] = field(default_factory=dict)
    is_new: bool = False


@dataclass
class Review:
    """What there is to do in one chunk."""

    past: Past
    active: list[bool]
    stale: list[Rows] = field(default_factory=list)
    unread: list[Rows] = field(default_factory=list)  # lack a metric, or have an old reading
    failed: list[Rows] = field(default_factory=list)  # to be tried again
    rewrite: bool = False

    @property
    def pending(self) -> int:
        """Tasks that will run, as far as the state tells."""
        if not self.past.finished:
            return max(sum(self.active) - self.past.done, 0)
        back = self.active.count(True) - self.past.manifest.active.count(True)
        return max(back, 0) + sum(row.tasks for row in self.stale + self.unread + self.failed)


def limits_of(task: Mapping[str, Any]) -> str:
    """The digest of what a task may use; a change of it gives failed tasks another try."""
    return digest_of([task[name] for name in ("threads", "mem_mb", "runtime", "retries")])


def cut_of(study: Study, slots: int) -> list[Any]:
    """What decides how new tasks are cut into chunks."""
    return [study.config["chunks"], study.task.threads, slots]


def run_dirs_of(study: Study) -> str:
    """`run_dirs` with auto resolved: none for a function without inputs, else keep."""
    choice = study.config["run_dirs"]
    if choice != "auto":
        return choice
    return "none" if study.task.function and not study.task.inputs else "keep"


def how_of(study: Study, science: Science) -> str:
    """The digest of how tasks are run: a chunk that is not finished is ordered anew with it."""
    names = ("task", "chunks", "on_failure", "run_dirs")
    return digest_of([{name: study.config[name] for name in names}, science.files])


def is_current(
    now: Situation,
    design_digest: str,
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
    if record is None or now.stopped or now.study.invocation:
        return False
    if record["design_digest"] != design_digest or record["metrics"] != science.metrics:
        return False
    if not record["chunks"].keys() <= published or now.changed(record["digest"]):
        return False
    unfinished = False
    for chunk, entry in record["chunks"].items():
        state = states[chunk]
        if state is None or state.manifest != entry["manifest"]:
            if chunk in has_outputs:
                return False
            unfinished = True
        elif any(_is_stale(r, now, entry["kept"]) or _is_retried(r, state, now) for r in state.rows):
            return False
    if not unfinished:
        return True
    cut = cut_of(now.study, now.slots)
    return record["how"] == how_of(now.study, science) and record["cut"] == cut


def make(now: Situation, design: Any, design_digest: str, past: Mapping[str, Past]) -> Plan:
    """The plan for a design (`_design.Design`).

    Raises:
        UserError: if finished tasks would run again that `on_change` protects.
    """
    index = {task_id: row for row, task_id in enumerate(design.ids)}
    same_cut = bool(now.record) and now.record["cut"] == cut_of(now.study, now.slots)
    reviews: dict[str, Review] = {}
    known: set[str] = set()
    top = last_seq = -1
    gone = 0
    for chunk, old in sorted(past.items()):
        active = [task_id in index for task_id in old.manifest.ids]
        if not old.started and not (same_cut and all(active)):
            continue  # its tasks are cut anew
        known.update(old.manifest.ids)
        top = max(top, int(chunk) if len(chunk) < 16 else -1)
        last_seq = max(last_seq, *old.manifest.table["seq"].to_pylist())
        if any(active):
            reviews[chunk] = _review(old, active, now)
        elif now.record and chunk in now.record["chunks"]:
            gone += now.record["chunks"][chunk]["tasks"]
    rest = [row for row, task_id in enumerate(design.ids) if task_id not in known]
    reasons = [*design.notes, *_reasons(now, reviews, rest, gone)]
    kept = _judged(now, reviews)
    from ._orders import Orders  # with pyarrow, which a parse without a new plan does not need

    orders = Orders(now, design, index)
    manifests, entries = {}, {}
    for chunk, found in reviews.items():
        manifest = found.past.manifest
        if found.rewrite:
            manifest = orders.anew(found, kept)
            if found.past.lost or manifest.hash != found.past.manifest.hash:
                manifests[chunk] = manifest
        entries[chunk] = orders.entry(manifest, found.pending)
    for chunk, rows in _cut(rest, now, design, top + 1).items():
        manifests[chunk] = orders.new(chunk, rows, last_seq + 1)
        entries[chunk] = orders.entry(manifests[chunk], len(rows))
        last_seq += len(rows)
    record = _record(now, design_digest, entries)
    is_new = bool(manifests) or now.stopped or _tells_more(record, now.record)
    if is_new and not reasons:
        reasons = ["the configuration changed, no task has to run for it"]
    return Plan({**record, "why": reasons}, manifests, is_new)


def _review(past: Past, active: list[bool], now: Situation) -> Review:
    """What has to be done in a chunk that is there already."""
    order, wanted = past.manifest.order, now.science.metrics
    found = Review(past, active)
    for row in past.state.rows if past.state else ():
        if _is_stale(row, now, order["kept"]):
            found.stale.append(row)
        elif row.status == "success":
            has = row.metrics()
            old = any(has.get(name) != how for name, how in wanted.items())
            if old and row.read_by not in order["kept"]:
                found.unread.append(row)
        elif _is_retried(row, past.state, now):
            found.failed.append(row)
    found.rewrite = bool(
        found.stale
        or found.unread
        or found.failed
        or past.lost
        or not past.finished
        or active != past.manifest.active
        or order["derive"] != now.study.config["derive"]
        or order["metrics"].keys() != wanted.keys()
        or now.study.invocation.get("rehash")
    )
    return found


def _is_stale(row: Rows, now: Situation, kept: list[str]) -> bool:
    return row.made_by not in kept and bool(now.changed(row.made_by))


def _is_retried(row: Rows, state: State, now: Situation) -> bool:
    if row.status == "success":
        return False
    config = now.study.config
    return (
        now.study.invocation.get("retry") == "all"
        or row.attempt < config["give_up"] * (1 + now.study.task.retries)
        or state.limits != limits_of(config["task"])
    )


def _judged(now: Situation, reviews: Mapping[str, Review]) -> bool:
    """Whether changed tasks are kept as they are; raises if they are to stop the plan."""
    policy = now.study.config["on_change"]
    stale = [row for found in reviews.values() for row in found.stale]
    again = stale + [row for found in reviews.values() for row in _run_again(found, now)]
    hours = sum(row.seconds for row in again) * now.study.task.threads / CPU_HOUR
    if not again or policy == "rerun" or (policy == "auto" and hours < 1):
        return False
    if policy == "keep":
        return True
    what = "; ".join(_change_in_words(now, reviews))
    raise UserError(
        f"{what}. {sum(row.tasks for row in again)} finished tasks ({hours:.2g} CPU-hours) would "
        "run again, so nothing was planned",
        file=now.study.file,
        key="on_change",
        value=policy,
        fix="Go on with --config on_change=rerun, or keep the old results with on_change=keep.",
    )


def _run_again(found: Review, now: Situation) -> list[Rows]:
    """Rows whose missing metric cannot be read again from a kept run directory."""
    if not found.unread:
        return []
    kept = now.run_directories(found.past.manifest.ids) if now.study.task.command else 0
    return [] if kept >= sum(row.tasks for row in found.unread) else found.unread


def _change_in_words(now: Situation, reviews: Mapping[str, Review]) -> list[str]:
    digests = {row.made_by for found in reviews.values() for row in found.stale}
    words = sorted({word for digest in digests for word in now.changed(digest)})
    if any(found.unread for found in reviews.values()):
        names = {
            name
            for found in reviews.values()
            for row in found.unread
            for name, how in now.science.metrics.items()
            if row.metrics().get(name) != how
        }
        words.append(f"metric {', '.join(sorted(names))} is new or read in another way")
    return words


def _reasons(
    now: Situation, reviews: Mapping[str, Review], rest: list[int], gone: int
) -> list[str]:
    """What this plan does, in words, with the numbers of tasks.

    Args:
        gone: tasks taken out of the design with their whole chunk.
    """
    found, back = list(reviews.values()), 0
    reasons = [f"{len(rest)} new tasks"] if rest else []
    stale = [row for review in found for row in review.stale]
    unread = [row for review in found for row in review.unread]
    if stale or unread:
        verb = "kept as they are" if now.study.config["on_change"] == "keep" else "run again"
        changed = stale or [row for review in found for row in _run_again(review, now)]
        if not changed:
            verb, changed = "read again from their run directories", unread
        hours = sum(row.seconds for row in changed) * now.study.task.threads / CPU_HOUR
        count = sum(row.tasks for row in changed)
        since = f" since plan {now.number}" if stale else ""
        words = "; ".join(_change_in_words(now, reviews))
        reasons.append(f"{words}{since}: {count} tasks {verb} ({hours:.2g} CPU-hours)")
    failed = sum(row.tasks for review in found for row in review.failed)
    if failed:
        reasons.append(f"{failed} failed tasks tried again")
    before = now.record["chunks"] if now.record else {}
    for chunk, review in reviews.items():
        was = review.past.manifest.active if chunk in before else [False] * len(review.active)
        pairs = list(zip(was, review.active, strict=True))
        gone += pairs.count((True, False))
        back += pairs.count((False, True))
    if gone:
        reasons.append(f"{gone} tasks taken out of the design")
    if back:
        reasons.append(f"{back} tasks back in the design")
    unfinished = [review for review in found if not review.past.finished]
    if unfinished:
        reasons.append(f"{len(unfinished)} chunks are not finished yet")
    if any(review.past.lost for review in found):
        reasons.append(f"{sum(review.past.lost for review in found)} manifests published anew")
    if now.stopped:
        reasons.append(f"plan {now.number} was stopped")
    return reasons


def _cut(rest: list[int], now: Situation, design: Any, first: int) -> dict[str, list[int]]:
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
        for start, stop in zip(bounds, bounds[1:], strict=False):
            rows = group[start:stop]
            single = size == 1 and len(rows) == 1
            named[design.ids[rows[0]] if single else f"{first + len(named):05d}"] = rows
    return named


def _grouped(rest: list[int], by: list[str], design: Any) -> list[list[int]]:
    if not by:
        return [rest]
    from ._design import groups

    return groups([design.columns[name] for name in by], rest)


def _record(
    now: Situation, design_digest: str, entries: dict[str, Any]
) -> dict[str, Any]:
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
        "code": {path: science.files[path] for path in science.code},
        "how": how_of(study, science),
        "cut": cut_of(study, now.slots),
        "chunks": entries,
    }


def _tells_more(record: dict[str, Any], old: dict[str, Any] | None) -> bool:
    """Whether the record differs in more than what every invocation may change."""
    names = ("design_digest", "metrics", "digest", "how", "cut")
    return old is None or old["chunks"].keys() != record["chunks"].keys() or any(
        old[name] != record[name] for name in names
    )
