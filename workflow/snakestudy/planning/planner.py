"""A study as it lies there: what a plan is made from, read as late as possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from snakestudy.config.inputs import check_task
from snakestudy.config.study import Study, keyed
from snakestudy.design import registry
from snakestudy.design.columns import ParameterColumns, size
from snakestudy.design.ids import IdCache
from snakestudy.errors import UserError, error_context
from snakestudy.imports import import_arrow_without_pandas
from snakestudy.layout import Layout
from snakestudy.messages import nearest
from snakestudy.planning.collisions import told_apart
from snakestudy.planning.currency import is_current
from snakestudy.planning.existing import FilesOnDisk, load_existing
from snakestudy.planning.model import ExistingChunk, Plan, PlanContext
from snakestudy.planning.plan import make_plan
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.results.current import CurrentStep, CurrentStudy, current_steps
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.location import find_study
from snakestudy.storage.record import planned_study
from snakestudy.storage.state import State, load_states
from snakestudy.values import digest_of

if TYPE_CHECKING:
    from snakestudy.design.design import Design


@dataclass(frozen=True)
class Planner:
    """A study as it lies there, and how to get at what a plan is made from."""

    context: PlanContext
    layout: Layout
    file_hashes: FileHashes
    id_cache: IdCache

    @classmethod
    def of(cls, study: Study, record: PlanRecord | None, layout: Layout, slots: int) -> Planner:
        """
        Raises:
            UserError: for a file, script or function that is not there.
        """
        hashes = FileHashes.load(layout.file_hashes)
        current = current_steps(study, record, layout, hashes)[study.step.name]
        stopped = record is not None and layout.stop_note(record.plan).exists()
        files = FilesOnDisk(layout, current.step.task, hashes)
        context = PlanContext(study, current, record, slots, stopped, files, layout.highest_plan())
        return cls(context, layout, hashes, IdCache(layout.ids))

    @property
    def current(self) -> CurrentStep:
        return self.context.current

    def decide(self) -> Plan:
        """The plan; the design is expanded only if what it is made from has changed."""
        known = self.file_hashes.design.get(self._sources)
        if self._is_current(known):
            return self._newest()
        if not any(map(registry.runs_python, self.context.study.config["design"])):
            import_arrow_without_pandas()
        design = self.design()
        self.file_hashes.design = {self._sources: design.digest}
        if known is None and self._is_current(design.digest):
            return self._newest()
        return make_plan(self.context, design, self.existing())

    def design(self) -> Design:
        """The design as the configuration declares it now.

        Raises:
            UserError: for what cannot be expanded, or a file that is not there.
        """
        from snakestudy.design.blocks import DesignExpander
        from snakestudy.design.design import expand

        _ = self._sources  # its messages on files are better than those of reading them
        config = self.context.study.config
        expander = DesignExpander(
            config["derive"], config["defaults"], config["design_limit"], self._found, self.id_cache
        )
        record = self.context.record
        design = expand(config["design"], expander, record.config["design"] if record else ())
        check_task(self.context.task, design.columns)
        return told_apart(design, self.context, self.layout)

    def task_input_digests(self, design: Design, rows: numpy.ndarray) -> list[str | None]:
        return self.context.files.task_input_digests(design, rows)

    def save(self) -> None:
        """Keep what the next planner need not compute, if there is a store."""
        if self.layout.store.is_dir():
            self.file_hashes.save(self.layout.file_hashes)
            self.id_cache.save()

    def existing(self) -> dict[str, ExistingChunk]:
        """Every chunk that is there, started or only published."""
        return load_existing(self.context.record, self.layout)

    def _newest(self) -> Plan:
        record = self.context.record
        assert record is not None  # a plan is current
        wanted = {chunk: entry.manifest for chunk, entry in record.chunks.items()}
        states = self._states.items()
        finished = {chunk for chunk, s in states if s and s.manifest == wanted[chunk]}
        return Plan(record, unfinished=len(wanted.keys() - finished))

    @cached_property
    def _states(self) -> Mapping[str, State | None]:
        record = self.context.record
        return load_states(self.layout, record.chunks if record else ())

    def _is_current(self, design_digest: str | None) -> bool:
        published = {path.stem for path in self.layout.manifests()}
        step = self.context.step
        has_outputs = {c for c in self._states if self.layout.metadata(step, c).exists()}
        return is_current(self.context, design_digest, self._states, published, has_outputs)

    @cached_property
    def _sources(self) -> str:
        """The digest of all that the design is made from."""
        config = self.context.study.config
        names = ("design", "derive", "defaults", "design_limit")
        outside = []
        for key, block in keyed(config["design"]):
            with error_context(key):
                outside.append(registry.files_of(block, self.file_hashes.sha256))
            outside += map(self._state_of, registry.studies_of(block))
        return digest_of([[config[name] for name in names], outside])

    def _state_of(self, study: str | None) -> Any:
        """What tells whether the results of a study (None: this one) moved."""
        layout = self.layout if study is None else find_study(Path(study)).layout(Path(study))
        digest = self.current.provenance.digest if study is None else None
        states = sorted(layout.store.glob("*/state.json"))
        return [digest, layout.newest_plan(), [path.read_text(encoding="utf-8") for path in states]]

    def _found(self, spec: Mapping[str, Any]) -> ParameterColumns:
        """The sets that `values_from` takes from results."""
        from snakestudy.design import expressions
        from snakestudy.results.reader import Results, open

        metric, where, columns = spec["metric"], spec.get("where"), spec["columns"]
        if where is not None:
            with error_context("where"):
                expressions.parse(where)
        study, known = Results(self.layout), self.current.provenance.metrics
        if "study" in spec:
            with error_context("study"):
                study = open(spec["study"])
            known = planned_study(study.layout, spec["study"]).metrics
        if metric not in known:
            raise UserError("is no metric", key="metric", value=metric, fix=nearest(metric, known))
        if "study" not in spec:
            steps = {self.context.step: self.current}
            return study.sets(metric, where, columns, CurrentStudy(steps))
        part = study.sets(metric, where, columns)
        if not size(part):
            which = f" satisfies {where!r}" if where else " is there"
            raise UserError(f"no row of {metric}{which}", key="study", value=spec["study"])
        return part
