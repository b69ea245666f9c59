"""A study as it lies there: what a plan is made from, read as late as possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from snakestudy.config.inputs import check_task
from snakestudy.config.study import Study, keyed
from snakestudy.design.columns import Part, size
from snakestudy.design.ids import IdCache
from snakestudy.errors import UserError
from snakestudy.imports import import_arrow_without_pandas
from snakestudy.layout import Layout
from snakestudy.messages import nearest
from snakestudy.planning.currency import is_current
from snakestudy.planning.existing import FilesOnDisk, load_existing
from snakestudy.planning.model import ExistingChunk, Plan, PlanContext
from snakestudy.planning.plan import make_plan
from snakestudy.provenance.digests import design_files
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.results.current import CurrentStep, CurrentStudy, current_steps
from snakestudy.storage.documents import PlanRecord
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
        context = PlanContext(study, current, record, slots, stopped, files)
        return cls(context, layout, hashes, IdCache(layout.ids))

    @property
    def current(self) -> CurrentStep:
        return self.context.current

    def decide(self) -> Plan:
        """The plan; the design is expanded only if what it is made from has changed."""
        known = self.file_hashes.design.get(self._sources)
        if self._is_current(known):
            return self._newest()
        if not any("python" in block for _, block in keyed(self.context.study.config["design"])):
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
        design = expand(config["design"], expander)
        check_task(self.context.task, design.columns)
        return replace(design, notes=(*design.notes, *self._drawn_anew()))

    def task_input_digests(self, design: Design, rows: numpy.ndarray) -> list[str | None]:
        return self.context.files.task_input_digests(design, rows)

    def _drawn_anew(self) -> list[str]:
        """A word on samples that could not keep their first points."""
        before = self.context.record.config["design"] if self.context.record else []
        blocks = keyed(self.context.study.config["design"])
        notes = []
        for (key, new), old in zip(blocks, before, strict=False):
            new, old = new.get("sample", {}), old.get("sample", {})
            if old and new.get("method") == "lhs" and new["n"] != old["n"]:
                notes.append(
                    f"{key}.sample: lhs drew all points anew, as n changed from {old['n']:,} to "
                    f"{new['n']:,} (sobol, halton and random keep the first ones)"
                )
        return notes

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
            try:
                outside.append(design_files(block, self.file_hashes.sha256))
            except UserError as error:
                raise error.prefix_key(key) from None
            if "values_from" in block:
                outside.append(self._state_of(block["values_from"]))
        return digest_of([[config[name] for name in names], outside])

    def _state_of(self, spec: Mapping[str, Any]) -> Any:
        """What tells whether the results of a study moved."""
        study = spec.get("study")
        layout = self.layout if study is None else Layout(Path(study, "results"))
        digest = self.current.provenance.digest if study is None else None
        states = sorted(layout.store.glob("*/state.json"))
        return [digest, layout.newest_plan(), [path.read_text() for path in states]]

    def _found(self, spec: Mapping[str, Any]) -> Part:
        """The sets that `values_from` takes from results."""
        from snakestudy.design import expressions
        from snakestudy.design.derived import error_context
        from snakestudy.results.reader import Results, open

        metric, where, columns = spec["metric"], spec.get("where"), spec["columns"]
        if where is not None:
            error_context("where", expressions.parse, where)
        study, known = Results(self.layout), self.current.provenance.metrics
        if "study" in spec:
            try:
                study = open(spec["study"])
            except UserError as error:
                raise error.prefix_key("study") from None
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
