"""Whether the newest plan still says all there is to say, from small files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakestudy.config.study import Study
from snakestudy.planning.model import PlanContext
from snakestudy.provenance.digests import Provenance
from snakestudy.provenance.row_digest import needs_run
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.state import State
from snakestudy.values import digest_of


def cut_of(study: Study, slots: int) -> list[Any]:
    """What decides how new tasks are cut into chunks."""
    return [study.config["chunks"], max(step.task.threads for step in study.steps), slots]


def how_of(study: Study, provenance: Provenance) -> str:
    """The digest of how tasks are run: a chunk that is not finished is ordered anew with it."""
    names = ("steps", "chunks", "on_failure", "run_dirs")
    return digest_of([{name: study.config[name] for name in names}, provenance.files])


@dataclass(frozen=True)
class _Facts:
    context: PlanContext
    record: PlanRecord
    design_digest: str | None
    states: Mapping[str, State | None]
    published: set[str]
    has_outputs: set[str]

    def is_finished(self, chunk: str) -> bool:
        state = self.states[chunk]
        return state is not None and state.manifest == self.record.chunks[chunk].manifest


def is_current(
    context: PlanContext,
    design_digest: str | None,
    states: Mapping[str, State | None],
    published: set[str],
    has_outputs: set[str],
) -> bool:
    """Whether the newest plan still stands (unfinished chunks may be left).

    Args:
        design_digest: None if it is not known.
        states: of the record's chunks.
        published: chunks whose manifest file is there.
        has_outputs: chunks whose outputs are there; Snakemake sees no need to visit these.
    """
    if context.record is None:
        return False
    facts = _Facts(context, context.record, design_digest, states, published, has_outputs)
    return all(check(facts) for check in _CHECKS)


def _nothing_is_asked_for(facts: _Facts) -> bool:
    return not facts.context.stopped and not facts.context.study.invocation


def _design_is_the_same(facts: _Facts) -> bool:
    return facts.design_digest is not None and facts.record.design_digest == facts.design_digest


def _code_and_metrics_are_the_same(facts: _Facts) -> bool:
    current = facts.context.current
    before = facts.record.steps.get(facts.context.step)
    return (
        before is not None
        and before.metrics == current.provenance.metrics
        and not current.changed(before.digest)
    )


def _manifests_are_there(facts: _Facts) -> bool:
    return facts.record.chunks.keys() <= facts.published


def _failures_are_taken_alike(facts: _Facts) -> bool:
    """What was accepted may be no more."""
    key = "on_failure"
    if facts.record.config[key] == facts.context.study.config[key]:
        return True
    states = filter(None, facts.states.values())
    return all(row.status == "success" for state in states for row in state.rows)


def _no_output_is_unvouched_for(facts: _Facts) -> bool:
    return not any(
        chunk in facts.has_outputs for chunk in facts.record.chunks if not facts.is_finished(chunk)
    )


def _no_row_has_to_be_made(facts: _Facts) -> bool:

    current = facts.context.current
    for chunk, entry in facts.record.chunks.items():
        state = facts.states[chunk]
        if state is None or not facts.is_finished(chunk):
            continue
        step = state.steps[facts.context.step]
        spec, most = current.spec(entry), current.max_attempt(step.limits)
        if any(needs_run(row, spec, max_attempt=most) for row in step.rows):
            return False
    return True


def _unfinished_chunks_run_alike(facts: _Facts) -> bool:
    """As the study says now; the manifest of one that was finished may be older than the plan."""
    context, record = facts.context, facts.record
    unfinished = [e for chunk, e in record.chunks.items() if not facts.is_finished(chunk)]
    if not unfinished:
        return True
    how = how_of(context.study, context.current.provenance)
    alike = all((entry.how or record.how) == how for entry in unfinished)
    return alike and record.cut == cut_of(context.study, context.slots)


_CHECKS = (
    _nothing_is_asked_for,
    _design_is_the_same,
    _code_and_metrics_are_the_same,
    _manifests_are_there,
    _failures_are_taken_alike,
    _no_output_is_unvouched_for,
    _no_row_has_to_be_made,
    _unfinished_chunks_run_alike,
)
