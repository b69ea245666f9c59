"""Deciding at parse time what has to run: gather, decide, say it, leave a proposal."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakestudy.config.load import load
from snakestudy.config.study import Step, Study
from snakestudy.errors import UserError
from snakestudy.files import write_bytes, write_json
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.messages import pluralize
from snakestudy.planning.model import Capacity, Plan, resources_of_job
from snakestudy.planning.planner import Planner
from snakestudy.planning.publish import basis_of
from snakestudy.provenance import git
from snakestudy.storage import runs_root
from snakestudy.storage.documents import ChunkEntry, PlanRecord
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.record import load_record
from snakestudy.values import digest_of

SHOWN = 8  # chunks named one by one


@dataclass(frozen=True)
class ParsedPlan:
    """What the Snakefile needs to declare its jobs.

    Attributes:
        config: the study's configuration as resolved.
        record: the newest plan record, published or about to be.
        publishes: chunks whose manifests rule `plan` writes.
        proposal: the directory it takes them from; None if there is nothing to publish.
        unfinished: chunks that a current plan has still to visit.
        unowned: files in results/ that are no chunk's, though the plan is current.
    """

    config: dict[str, Any]
    record: PlanRecord
    publishes: tuple[str, ...] = ()
    proposal: Path | None = None
    unfinished: int = 0
    unowned: int = 0

    @property
    def plan(self) -> int:
        return self.record.plan

    @property
    def chunks(self) -> dict[str, ChunkEntry]:
        return self.record.chunks

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(map(Step.of, self.config["steps"]))


# What processes that do not plan declare their rules by, where nothing was planned yet.
_IDLE_STEP = {
    "name": ONLY_STEP,
    "after": [],
    "inputs": [],
    "metrics": [],
    "depends": [],
    "threads": 1,
    "mem_mb": None,
    "runtime": None,
    "retries": 0,
    "env": {},
}
_IDLE = {
    "steps": [_IDLE_STEP],
    "chunks": {"workers": 1},
    "resources": {},
    "on_failure": "continue",
}


def last_planned(layout: Layout) -> ParsedPlan:
    """What was planned last, for processes that do not plan: nested ones, `--lint`, `--unlock`."""
    record = load_record(layout)
    if record is None:
        record = PlanRecord(1, "", "", _IDLE, "", None, {}, {}, "", [], {})
    return ParsedPlan(record.config, record)


def prepare(
    configfile: str, overrides: Mapping[str, Any], layout: Layout, capacity: Capacity, dry_run: bool
) -> ParsedPlan:
    """Decide what has to run; say it; leave the proposal for rule `plan` (not in a dry run).

    Raises:
        UserError: for a bad configuration, with nothing written.
    """
    record = load_record(layout, keep=not dry_run)
    study = load(configfile, overrides, record)
    if not dry_run:
        back_to_now(layout.output_files())
    _check_owner(study, record, layout)
    try:
        capacity.check(study)
        runs_root.check(study.config["runs_root"], study.name, layout)
        planner = Planner.of(study, record, layout, capacity.slots(study))
        plan = planner.decide()
        if plan.is_new and study.config["git"]:
            git.check()
    except UserError as error:
        raise error.with_place(file=configfile) from None
    proposal = None
    if plan.is_new:
        hashes = [manifest.hash for manifest in plan.manifests.values()]
        proposal = layout.proposals / digest_of([plan.record.to_json(), hashes])
    if not dry_run:
        if proposal:
            _refuse_newer_parts(plan, layout)
            _restore_stores(plan.record, layout)
            _write_proposal(proposal, plan, layout)
        planner.save()
    unowned = 0
    if not plan.is_new:
        unowned = len(layout.unowned_files(plan.record.tables, plan.record.chunks))
    if unowned and not dry_run:
        layout.tasks.unlink(missing_ok=True)  # its rule moves them away
    publishes = tuple(plan.manifests)
    return ParsedPlan(study.config, plan.record, publishes, proposal, plan.unfinished, unowned)


def _check_owner(study: Study, record: PlanRecord | None, layout: Layout) -> None:
    """Refuse to run a study where another one has its results."""
    if record and record.study != study.name:
        raise UserError(
            f"{layout.results} belongs to study {record.study}",
            file=study.file,
            key="study",
            value=study.name,
            fix="Run this study in a directory of its own (snakemake --directory DIR).",
        )


def announce(parsed: ParsedPlan) -> str:
    """The decision in words."""
    name = parsed.config["study"]
    if parsed.proposal is None:
        left = f"; {parsed.unfinished} of its {len(parsed.chunks)} chunks are not finished"
        line = f"{name}: plan {parsed.plan} is current{left if parsed.unfinished else ''}."
        if parsed.unowned:
            files = pluralize(parsed.unowned, "file")
            line += f"\n  {files} in results are no chunk's: moved out of the way by rule tasks"
        return line
    pending = {chunk: entry.pending for chunk, entry in parsed.chunks.items() if entry.pending}
    lines = [f"{name}: plan {parsed.plan}", *(f"  {reason}" for reason in parsed.record.why)]
    if pending:
        names = list(pending)
        shown = names if len(names) <= SHOWN else [*names[: SHOWN - 1], "...", names[-1]]
        chunks = f"{pluralize(len(pending), 'chunk')} ({', '.join(shown)})"
        lines.append(f"  to run: {pluralize(sum(pending.values()), 'task')} in {chunks}")
        lines += _asked(parsed.config)
    return "\n".join(lines)


def _asked(config: Mapping[str, Any]) -> list[str]:
    """A word on what a job asks for, where that is another number than the study's."""
    asked = resources_of_job(config).items()
    more = [f"{name}={value}" for name, value in asked if config["resources"][name] != value]
    workers = config["chunks"]["workers"]
    return [f"  a job of {workers} workers asks for {', '.join(more)}"] if more else []


def _write_proposal(proposal: Path, plan: Plan, layout: Layout) -> None:
    shutil.rmtree(proposal, ignore_errors=True)  # others may be a running snakemake's
    proposal.mkdir(parents=True)
    for chunk, manifest in plan.manifests.items():
        manifest.save(proposal / f"{chunk}.parquet")
    write_json(proposal / "record.json", {**plan.record.to_json(), "basis": basis_of(layout)})


def _refuse_newer_parts(plan: Plan, layout: Layout) -> None:
    """
    Raises:
        UserError: for a part of a newer format, while the outputs of its chunk are there.
    """
    from snakestudy.storage.chunk_store import Store

    for chunk in plan.manifests:
        Store(layout.chunk_store(chunk)).refuse_newer()


def _restore_stores(record: PlanRecord, layout: Layout) -> None:
    """Where a chunk's store is lost, its outputs become the store's first part.

    Done before Snakemake deletes the manifests it is about to write.
    """
    from snakestudy.storage.chunk_store import Store

    for chunk in record.chunks:
        store = Store(layout.chunk_store(chunk))
        metadata = layout.metadata(ONLY_STEP, chunk)
        if store.part_numbers() or not metadata.exists():
            continue
        store.directory.mkdir(parents=True, exist_ok=True)
        if layout.manifest(chunk).exists():
            write_bytes(store.directory / "manifest.parquet", layout.manifest(chunk).read_bytes())
        outputs = {path.parent.name: path for path in layout.results.glob(f"*/{chunk}.parquet")}
        store.restore({**outputs, "metadata": metadata}, record.metrics)
