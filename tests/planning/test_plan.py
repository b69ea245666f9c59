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
from snakestudy.storage.task_rows import TaskRow

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
    count = existing[first].state.rows[0]
    row = TaskRow(count.status, count.digest, count.attempt, count.seconds, plan=1, part=1)
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
    accepted = f"{PROVENANCE.digest} @ {provenance.digest}"
    assert kept == ({accepted} if on_change == "keep" else set())


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


def test_what_is_at_stake_is_counted_in_hours_of_all_threads() -> None:
    task = {"function": "m.py:f", "metrics": ["fit"], "threads": 4}
    first = plan(context_of(task=task), [1])
    existing = visited(first, seconds=500)  # of one thread: 0.28 CPU-hours
    provenance = replace(PROVENANCE, components={"command": "2"})
    now = context_of(first.record, provenance, ("the command changed",), task=task)
    with pytest.raises(UserError, match=r"\(1\.1 CPU-hours\) would run again"):
        plan(now, [1], existing)


def test_given_up_tasks_of_one_code_are_tried_again_with_another() -> None:
    first = plan(context_of(chunks={"tasks": 9}), [1])
    existing = visited(first, "failure", attempt=3)
    now = context_of(first.record, chunks={"tasks": 9})
    assert not plan(with_rows(now, existing), [1], existing).is_new
    provenance = replace(PROVENANCE, components={"command": "2"})
    now = context_of(first.record, provenance, ("the command changed",), chunks={"tasks": 9})
    again = plan(with_rows(now, existing), [1], existing)
    assert again.record.why == ("the command changed since plan 1: 2 failed tasks tried again",)


@pytest.mark.parametrize(
    "limit", [{"mem_mb": 900}, {"runtime": "1h"}, {"threads": 2}, {"retries": 1}]
)
def test_more_of_a_limit_gives_given_up_tasks_a_new_try(limit: dict) -> None:
    task = {"function": "m.py:f", "metrics": ["fit"]}
    first = plan(context_of(chunks={"tasks": 9}), [1])
    existing = visited(first, "failure", attempt=3)
    now = context_of(first.record, chunks={"tasks": 9}, task={**task, **limit})
    again = plan(with_rows(now, existing), [1], existing)
    assert "2 failed tasks tried again" in again.record.why


def test_a_change_is_told_once_where_successes_and_failures_run_again() -> None:
    first = plan(context_of(chunks={"tasks": 2}), [1, 2])
    existing = visited(first)
    failed = visited(first, "failure", attempt=1)
    existing["00001"] = failed["00001"]
    provenance = replace(PROVENANCE, components={"command": "2"})
    now = context_of(first.record, provenance, ("the command changed",), chunks={"tasks": 2})
    again = plan(now, [1, 2], existing)
    assert again.record.why == (
        "the command changed since plan 1: 2 tasks (0.00028 CPU-hours) run again",
        "2 failed tasks tried again",
    )
    assert sum(entry.pending for entry in again.record.chunks.values()) == 4


def test_tasks_wanted_again_are_ordered_not_before_this_plan() -> None:
    first = plan(context_of(), [1, 2])
    now = context_of(first.record, invocation={"redo": "a == 2"})
    again = plan(now, [1, 2], visited(first))
    orders = {
        task: before
        for manifest in again.manifests.values()
        for task, before in zip(
            manifest.values("a"), manifest.not_before_plans("run").to_pylist(), strict=True
        )
    }
    assert orders == {2: 2}
    assert again.record.why == ("redo: 2 tasks with a == 2 run again",)


def test_a_metric_that_is_new_runs_again_what_kept_no_run_directory() -> None:
    first = plan(context_of(), [1])
    existing = visited(first)
    provenance = replace(
        PROVENANCE, metrics={"fit": "", "more": ""}, readers={"fit": {}, "more": {}}
    )
    again = plan(with_rows(context_of(first.record, provenance), existing), [1], existing)
    (why,) = again.record.why
    assert why.startswith("metric more is new or read in another way: 2 tasks (")
    assert why.endswith("run again")


# histories


def changed_to(command: str) -> Provenance:
    return replace(PROVENANCE, components={"command": command})


def test_failure_of_another_code_is_ordered_as_often_as_its_visit_tries() -> None:
    """Its visit counts from the first try; the order after that one has to be another one."""
    chunks = {"tasks": 9}
    first = plan(context_of(chunks=chunks), [1])
    existing = visited(first, "failure", attempt=1)
    edited = context_of(first.record, changed_to("2"), ("the command changed",), chunks=chunks)
    second = plan(with_rows(edited, existing), [1], existing)
    assert second.manifests["00000"].table["_max_attempt.run"].to_pylist() == [1, 1]
    existing = visited(second, "failure", attempt=1)
    same = context_of(second.record, changed_to("2"), ("the command changed",), chunks=chunks)
    third = plan(with_rows(same, existing), [1], existing)
    assert third.manifests["00000"].table["_max_attempt.run"].to_pylist() == [2, 2]


def test_order_for_a_failure_is_never_the_one_that_was_followed_already() -> None:
    """An earlier version ordered two tries where the visit counted one."""
    first = plan(context_of(chunks={"tasks": 9}), [1])
    for limit, invocation in ((3, {}), (3, {"retry": "all"})):
        table = first.manifests["00000"].table
        place = table.column_names.index("_max_attempt.run")
        table = table.set_column(place, "_max_attempt.run", [[limit, limit]])
        made = replace(first, manifests={"00000": Manifest(first.manifests["00000"].spec, table)})
        existing = visited(made, "failure", attempt=2)
        now = context_of(first.record, chunks={"tasks": 9}, invocation=invocation)
        again = plan(with_rows(now, existing), [1], existing)
        assert again.manifests["00000"].hash != made.manifests["00000"].hash


def test_what_was_kept_once_is_asked_about_again_after_a_further_change() -> None:
    chunks, codes = {"tasks": 9}, {"1": PROVENANCE, "2": changed_to("2"), "3": changed_to("3")}
    first = plan(context_of(chunks=chunks), [1])
    existing = visited(first)
    state = existing["00000"].state

    def planned(before: PlanRecord, code: str, on_change: str) -> Plan:
        now = context_of(before, codes[code], ("changed",), chunks=chunks, on_change=on_change)
        return plan(with_rows(now, existing), [1], existing)

    def after(made: Plan) -> None:
        """Its chunk is brought up to its manifest; nothing ran."""
        manifest = made.manifests["00000"]
        now = replace(state, manifest=manifest.hash)
        existing["00000"] = ExistingChunk(manifest, True, False, now)

    kept = planned(first.record, "2", "keep")
    assert kept.record.chunks["00000"].pending == 0
    after(kept)
    assert not planned(kept.record, "2", "rerun").is_new
    assert planned(kept.record, "3", "rerun").record.chunks["00000"].pending == 2
    with pytest.raises(UserError, match="2 finished tasks"):
        planned(kept.record, "3", "stop")
    once_more = planned(kept.record, "3", "keep")
    after(once_more)
    assert not planned(once_more.record, "3", "rerun").is_new
    for code in ("1", "2"):  # made by it, and accepted for it
        assert planned(once_more.record, code, "rerun").record.chunks["00000"].pending == 0


def test_failures_run_with_changed_code_also_where_successes_are_kept() -> None:
    first = plan(context_of(chunks={"tasks": 9}), [1])
    existing = visited(first)
    there = existing["00000"]
    (one,) = there.state.rows
    rows = (one._replace(tasks=1), one._replace(tasks=1, status="failure", attempt=3))
    state = replace(there.state, steps={"run": StepState(there.state.steps["run"].limits, rows)})
    existing["00000"] = replace(there, state=state)
    task_rows = [TaskRow(r.status, r.digest, r.attempt, 1.0, plan=1, part=1) for r in rows]
    now = context_of(
        first.record, changed_to("2"), ("changed",), chunks={"tasks": 9}, on_change="keep"
    )
    files = Files(dict(zip(there.manifest.ids, task_rows, strict=True)))
    again = plan(replace(now, files=files), [1], existing)
    assert again.record.chunks["00000"].pending == 1
    assert again.manifests["00000"].table["_max_attempt.run"].to_pylist() == [1, 4]


@pytest.mark.parametrize("then", ["growth", "nothing", "the same again", "another one"])
def test_redo_that_was_planned_and_not_run_is_still_counted(then: str) -> None:
    chunks = {"tasks": 9}
    first = plan(context_of(chunks=chunks), [1, 2])
    existing = visited(first)
    redo = context_of(first.record, chunks=chunks, invocation={"redo": "a == 2"})
    second = plan(with_rows(redo, existing), [1, 2], existing)
    assert second.record.chunks["00000"].pending == 2
    there = existing["00000"]
    existing["00000"] = replace(there, manifest=second.manifests["00000"])
    asked = {"the same again": {"redo": "a == 2"}, "another one": {"redo": "a == 1"}}
    now = context_of(second.record, chunks=chunks, invocation=asked.get(then))
    third = plan(with_rows(now, existing), [1, 2] + [3] * (then == "growth"), existing)
    if then == "nothing":
        assert not third.is_new or third.record.chunks["00000"].pending == 2
        return
    assert third.record.chunks["00000"].pending == (4 if then == "another one" else 2)
    if then == "growth":
        assert third.record.chunks["00001"].pending == 2


def test_number_of_a_plan_whose_record_is_lost_does_not_serve_again() -> None:
    first = plan(context_of(), [1])
    now = replace(context_of(first.record, invocation={"redo": "a == 1"}), highest=7)
    again = plan(now, [1], visited(first))
    assert again.record.plan == 8
    (manifest, *_) = again.manifests.values()
    assert manifest.not_before_plans("run").to_pylist() == [8]
