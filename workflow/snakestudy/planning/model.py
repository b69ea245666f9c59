"""What a plan is made from, and what comes out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy

from snakestudy.config.inputs import is_per_task
from snakestudy.config.study import Study, Task
from snakestudy.errors import UserError
from snakestudy.results.current import CurrentStep
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.state import RowCount, State

if TYPE_CHECKING:
    from snakestudy.design.design import Design
    from snakestudy.storage.manifest import Manifest
    from snakestudy.storage.task_rows import TaskRow


@dataclass(frozen=True)
class Capacity:
    """What an invocation may use: cores of this machine, or a number of jobs elsewhere.

    Attributes:
        resources: how much of each there is for all jobs together, as far as that is said.
    """

    cores: int
    jobs: int | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)

    def slots(self, study: Study) -> int:
        """How many chunks can run side by side."""
        wanted = study.config["chunks"]["workers"] * max(s.task.threads for s in study.steps)
        return self.jobs or max(1, self.cores // wanted)

    def check(self, study: Study) -> None:
        """Refuse workers that would use more at once than there is: Snakemake cuts what jobs ask.

        Raises:
            UserError: naming the resource.
        """
        workers = study.config["chunks"]["workers"]
        for name, asked in resources_of_job(study.config).items():
            there = self.resources.get(name)
            if workers > 1 and not isinstance(asked, str) and is_number(there) and asked > there:
                raise UserError(
                    f"{workers} workers use {asked:g}, and --resources says {there:g} for all jobs",
                    file=study.file,
                    key=f"resources.{name}",
                    value=study.config["resources"][name],
                    fix="Write fewer chunks.workers.",
                )


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# Numbers that say what a job is, and are no more for more tasks of it side by side.
_OF_THE_JOB = re.compile(
    r"nodes|n?tasks|\w+_per_\w+|slurm_\w+|(wall)?time(_\w+)?|\w*runtime\w*|priority|nice"
)


def resources_of_job(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a job asks for of the study's `resources`: numbers are what one task uses.

    >>> resources_of_job({"chunks": {"workers": 4}, "resources": {"gpu": 1, "nodes": 1, "q": "a"}})
    {'gpu': 4, 'nodes': 1, 'q': 'a'}
    """
    workers = config["chunks"]["workers"]
    asked = dict(config["resources"])
    for name, value in asked.items():
        if is_number(value) and not _OF_THE_JOB.fullmatch(name):
            total = value * workers
            asked[name] = int(total) if total == int(total) else total
    return asked


@dataclass(frozen=True)
class ExistingChunk:
    """A chunk that is there already.

    Attributes:
        manifest: the one last published, with the columns `manifest.PLANNED`.
        started: whether a visit has begun; its tasks then stay in this chunk.
        lost: whether its published file must be written again whatever it says.
        state: of its last finished visit.
    """

    manifest: Manifest
    started: bool
    lost: bool
    state: State | None

    @property
    def finished(self) -> bool:
        return self.state is not None and self.state.manifest == self.manifest.hash

    def limits(self, step: str) -> str | None:
        """The limits of a step's tasks at its last finished visit."""
        return self.state.steps[step].limits if self.state else None


class StudyFiles(Protocol):
    """What a plan looks up in a study's files while it is made."""

    def task_input_digests(self, design: Design, rows: numpy.ndarray) -> list[str | None]:
        """The digests of the input files that are those tasks' own; rows: of the design."""
        ...

    def count_run_directories(self, task_ids: list[str]) -> int:
        """How many of these tasks have a run directory of a task that ended."""
        ...

    def rows(self, chunk: str) -> Mapping[str, TaskRow]:
        """task_id -> its last row."""
        ...

    def whole_manifest(self, chunk: ExistingChunk) -> Manifest:
        """The chunk's manifest with all columns."""
        ...


@dataclass(frozen=True)
class PlanContext:
    """What a plan is made from, beside the design and the manifests.

    Attributes:
        current: the study's step as it is now.
        record: the newest plan record.
        slots: jobs that run side by side.
        stopped: whether the newest plan was.
        files: what is looked up when it is needed.
        highest: number of the last plan, also where its record is lost.
    """

    study: Study
    current: CurrentStep
    record: PlanRecord | None
    slots: int
    stopped: bool
    files: StudyFiles
    highest: int = 0

    @property
    def step(self) -> str:
        return self.current.step.name

    @property
    def task(self) -> Task:
        return self.current.step.task

    @property
    def has_task_inputs(self) -> bool:
        """Whether tasks have input files of their own."""
        return any(is_per_task(item) for item in self.task.inputs)

    @property
    def number(self) -> int:
        """Of the newest plan, 0 before the first."""
        return self.record.plan if self.record else 0

    @property
    def next_number(self) -> int:
        """Of a new plan; never one again, for rows tell which plan made them."""
        return max(self.number, self.highest) + 1


@dataclass(frozen=True)
class Plan:
    """What comes out.

    Attributes:
        record: the plan record; the newest one if there is nothing to plan.
        manifests: those to publish, by chunk.
        is_new: whether the record is.
        unfinished: chunks that a plan that is not new has still to visit.
    """

    record: PlanRecord
    manifests: dict[str, Manifest] = field(default_factory=dict)
    is_new: bool = False
    unfinished: int = 0


@dataclass
class ChunkReview:
    """What there is to do in one chunk.

    Attributes:
        active: which of its tasks the design has.
        stale: rows of successes that run again, as what made them has changed.
        unread: rows that lack a metric, or have an old reading of it, be it one that failed;
            `unread_lost`: those successes among them without a run directory to read it from.
        failed: rows of failures to be tried again.
        missing: active tasks without a row.
        ordered: active tasks that an earlier plan wanted to be made again, and that are not yet.
        new_inputs: rows whose tasks' own input files changed.
        redo: which of its tasks the user wants again.
        rewrite: whether its manifest has to say something else.
    """

    existing: ExistingChunk
    active: numpy.ndarray
    stale: list[RowCount] = field(default_factory=list)
    unread: list[RowCount] = field(default_factory=list)
    unread_lost: list[RowCount] = field(default_factory=list)
    failed: list[RowCount] = field(default_factory=list)
    missing: int = 0
    ordered: numpy.ndarray = field(init=False)
    new_inputs: list[RowCount] = field(default_factory=list)
    redo: numpy.ndarray | None = None
    rewrite: bool = False

    def __post_init__(self) -> None:
        self.ordered = numpy.zeros(len(self.active), dtype=bool)

    @property
    def redone(self) -> int:
        return 0 if self.redo is None else int(self.redo.sum())

    @property
    def rerun(self) -> list[RowCount]:
        """Rows of successes that would run again: what `on_change` protects."""
        return [*self.stale, *self.new_inputs, *self.unread_lost]


def run_dirs_of(study: Study) -> str:
    """`run_dirs` with auto resolved to keep, but for a function that has no files at its start.

    Raises:
        UserError: if tasks are to continue from files that are not kept.
    """
    choice = study.config["run_dirs"]
    tasks = [step.task for step in study.steps]
    if choice == "none" and any(t.restart == "continue" and t.function for t in tasks):
        raise UserError(
            "needs run directories", key="task.restart", value="continue", fix="Leave run_dirs out."
        )
    if choice != "auto":
        return choice
    has_files = any(not t.function or t.inputs or t.restart == "continue" for t in tasks)
    return "keep" if has_files else "auto"
