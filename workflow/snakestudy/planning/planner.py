"""A study as it lies there: what a plan is made from, read as late as possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from snakestudy.config.inputs import check_task, inputs_digest, is_per_task
from snakestudy.config.study import Study, keyed
from snakestudy.config.templates import placeholders
from snakestudy.design import registry
from snakestudy.design.columns import ParameterColumns, size
from snakestudy.design.ids import IdCache
from snakestudy.errors import UserError, error_context
from snakestudy.imports import import_arrow_without_pandas
from snakestudy.layout import Layout
from snakestudy.messages import nearest
from snakestudy.planning import plan
from snakestudy.planning.model import ExistingChunk, Plan, PlanContext
from snakestudy.provenance.changes import changes
from snakestudy.provenance.digests import Provenance, provenance_of, settled
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.provenance.row_digest import made_by
from snakestudy.storage.record import load_record
from snakestudy.storage.state import State, load_states
from snakestudy.values import digest_of

if TYPE_CHECKING:
    from snakestudy.design.design import Design


@dataclass(frozen=True)
class Planner:
    """A study as it lies there: what a plan is made from, and how to get at the rest."""

    context: PlanContext
    layout: Layout
    file_hashes: FileHashes
    id_cache: IdCache

    @classmethod
    def of(cls, study: Study, record: dict[str, Any] | None, layout: Layout, slots: int) -> Planner:
        file_hashes = FileHashes.load(layout.file_hashes)
        provenance = provenance_of(study, file_hashes)
        text_of = _texts(provenance, layout)
        provenance = settled(provenance, record, text_of)
        context = PlanContext(
            study,
            provenance,
            record,
            _changed(provenance, record, text_of),
            slots,
            lambda design, rows: _own_inputs(study, design, rows, file_hashes),
            lambda ids: sum((layout.run_directory(i) / "task.json").exists() for i in ids),
            (layout.store / f"stopped.{record['plan']}").exists() if record else False,
            lru_cache(maxsize=1)(lambda chunk: _rows(layout, chunk)),
        )
        return cls(context, layout, file_hashes, IdCache(layout.ids))

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
        return plan.make(self.context, design, self.existing())

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
        design = expand(config["design"], expander, record["config"]["design"] if record else ())
        check_task(self.context.study.task, design.columns)
        return design

    def save(self) -> None:
        """Keep what the next survey need not compute, if there is a store."""
        if self.layout.store.is_dir():
            self.file_hashes.save(self.layout.file_hashes)
            self.id_cache.save()

    def existing(self) -> dict[str, ExistingChunk]:
        """Every chunk that is there, started or only published."""
        return _load_past(self.context.record, self.layout)

    def _newest(self) -> Plan:
        return Plan(
            self.context.record, unfinished=plan.unfinished(self.context.record, self._states)
        )

    @cached_property
    def _states(self) -> dict[str, State | None]:
        record = self.context.record
        return load_states(self.layout, record["chunks"] if record else ())

    def _is_current(self, design_digest: str | None) -> bool:
        published = {path.stem for path in self.layout.manifest("x").parent.glob("*.parquet")}
        has_outputs = {c for c in self._states if self.layout.metadata(c).exists()}
        return plan.is_current(self.context, design_digest, self._states, published, has_outputs)

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
        layout = self.layout if study is None else Layout(Path(study, "results"))
        own = self.context.provenance.digest if study is None else None
        states = sorted(layout.store.glob("*/state.json"))
        return [own, layout.newest_plan(), [path.read_text() for path in states]]

    def _found(self, spec: Mapping[str, Any]) -> ParameterColumns:
        """The sets that `values_from` takes from results."""
        from snakestudy.design import expressions
        from snakestudy.results.reader import Results, open

        metric, where, columns = spec["metric"], spec.get("where"), spec["columns"]
        if where is not None:
            with error_context("where"):
                expressions.parse(where)
        study, known = Results(self.layout), self.context.provenance.metrics
        if "study" in spec:
            with error_context("study"):
                study = open(spec["study"])
            known = load_record(study.layout)["metrics"]
        if metric not in known:
            raise UserError("is no metric", key="metric", value=metric, fix=nearest(metric, known))
        if "study" not in spec:
            return study.sets(metric, where, columns, self.counts)
        part = study.sets(metric, where, columns)
        if not size(part):
            which = f" satisfies {where!r}" if where else " is there"
            raise UserError(f"no row of {metric}{which}", key="study", value=spec["study"])
        return part

    def counts(self, digest: str, kept: list[str]) -> bool:
        """Whether rows with this digest are results of the study as it is."""
        made = made_by(digest)
        return made in kept or not self.context.changed(made)


def _texts(provenance: Provenance, layout: Layout) -> Callable[[str], str | None]:
    """A function: SHA-256 -> the text of that code, as it is now or was once."""
    paths = {sha: path for path, sha in provenance.files.items()}

    def text_of(sha: str) -> str | None:
        path = Path(paths[sha]) if sha in paths else layout.code / sha
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    return text_of


def _changed(
    provenance: Provenance, record: dict[str, Any] | None, text_of: Callable[[str], str | None]
) -> Callable[[str], tuple[str, ...]]:
    """A function: digest of a row -> what changed since, in words.

    Where a parameter has no default, before it had one or again, its first one stands.
    """
    digests = record["digests"] if record else {}
    first: dict[str, str] = {}
    for components in digests.values():
        for label, value in components.items():
            if label.startswith("default "):
                first.setdefault(label, value)

    @cache
    def changed(digest: str) -> tuple[str, ...]:
        if digest == provenance.digest:
            return ()
        if digest not in digests:
            return ("what made them is not known",)
        context = {**first, **provenance.components}
        return tuple(changes({**first, **digests[digest]}, context, text_of))

    return changed


def _load_past(record: dict[str, Any] | None, layout: Layout) -> dict[str, ExistingChunk]:
    """Every chunk that is there, started or only published."""
    from snakestudy.storage.manifest import Manifest

    chunks = record["chunks"] if record else {}
    started = {path.parent.name for path in layout.store.glob("*/manifest.parquet")}
    existing = {}
    for chunk in sorted(started | chunks.keys()):
        manifest = Manifest.of(layout, chunk, ["task_id", "seq", "_active"])
        if manifest is None:
            continue
        state = State.load(layout.chunk_store(chunk))
        lost = manifest.part_of != layout.manifest(chunk)
        lost = lost or manifest.hash != chunks.get(chunk, {}).get("manifest", manifest.hash)
        if state is None or state.manifest != manifest.hash:
            lost = lost or layout.metadata(chunk).exists()
        is_started = chunk in started or layout.metadata(chunk).exists()
        existing[chunk] = ExistingChunk(manifest, is_started, lost, state)
    return existing


def _rows(layout: Layout, chunk: str) -> Mapping[str, Any]:
    """task_id -> its last row; a lost store's are taken from the outputs."""
    from snakestudy.storage.chunk_store import Store, rows_of

    found = Store(layout.chunk_store(chunk)).rows()
    if found or not layout.metadata(chunk).exists():
        return found
    return rows_of(layout.metadata(chunk))


def _own_inputs(
    study: Study, design: Design, rows: numpy.ndarray, file_hashes: FileHashes
) -> list[str | None]:
    """The digest of each task's own input files; null for all if there are none.

    Raises:
        UserError: for a file that is not there or a name that leaves the run directory.
    """
    items = list(filter(is_per_task, study.task.inputs))
    if not items or not len(rows):
        return [None] * len(rows)
    names = {name for item in items for name in placeholders(item.path + (item.rename or ""))}
    lists = {n: design.columns[n].take(rows).to_list() for n in names if n in design.columns}
    digests: list[str | None] = []
    for position, task_id in enumerate(design.ids_of(rows)):
        values = {name: values[position] for name, values in lists.items()}
        values = {"task_id": task_id, "threads": study.task.threads, **values}
        digests.append(inputs_digest(study.task, values, file_hashes.sha256))
    return digests
