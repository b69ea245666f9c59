"""What all tasks of a visit have in common, as workers get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from snakestudy.config.study import Task
from snakestudy.layout import Layout

if TYPE_CHECKING:
    from snakestudy.storage.manifest import Manifest


@dataclass(frozen=True)
class RunContext:
    """What all tasks of a visit have in common.

    Attributes:
        step: the one that is run; task: what it runs.
        chunk, plan: what ordered it.
        parameters: their names.
        files: path -> SHA-256 of what they were planned with.
        run_dirs: which run directories are left; `auto`: those of functions that left something.
        study, runs: absolute directories.
        deadline: when the job ends, in seconds since the epoch, if that is known.
        fixed_directory: there and empty, of a task that runs by itself in the foreground.
    """

    step: str
    task: Task
    chunk: str
    plan: int
    parameters: tuple[str, ...]
    files: Mapping[str, str]
    run_dirs: str
    study: Path
    runs: Path
    deadline: float | None = None
    fixed_directory: Path | None = None

    @classmethod
    def of(
        cls, manifest: Manifest, step: str, plan: int, runs: Path, deadline: float | None = None
    ) -> RunContext:
        """As a manifest of the study in the working directory orders it."""
        ordered = manifest.spec.steps[step]
        return cls(
            step=step,
            task=ordered.task,
            chunk=manifest.chunk,
            plan=plan,
            parameters=tuple(manifest.parameters),
            files=ordered.files,
            run_dirs=manifest.spec.run_dirs,
            study=Path.cwd(),
            runs=runs.absolute(),
            deadline=deadline,
        )

    @cached_property
    def has_directory(self) -> bool:
        """Whether each task has a run directory from its start, be it for a while."""
        has_files = bool(self.task.command or self.task.inputs)
        return has_files or self.run_dirs not in ("none", "auto")

    @cached_property
    def reserved_columns(self) -> set[str]:
        """Column names that metrics may not use."""
        return {"task_id", *self.parameters}

    @property
    def continues(self) -> bool:
        """Whether a task finds what an earlier try left."""
        return self.task.restart == "continue"

    def run_directory(self, task_id: str) -> Path:
        return self.fixed_directory or Layout(runs=self.runs).run_directory(task_id)
