"""The plan is a pure function: values in, manifests and reasons out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy
import pytest

from snakestudy.config.resolve import resolve
from snakestudy.config.study import Study
from snakestudy.design.blocks import DesignExpander
from snakestudy.design.design import Design, expand
from snakestudy.errors import UserError
from snakestudy.planning.currency import is_current
from snakestudy.planning.model import ExistingChunk, Plan, PlanContext
from snakestudy.planning.plan import make_plan
from snakestudy.provenance.digests import Provenance
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.results.current import CurrentStep
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.state import RowCount, State, StepState, limits_of

PROVENANCE = Provenance({"command": "1"}, {"fit": ""}, {"fit": {}}, {}, ())


@dataclass(frozen=True)
class Files:
    """What a plan looks up, as values."""

    known: Mapping[str, Any] = field(default_factory=dict)  # task_id -> its last row

    def task_input_digests(self, design: Design, rows: numpy.ndarray) -> list[str | None]:
        return [None] * len(rows)

    def count_run_directories(self, task_ids: list[str]) -> int:
        return 0

    def rows(self, chunk: str) -> Mapping[str, Any]:
        return self.known

    def whole_manifest(self, chunk: ExistingChunk) -> Manifest:
        return chunk.manifest


def context_of(
    record: PlanRecord | None = None,
    provenance: Provenance = PROVENANCE,
    changed: tuple[str, ...] = (),
    slots: int = 2,
    invocation: dict | None = None,
    **config: Any,
) -> PlanContext:
    task = {"function": "m.py:f", "metrics": ["fit"]}
    given = {"study": "s", "design": {"grid": {"a": 1}}, "task": task, **config}
    study = Study("config.yaml", resolve("config.yaml", given), "text", invocation or {})
    current = CurrentStep(
        study.step,
        provenance,
        lambda digest: () if digest == provenance.digest else changed,
        study.config["give_up"] * (1 + study.task.retries),
        study.invocation.get("retry") == "all",
    )
    return PlanContext(study, current, record, slots, False, Files())


def plan(
    context: PlanContext, values: list, existing: dict[str, ExistingChunk] | None = None
) -> Plan:
    design = expand([{"grid": {"a": values, "b": ["x", "y"]}}], DesignExpander())
    return make_plan(context, design, existing or {})


def visited(
    made: Plan, status: str = "success", attempt: int = 1, seconds: float = 1.0
) -> dict[str, ExistingChunk]:
    """Every chunk of a plan as one finished visit leaves it."""
    existing = {}
    for chunk, manifest in made.manifests.items():
        ordered = manifest.spec.steps["run"]
        digest = str(RowDigest.of(ordered.digest, None, ordered.metrics))
        rows = (RowCount(digest, status, attempt, len(manifest.ids), seconds),)
        state = State(manifest.hash, {"run": StepState(limits_of(ordered.task), rows)})
        existing[chunk] = ExistingChunk(manifest, True, False, state)
    return existing


def with_rows(context: PlanContext, existing: dict[str, ExistingChunk]) -> PlanContext:
    """The context with every task of the first chunk having the row that its state counts."""
    first = min(existing)
    row = existing[first].state.rows[0]
    return replace(context, files=Files(dict.fromkeys(existing[first].manifest.ids, row)))


def sizes(made: Plan) -> list[int]:
    return [len(manifest.ids) for manifest in made.manifests.values()]


@pytest.mark.parametrize(
    ("chunks", "values", "wanted"),
    [
        ({"tasks": 4}, 5, [3, 3, 4]),
        ({"tasks": 100}, 5, [10]),
        ({}, 8, [2] * 8),
        ({}, 2, [1] * 4),
        ({"max": 3}, 9, [6, 6, 6]),
        ({"tasks": 1, "max": 2}, 4, [4, 4]),
        ({"tasks": 3, "by": ["b"]}, 4, [2, 2, 2, 2]),
    ],
)
def test_new_tasks_are_cut_into_chunks(chunks: dict, values: int, wanted: list[int]) -> None:
    made = plan(context_of(chunks=chunks), list(range(values)))
    assert sizes(made) == wanted
    seqs = [
        seq for manifest in made.manifests.values() for seq in manifest.table["seq"].to_pylist()
    ]
    assert seqs == list(range(2 * values))


@pytest.mark.parametrize("slots", [1, 2, 16])
def test_files_of_a_metric_follow_slots_not_tasks(slots: int) -> None:
    made = plan(context_of(slots=slots), list(range(5_000)))
    assert len(made.manifests) == 4 * slots <= 64


def test_few_tasks_of_a_command_are_a_chunk_each_named_by_their_task_id() -> None:
    made = plan(context_of(task={"command": "true"}), [1, 2])
    assert [[chunk] for chunk in made.manifests] == [m.ids for m in made.manifests.values()]


def test_chunks_by_a_name_that_is_no_parameter_are_refused() -> None:
    with pytest.raises(UserError, match=r"chunks.by = \"c\": is no parameter. Known: a, b."):
        plan(context_of(chunks={"by": ["c"]}), [1])


def test_planning_again_after_all_is_done_changes_nothing() -> None:
    first = plan(context_of(), [1, 2])
    again = plan(context_of(first.record), [1, 2], visited(first))
    assert not again.is_new
    assert again.record is first.record


def test_growth_writes_only_new_chunks() -> None:
    first = plan(context_of(), [1, 2])
    second = plan(context_of(first.record), [1, 2, 3], visited(first))
    assert sizes(second) == [1, 1]
    assert not second.manifests.keys() & first.manifests.keys()
    assert second.record.why == ("2 new tasks",)
    assert second.record.plan == 2


def test_dropped_tasks_become_inactive_and_return_without_work() -> None:
    first = plan(context_of(chunks={"tasks": 4}), [1, 2])
    existing = visited(first)
    now = context_of(first.record, chunks={"tasks": 4})
    second = plan(with_rows(now, existing), [1], existing)
    (shrunk,) = second.manifests.values()
    assert shrunk.active.tolist() == [True, True, False, False]
    assert second.record.why == ("2 tasks taken out of the design",)
    assert second.record.chunks["00000"].pending == 0


@pytest.mark.parametrize(
    ("attempt", "invocation", "orders"), [(1, {}, 2), (3, {}, None), (3, {"retry": "all"}, 4)]
)
def test_failed_tasks_are_ordered_once_more_until_given_up(
    attempt: int, invocation: dict, orders: int | None
) -> None:
    first = plan(context_of(chunks={"tasks": 9}), [1])
    existing = visited(first, "failure", attempt)
    now = context_of(first.record, chunks={"tasks": 9}, invocation=invocation)
    second = plan(with_rows(now, existing), [1], existing)
    assert second.is_new == (orders is not None)
    if orders:
        assert second.manifests["00000"].table["_max_attempt.run"].to_pylist() == [orders] * 2
        assert second.record.why == ("2 failed tasks tried again",)


@pytest.mark.parametrize(
    ("on_change", "seconds", "outcome"),
    [
        ("auto", 1.0, "run again"),
        ("auto", 4000.0, UserError),
        ("rerun", 4000.0, "run again"),
        ("stop", 1.0, UserError),
        ("keep", 4000.0, "kept as they are"),
    ],
)
def test_changed_tasks_are_judged_by_what_is_at_stake(
    on_change: str, seconds: float, outcome: Any
) -> None:
    first = plan(context_of(), [1])
    existing = visited(first, seconds=seconds)
    provenance = replace(PROVENANCE, components={"command": "2"})
    now = context_of(first.record, provenance, ("the command changed",), on_change=on_change)
    if outcome is UserError:
        with pytest.raises(UserError, match=r"the command changed\. 2 finished tasks"):
            plan(now, [1], existing)
        return
    second = plan(now, [1], existing)
    assert outcome in second.record.why[0]
    pending = sum(entry.pending for entry in second.record.chunks.values())
    assert pending == (0 if on_change == "keep" else 2)
    kept = {digest for m in second.manifests.values() for digest in m.spec.accepted_digests}
    assert kept == ({PROVENANCE.digest} if on_change == "keep" else set())


def test_current_plan_is_known_from_states_alone() -> None:
    first = plan(context_of(), [1])
    states = {chunk: existing.state for chunk, existing in visited(first).items()}
    chunks = set(states)
    now, digest = context_of(first.record), first.record.design_digest
    assert is_current(now, digest, states, chunks, chunks)
    assert not is_current(now, "another", states, chunks, chunks)  # the design changed
    assert not is_current(now, None, states, chunks, chunks)  # it is not known
    assert not is_current(now, digest, states, chunks - {min(chunks)}, chunks)  # a manifest is lost
    assert not is_current(replace(now, stopped=True), digest, states, chunks, chunks)
    missing = {**states, min(chunks): None}
    assert is_current(now, digest, missing, chunks, chunks - {min(chunks)})  # only unfinished
    assert not is_current(now, digest, missing, chunks, chunks)  # outputs nobody vouches for
