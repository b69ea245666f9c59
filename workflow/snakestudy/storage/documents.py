"""What is written to disk as JSON, as types; and how a file of an older format is read.

A record, manifest, state and footer says its format. An older one is read as what it would be
now; a newer one is refused, for what this version does not know it might overwrite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from snakestudy.config.study import Step, Task
from snakestudy.errors import UserError
from snakestudy.layout import ONLY_STEP, metadata_table

FORMAT = 2


def check_format(values: Mapping[str, Any], file: str) -> int:
    """The format that a document says it has; 0 before there were numbers.

    Raises:
        UserError: if it is newer than this version knows.
    """
    written = values.get("format", 0)
    if written > FORMAT:
        raise UserError(
            f"was written by a newer snakestudy (format {written}; this one knows {FORMAT})",
            file=file,
            fix="Update the template (workflow/) in this directory.",
        )
    return written


@dataclass(frozen=True)
class ChunkEntry:
    """What a plan record says of a chunk.

    Attributes:
        manifest: the hash of its manifest.
        tasks, pending: active tasks; those of them that will run.
        mem_mb: the largest request of its tasks, None if there is none.
        accepted_digests, accepted_readings: as in its manifest (`ManifestSpec`).
        how: as the record's, when the manifest was written; "" if that is not known.
    """

    manifest: str
    tasks: int
    pending: int
    mem_mb: int | None
    accepted_digests: tuple[str, ...] = ()
    accepted_readings: tuple[str, ...] = ()
    how: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ChunkEntry:
        return cls(**_with_accepted(values))


@dataclass(frozen=True)
class StepRecord:
    """What a plan knew of a step's provenance.

    Attributes:
        digest: of what ran (`Provenance.digest`).
        metrics, readers: as in `Provenance`.
        code: Python files, path -> SHA-256.
    """

    digest: str
    metrics: dict[str, str]
    readers: dict[str, dict[str, str]]
    code: dict[str, str]


@dataclass(frozen=True)
class PlanRecord:
    """One plan: what, why, from what.

    Attributes:
        config: as resolved; config_digest: as `Study.text_digest`.
        design_digest: None if some tasks wait (`pilot`).
        steps: step -> what was known of it.
        digests: every digest of what ran so far -> its components.
        how, cut: what decides how tasks are run, and how they are cut into chunks.
        chunks: those with active tasks.
        why: reasons in words.
        time, environment, commit: added when it is published.
    """

    plan: int
    study: str
    config_file: str
    config: dict[str, Any]
    config_digest: str
    design_digest: str | None
    steps: dict[str, StepRecord]
    digests: dict[str, dict[str, str]]
    how: str
    cut: list[Any]
    chunks: dict[str, ChunkEntry]
    why: tuple[str, ...] = ()
    time: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    commit: str | None = None

    @property
    def metrics(self) -> dict[str, str]:
        """Every step's metrics: name -> digest of how its rows are read."""
        return {name: how for step in self.steps.values() for name, how in step.metrics.items()}

    @property
    def tables(self) -> list[str]:
        """The tables below results/ that its chunks have files of."""
        return [*map(metadata_table, self.steps), *self.metrics]

    @property
    def configured_steps(self) -> tuple[Step, ...]:
        return tuple(map(Step.of, self.config["steps"]))

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def of(cls, values: Mapping[str, Any], file: str) -> PlanRecord:
        """
        Raises:
            KeyError, TypeError: if it is no record.
            UserError: if it is of a newer format.
        """
        if check_format(values, file) < 1:
            values = _record_of_format_0(values)
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        known["steps"] = {name: StepRecord(**step) for name, step in values["steps"].items()}
        known["chunks"] = {name: ChunkEntry.of(entry) for name, entry in values["chunks"].items()}
        return cls(**{**known, "why": tuple(values.get("why", ()))})


@dataclass(frozen=True)
class StepSpec:
    """What a manifest says of one step.

    Attributes:
        digest: of what runs; current_digests: those, its own among them, that differ in
            nothing that counts.
        files: every file that it was made from, path -> SHA-256.
        metrics: metric -> digest of how its rows are read.
    """

    task: Task
    digest: str
    current_digests: tuple[str, ...]
    files: dict[str, str]
    metrics: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "task": self.task.to_json()}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> StepSpec:
        current = tuple(values["current_digests"])
        return cls(
            Task.of(values["task"]), values["digest"], current, values["files"], values["metrics"]
        )


@dataclass(frozen=True)
class ManifestSpec:
    """What a manifest says beside its tasks: everything that is needed to run them.

    Attributes:
        steps: step -> what it runs.
        accepted_digests: of what ran before a change that `on_change: keep` accepted.
        accepted_readings: of metrics (`RowDigest.reading`) likewise.
        derive, defaults: what decides the values of columns that are no part of task_ids.
        as_json: parameters whose values are held as JSON.
        parameters: those that the design has; inactive tasks may have had others. None in a
            manifest of a format before 2.
    """

    chunk: str
    study: str
    steps: dict[str, StepSpec]
    workers: int
    run_dirs: str
    on_failure: str
    accepted_digests: tuple[str, ...]
    accepted_readings: tuple[str, ...]
    derive: dict[str, str]
    defaults: dict[str, Any]
    as_json: tuple[str, ...]
    parameters: tuple[str, ...] | None = None

    @property
    def metrics(self) -> dict[str, str]:
        """Every step's metrics: name -> digest of how its rows are read."""
        return {name: how for step in self.steps.values() for name, how in step.metrics.items()}

    def to_json(self) -> dict[str, Any]:
        steps = {name: step.to_json() for name, step in self.steps.items()}
        return {"format": FORMAT, **self.__dict__, "steps": steps}

    @classmethod
    def of(cls, values: Mapping[str, Any], file: str) -> ManifestSpec:
        """
        Raises:
            KeyError, TypeError: if it is no manifest's.
            UserError: if it is of a newer format.
        """
        if check_format(values, file) < 1:
            values = _spec_of_format_0(values)
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        for name in ("accepted_digests", "accepted_readings", "as_json"):
            known[name] = tuple(known[name])
        if known.get("parameters") is not None:
            known["parameters"] = tuple(known["parameters"])
        known["steps"] = {name: StepSpec.of(step) for name, step in values["steps"].items()}
        return cls(**known)


@dataclass(frozen=True)
class Footer:
    """What a parquet file of a store or of results/ says of itself.

    Attributes:
        table: `metadata`, a metric, or `tasks`.
        chunk: None for the task table.
        digest: of what ran last (`Provenance.digest`).
        parameters: columns that are its tasks' own, after task_id.
        derive, defaults: as in `ManifestSpec`.
        tables: those of the part it belongs to.
    """

    study: str
    plan: int
    table: str = ""
    chunk: str | None = None
    step: str = ONLY_STEP
    digest: str = ""
    parameters: tuple[str, ...] = ()
    derive: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **self.__dict__}

    @classmethod
    def of(cls, values: Mapping[str, Any], file: str) -> Footer:
        """The footer of a file; an empty one if this template did not write it.

        Raises:
            UserError: if it is of a newer format.
        """
        check_format(values, file)
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        for name in ("parameters", "tables"):
            known[name] = tuple(known.get(name, ()))
        return cls(**{"study": "", "plan": 0, **known})


def _with_accepted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Before format 1, accepted digests and readings were one list."""
    values = dict(values)
    for digest in values.pop("kept", ()):
        is_digest = len(digest) == 16 and "=" not in digest
        name = "accepted_digests" if is_digest else "accepted_readings"
        values[name] = (*values.get(name, ()), digest)
    for name in ("accepted_digests", "accepted_readings"):
        values[name] = tuple(values.get(name, ()))
    return values


def _record_of_format_0(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the one step that it did not name."""
    config = dict(values["config"])
    config["steps"] = [{"name": ONLY_STEP, "after": [], **config.pop("task")}]
    step = {name: values[name] for name in ("digest", "metrics", "readers", "code")}
    return {**values, "config": config, "steps": {ONLY_STEP: step}}


def _spec_of_format_0(values: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest's order with the one step that it did not name."""
    values = _with_accepted(values)
    step = {name: values[name] for name in ("task", "digest", "files", "metrics")}
    step["current_digests"] = values["accepts"]
    return {**values, "steps": {ONLY_STEP: step}, "as_json": values["json"]}
