"""Tasks counted by status, from states as visits leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from snakestudy.config.resolve import resolve
from snakestudy.config.study import Study
from snakestudy.layout import Layout
from snakestudy.provenance.digests import Provenance
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.results.current import CurrentStep, CurrentStudy
from snakestudy.results.progress import count_tasks
from snakestudy.storage.documents import ChunkEntry, PlanRecord
from snakestudy.storage.state import RowCount, State, StepState

NOW, OLD = "a" * 16, "b" * 16


def row(made_by: str, status: str, attempt: int, tasks: int) -> RowCount:
    return RowCount(str(RowDigest(made_by, None, (("fit", ""),))), status, attempt, tasks, 2.0)


def record_of(retries: int, tasks: int, accepted: tuple[str, ...] = ()) -> PlanRecord:
    given = {
        "study": "s",
        "design": {"seeds": 1},
        "task": {"function": "m.py:f", "metrics": ["fit"], "retries": retries},
    }
    config = resolve("config.yaml", given)
    entry = ChunkEntry("manifest", tasks, 0, None, accepted)
    return PlanRecord(1, "s", "c.yaml", config, "", "", {}, {}, "", [], {"00000": entry})


def current(record: PlanRecord, keeps_changed: bool = False) -> CurrentStudy:
    step = Study("c.yaml", record.config, "", {}).step
    provenance = Provenance({}, {"fit": ""}, {"fit": {}}, {}, ())
    changed = {NOW: (), OLD: ("the command changed",)}
    return CurrentStudy(
        {"run": CurrentStep(step, provenance, lambda digest: changed[digest], 3)}, keeps_changed
    )


def state(layout: Layout, *rows: RowCount) -> None:
    store = layout.chunk_store("00000")
    store.mkdir(parents=True)
    State("manifest", {"run": StepState("limits", rows)}).save(store)


@pytest.mark.parametrize(
    ("retries", "attempts", "given_up"), [(0, 3, 1), (0, 2, 0), (1, 5, 0), (1, 6, 1)]
)
def test_a_task_is_given_up_after_as_many_plans_as_may_try_it_with_all_their_retries(
    tmp_path: Path, retries: int, attempts: int, given_up: int
) -> None:
    layout = Layout(tmp_path)
    state(layout, row(NOW, "failure", attempts, 1))
    record = record_of(retries, 1)
    counts = count_tasks(record, layout, current(record))
    assert (counts.failure, counts.given_up) == (1, given_up)


@pytest.mark.parametrize(
    ("accepted", "keeps", "success", "stale"),
    [((), False, 3, 5), ((OLD,), False, 8, 0), ((), True, 8, 0)],
)
def test_rows_of_other_code_are_stale_unless_they_are_accepted(
    tmp_path: Path, accepted: tuple[str, ...], keeps: bool, success: int, stale: int
) -> None:
    layout = Layout(tmp_path)
    state(layout, row(NOW, "success", 1, 3), row(OLD, "success", 1, 5), row(OLD, "failure", 1, 2))
    record = record_of(0, 12, accepted)
    counts = count_tasks(record, layout, current(record, keeps))
    assert (counts.success, counts.stale, counts.failure) == (success, stale, 2)
    assert counts.pending == 2
    assert counts.total == 12
    assert counts.unfinished == ()


def test_a_state_of_other_orders_counts_for_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    store = layout.chunk_store("00000")
    store.mkdir(parents=True)
    rows = (row(NOW, "success", 1, 4),)
    State("of an earlier plan", {"run": StepState("limits", rows)}).save(store)
    record = record_of(0, 4)
    counts = count_tasks(record, layout, current(record))
    assert (counts.success, counts.pending, counts.unfinished) == (0, 4, ("00000",))
