"""What a plan is made from, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from snakestudy.config.inputs import is_per_task
from snakestudy.config.study import Study
from snakestudy.errors import UserError
from snakestudy.provenance.digests import Provenance
from snakestudy.storage.state import RowCount, State, limits_of


@dataclass(frozen=True)
class ExistingChunk:
    """A chunk that is there already.

    Attributes:
        manifest: the one last published (`storage.manifest.Manifest`).
        started: whether a visit has begun; its tasks then stay in this chunk.
        lost: whether its published file must be written again whatever it says.
        state: of its last finished visit.
    """

    manifest: Any
    started: bool
    lost: bool
    state: State | None

    @property
    def finished(self) -> bool:
        return self.state is not None and self.state.manifest == self.manifest.hash


@dataclass(frozen=True)
class PlanContext:
    """What a plan is made from, beside the design and the manifests.

    Attributes:
        record: the newest plan record.
        changed: digest of a row -> what changed since, in words; empty if it is current.
        slots: jobs that run side by side.
        own_inputs: a design's rows -> digests of the tasks' own input files.
        run_directories: task_ids -> how many of them have a run directory of a task that ended.
        stopped: whether the newest plan was.
        rows: chunk -> task_id -> its last row.
    """

    study: Study
    provenance: Provenance
    record: dict[str, Any] | None
    changed: Callable[[str], list[str]]
    slots: int
    task_input_digests: Callable[[Any, numpy.ndarray], list[str | None]]
    run_directories: Callable[[list[str]], int]
    stopped: bool
    rows: Callable[[str], Mapping[str, Any]]

    @property
    def has_task_inputs(self) -> bool:
        """Whether tasks have input files of their own."""
        return any(is_per_task(item) for item in self.study.task.inputs)

    @property
    def number(self) -> int:
        return self.record["plan"] if self.record else 0

    def lacks(self, row: RowCount) -> bool:
        """Whether a row has not every metric as it is read now."""
        has = row.metrics()
        return any(has.get(name) != how for name, how in self.provenance.metrics.items())

    def may_retry(self, attempt: int, limits: str | None) -> bool:
        """Whether a task that failed at this attempt, under these limits, is tried again."""
        config = self.study.config
        return (
            attempt < config["give_up"] * (1 + self.study.task.retries)
            or self.study.invocation.get("retry") == "all"
            or (limits is not None and limits != limits_of(config["task"]))
        )


@dataclass(frozen=True)
class Plan:
    """What comes out.

    Attributes:
        record: the plan record; the newest one if there is nothing to plan.
        manifests: those to publish, by chunk.
        is_new: whether the record is.
        unfinished: chunks that a plan that is not new has still to visit.
    """

    record: dict[str, Any]
    manifests: dict[str, Any] = field(default_factory=dict)
    is_new: bool = False
    unfinished: int = 0


@dataclass
class ChunkReview:
    """What there is to do in one chunk."""

    existing: ExistingChunk
    active: numpy.ndarray
    stale: list[RowCount] = field(default_factory=list)
    unread: list[RowCount] = field(default_factory=list)  # lack a metric, or have an old reading
    again: list[RowCount] = field(default_factory=list)  # those of them without a run directory
    failed: list[RowCount] = field(default_factory=list)  # to be tried again
    missing: int = 0  # active tasks without a row
    new_inputs: list[RowCount] = field(default_factory=list)  # whose own input files changed
    redo: numpy.ndarray | None = None  # which of its tasks the user wants again
    rewrite: bool = False

    @property
    def redone(self) -> int:
        return 0 if self.redo is None else int(self.redo.sum())


def run_dirs_of(study: Study) -> str:
    """`run_dirs` with auto resolved: none for a function that has no files, else keep.

    Raises:
        UserError: if tasks are to continue from files that are not kept.
    """
    choice, task = study.config["run_dirs"], study.task
    if choice == "none" and task.restart == "continue" and task.function:
        raise UserError(
            "needs run directories", key="task.restart", value="continue", fix="Leave run_dirs out."
        )
    if choice != "auto":
        return choice
    has_files = not task.function or task.inputs or task.restart == "continue"
    return "keep" if has_files else "none"


@dataclass(frozen=True)
class Capacity:
    """What an invocation may use: cores of this machine, or a number of jobs elsewhere."""

    cores: int
    jobs: int | None = None

    def of(self, study: Study) -> int:
        """How many chunks can run side by side."""
        return self.jobs or max(
            1, self.cores // (study.config["chunks"]["workers"] * study.task.threads)
        )
