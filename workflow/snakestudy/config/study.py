"""A study as configured: frozen, every default and short form written out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Input:
    """One file for the run directory."""

    path: str
    linkage: str
    rename: str | None
    render: str | None


@dataclass(frozen=True)
class Metric:
    """Where the rows of one result table come from; without a path the task hands them over."""

    name: str
    path: str | None = None
    regex: tuple[str, ...] = ()
    match: str = "last"
    reader: str | None = None
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, metric: Mapping[str, Any]) -> Metric:
        """The metric of a resolved configuration (or of a manifest)."""
        lists = {name: tuple(metric.get(name, ())) for name in ("regex", "columns")}
        return cls(**{**metric, **lists})

    def to_json(self) -> dict[str, Any]:
        """The metric as `of` takes it; without columns as versions wrote it that knew none."""
        content = asdict(self)
        if not self.columns:
            del content["columns"]
        return content


@dataclass(frozen=True)
class Task:
    """What one task runs and what it may use; runtime and grace in seconds."""

    command: str | tuple[str, ...] | None
    function: str | None
    setup: str | None
    inputs: tuple[Input, ...]
    metrics: tuple[Metric, ...]
    depends: tuple[str, ...]
    threads: int
    mem_mb: float | str | None
    runtime: float | None
    retries: int
    env: tuple[tuple[str, str], ...]
    restart: str = "fresh"
    grace: float = 30.0
    isolation: str = "worker"

    @classmethod
    def of(cls, task: Mapping[str, Any]) -> Task:
        """The task of a resolved configuration (or of a manifest)."""
        command = task.get("command")
        return cls(
            command=command if isinstance(command, str | None) else tuple(map(str, command)),
            function=task.get("function"),
            setup=task.get("setup"),
            inputs=tuple(Input(**item) for item in task["inputs"]),
            metrics=tuple(map(Metric.of, task["metrics"])),
            depends=tuple(task["depends"]),
            threads=task["threads"],
            mem_mb=task["mem_mb"],
            runtime=task["runtime"],
            retries=task["retries"],
            env=tuple((name, str(value)) for name, value in task["env"].items()),
            **{name: task[name] for name in ("restart", "grace", "isolation") if name in task},
        )

    def to_json(self) -> dict[str, Any]:
        """The task as `of` takes it."""
        metrics = [metric.to_json() for metric in self.metrics]
        return {**asdict(self), "metrics": metrics, "env": dict(self.env)}


@dataclass(frozen=True)
class Step:
    """One step of a task's work: what it runs, and the steps that come before it."""

    name: str
    task: Task
    after: tuple[str, ...] = ()

    @classmethod
    def of(cls, step: Mapping[str, Any]) -> Step:
        """The step of a resolved configuration."""
        return cls(step["name"], Task.of(step), tuple(step["after"]))


@dataclass(frozen=True)
class Study:
    """A resolved configuration; `file` is where it was read, for messages.

    Attributes:
        text_digest: of the file's text, the overrides and the schema it was checked with.
        invocation: what only this invocation asks for (`load.INVOCATION_KEYS`).
    """

    file: str
    config: dict[str, Any]
    text_digest: str
    invocation: dict[str, Any]

    @property
    def name(self) -> str:
        return self.config["study"]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps, each after those it comes after."""
        return tuple(map(Step.of, self.config["steps"]))

    @property
    def step(self) -> Step:
        """The one step of a study that has no others."""
        (step,) = self.steps
        return step

    @property
    def task(self) -> Task:
        """What the one step runs."""
        return self.step.task


def keyed(blocks: list[Any]) -> list[tuple[str, Any]]:
    """The blocks of a design with the key of each."""
    if len(blocks) == 1:
        return [("design", blocks[0])]
    return [(f"design.{number}", block) for number, block in enumerate(blocks)]
