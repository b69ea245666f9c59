"""Deciding at parse time what has to run: gather, decide, say it, leave a proposal."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import _plan
from ._config import Study, load
from ._digest import Fingerprints, Science, changes, science_of, settled
from ._errors import UserError, counted
from ._layout import Layout
from ._situation import Past, Plan, Situation
from ._stage import check_task, placeholders, source_path, target_name
from ._state import Rows, State, load_record, load_states
from ._values import digest_of


@dataclass(frozen=True)
class Slots:
    """What an invocation may use: cores of this machine, or a number of jobs elsewhere."""

    cores: int
    jobs: int | None = None

    def of(self, study: Study) -> int:
        """How many chunks can run side by side."""
        return self.jobs or max(
            1, self.cores // (study.config["chunks"]["workers"] * study.task.threads)
        )


@dataclass(frozen=True)
class Prepared:
    """What the Snakefile needs to declare its jobs.

    Attributes:
        config: the study's configuration as resolved.
        record: the newest plan record, published or about to be.
        publishes: chunks whose manifests rule `plan` writes.
        proposal: the directory it takes them from; None if there is nothing to publish.
        unfinished: chunks that a current plan has still to visit.
    """

    config: dict[str, Any]
    record: dict[str, Any]
    publishes: tuple[str, ...] = ()
    proposal: Path | None = None
    unfinished: int = 0

    @property
    def plan(self) -> int:
        return self.record["plan"]

    @property
    def chunks(self) -> dict[str, Any]:
        return self.record["chunks"]

    @property
    def metrics(self) -> list[str]:
        return list(self.record["metrics"])


SHOWN = 8  # chunks named one by one

_NOTHING = {"plan": 1, "chunks": {}, "metrics": {}}


_IDLE = {"task": {"threads": 1, "runtime": None}, "chunks": {"workers": 1}, "resources": {}}


def published(layout: Layout) -> Prepared:
    """What was planned last, for processes that do not plan: nested ones, `--lint`, `--unlock`."""
    record = load_record(layout) or _NOTHING
    return Prepared({"on_failure": "continue", **record.get("config", _IDLE)}, record)


def prepare(
    configfile: str, overrides: Mapping[str, Any], layout: Layout, slots: Slots, dry_run: bool
) -> Prepared:
    """Decide what has to run; say it; leave the proposal for rule `plan` (not in a dry run).

    Raises:
        UserError: for a bad configuration, with nothing written.
    """
    record = load_record(layout)
    study = load(configfile, overrides, record)
    if record and record["study"] != study.name:
        raise UserError(
            f"{layout.results} belongs to study {record['study']}",
            file=configfile,
            key="study",
            value=study.name,
            fix="Run this study in a directory of its own (snakemake --directory DIR).",
        )
    fingerprints = Fingerprints.load(layout.fingerprints)
    try:
        science = science_of(study, fingerprints)
        plan = _decide(study, science, record, layout, slots, fingerprints)
    except UserError as error:
        raise error.at(file=configfile) from None
    if not dry_run:
        fingerprints.save(layout.fingerprints)
    if not plan.is_new:
        return Prepared(study.config, plan.record, unfinished=plan.unfinished)
    proposal = layout.proposals / digest_of(
        [plan.record, [m.hash for m in plan.manifests.values()]]
    )
    if not dry_run:
        _write_proposal(proposal, plan, layout)
    return Prepared(study.config, plan.record, tuple(plan.manifests), proposal)


def announce(prepared: Prepared) -> str:
    """The decision in words."""
    record, name = prepared.record, prepared.config["study"]
    if prepared.proposal is None:
        left = f"; {prepared.unfinished} of its {len(prepared.chunks)} chunks are not finished"
        return f"{name}: plan {prepared.plan} is current{left if prepared.unfinished else ''}."
    pending = {chunk: entry for chunk, entry in prepared.chunks.items() if entry["pending"]}
    lines = [f"{name}: plan {prepared.plan}", *(f"  {reason}" for reason in record["why"])]
    if pending:
        tasks = sum(entry["pending"] for entry in pending.values())
        names = list(pending)
        shown = names if len(names) <= SHOWN else [*names[: SHOWN - 1], "...", names[-1]]
        chunks = f"{counted(len(pending), 'chunk')} ({', '.join(shown)})"
        lines.append(f"  to run: {counted(tasks, 'task')} in {chunks}")
    return "\n".join(lines)


def _decide(
    study: Study,
    science: Science,
    record: dict[str, Any] | None,
    layout: Layout,
    slots: Slots,
    fingerprints: Fingerprints,
) -> Plan:
    tables = [fingerprints.sha256(path) for path in _tables(study) if os.path.isfile(path)]
    design_digest = digest_of([study.config["design"], study.config["derive"], tables])
    text_of = _texts(science, layout)
    science = settled(science, record, text_of)
    now = Situation(
        study,
        science,
        record,
        _changed(science, record, text_of),
        slots.of(study),
        lambda design, rows: _own_inputs(study, design, rows, fingerprints),
        lambda ids: sum(layout.run_directory(task_id).is_dir() for task_id in ids),
        (layout.store / f"stopped.{record['plan']}").exists() if record else False,
        lambda chunk: _rows(layout, chunk),
    )
    states = load_states(layout, record["chunks"] if record else ())
    published = {path.stem for path in layout.manifest("x").parent.glob("*.parquet")}
    has_outputs = {chunk for chunk in states if layout.metadata(chunk).exists()}
    if _plan.is_current(now, design_digest, states, published, has_outputs):
        return Plan(record, unfinished=_plan.unfinished(record, states))
    from ._design import expand

    design = expand(study.config["design"], study.config["derive"])
    check_task(study.task, design.columns)
    past = _load_past(record, layout)
    return _plan.make(now, design, design_digest, past)


def _tables(study: Study) -> list[str]:
    return [block["table"] for block in study.config["design"] if "table" in block]


def _texts(science: Science, layout: Layout) -> Callable[[str], str | None]:
    """A function: SHA-256 -> the text of that code, as it is now or was once."""
    paths = {sha: path for path, sha in science.files.items()}

    def text_of(sha: str) -> str | None:
        path = Path(paths[sha]) if sha in paths else layout.code / sha
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    return text_of


def _changed(
    science: Science, record: dict[str, Any] | None, text_of: Callable[[str], str | None]
) -> Callable[[str], tuple[str, ...]]:
    """A function: digest of a row -> what changed since, in words."""

    @cache
    def changed(digest: str) -> tuple[str, ...]:
        if digest == science.digest:
            return ()
        components = (record or {}).get("digests", {}).get(digest)
        if components is None:
            return ("what made them is not known",)
        return tuple(changes(components, science.components, text_of))

    return changed


def _load_past(record: dict[str, Any] | None, layout: Layout) -> dict[str, Past]:
    """Every chunk that is there, started or only published."""
    from ._manifest import Manifest

    chunks = record["chunks"] if record else {}
    started = {path.parent.name for path in layout.store.glob("*/manifest.parquet")}
    past = {}
    for chunk in sorted(started | chunks.keys()):
        manifest, lost = None, False
        for path in (layout.manifest(chunk), layout.chunk_store(chunk) / "manifest.parquet"):
            try:
                manifest = Manifest.load(path)
                break
            except (OSError, ValueError, KeyError):
                lost = True
        if manifest is None:
            continue
        state = State.load(layout.chunk_store(chunk))
        lost = lost or manifest.hash != chunks.get(chunk, {}).get("manifest", manifest.hash)
        done = 0
        if state is None or state.manifest != manifest.hash:
            lost = lost or layout.metadata(chunk).exists()
            done, state = _unfinished(layout, chunk, state)
        is_started = chunk in started or layout.metadata(chunk).exists()
        past[chunk] = Past(manifest, is_started, lost, state, done)
    return past


def _unfinished(layout: Layout, chunk: str, state: State | None) -> tuple[int, State | None]:
    """How many rows a chunk has, and its state; a lost store's is taken from the outputs."""
    from ._store import Store
    from ._tables import read

    rows = Store(layout.chunk_store(chunk)).rows().values()
    if rows or not layout.metadata(chunk).exists():
        return len(rows), state
    names = ["digest", "status", "attempt", "seconds"]
    columns = read(layout.metadata(chunk), names).to_pydict()
    lines = list(zip(*(columns[name] for name in names), strict=True))
    return len(lines), State("", "", tuple(Rows(d, s, a, 1, t) for d, s, a, t in lines))


def _rows(layout: Layout, chunk: str) -> Mapping[str, Any]:
    from ._store import Store

    return Store(layout.chunk_store(chunk)).rows()


def _own_inputs(
    study: Study, design: Any, rows: list[int], fingerprints: Fingerprints
) -> list[str | None]:
    """The digest of each task's own input files; null for all if there are none.

    Raises:
        UserError: for a file that is not there or a name that leaves the run directory.
    """
    items = [i for i in study.task.inputs if "{" in i.path or "{" in (i.rename or "")]
    if not items or not rows:
        return [None] * len(rows)
    import numpy

    names = {name for item in items for name in placeholders(item.path + (item.rename or ""))}
    where = numpy.array(rows)
    lists = {n: design.columns[n].take(where).to_list() for n in names if n in design.columns}
    digests: list[str | None] = []
    for position, row in enumerate(rows):
        values = {name: values[position] for name, values in lists.items()}
        values = {"task_id": design.ids[row], "threads": study.task.threads, **values}
        contents = []
        for item in items:
            try:
                path = source_path(item, values)
                target_name(item, path, values)
            except UserError as error:
                raise error.under("task.inputs") from None
            try:
                contents.append(fingerprints.sha256(path))
            except OSError as error:
                raise UserError(
                    f"{error.strerror} (for task {values})", key="task.inputs", value=path
                ) from None
        digests.append(digest_of(contents)[:8])
    return digests


def _write_proposal(proposal: Path, plan: Plan, layout: Layout) -> None:
    shutil.rmtree(proposal, ignore_errors=True)  # others may be a running snakemake's
    proposal.mkdir(parents=True)
    for chunk, manifest in plan.manifests.items():
        manifest.save(proposal / f"{chunk}.parquet")
    record = {**plan.record, "basis": basis_of(layout)}
    (proposal / "record.json").write_text(json.dumps(record, ensure_ascii=False))


def basis_of(layout: Layout) -> str:
    """The digest of all that a plan was made from and that may move: records, states."""
    states = sorted(layout.store.glob("*/state.json"))
    texts = [(str(path), path.read_text()) for path in states]
    return digest_of([layout.newest_plan(), texts])
