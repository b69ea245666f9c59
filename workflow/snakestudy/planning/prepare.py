"""Deciding at parse time what has to run: gather, decide, say it, leave a proposal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakestudy.config.load import load
from snakestudy.errors import UserError
from snakestudy.files import write_bytes
from snakestudy.layout import Layout
from snakestudy.messages import pluralize
from snakestudy.planning.model import Capacity, Plan
from snakestudy.planning.planner import Planner
from snakestudy.planning.publish import basis_of
from snakestudy.provenance import git
from snakestudy.storage import runs_root
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.record import load_record
from snakestudy.values import digest_of


@dataclass(frozen=True)
class ParsedPlan:
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


def published(layout: Layout) -> ParsedPlan:
    """What was planned last, for processes that do not plan: nested ones, `--lint`, `--unlock`."""
    record = load_record(layout) or _NOTHING
    return ParsedPlan({"on_failure": "continue", **record.get("config", _IDLE)}, record)


def prepare(
    configfile: str, overrides: Mapping[str, Any], layout: Layout, slots: Capacity, dry_run: bool
) -> ParsedPlan:
    """Decide what has to run; say it; leave the proposal for rule `plan` (not in a dry run).

    Raises:
        UserError: for a bad configuration, with nothing written.
    """
    record = load_record(layout)
    study = load(configfile, overrides, record)
    if not dry_run:
        back_to_now(layout.published())
    if record and record["study"] != study.name:
        raise UserError(
            f"{layout.results} belongs to study {record['study']}",
            file=configfile,
            key="study",
            value=study.name,
            fix="Run this study in a directory of its own (snakemake --directory DIR).",
        )
    try:
        runs_root.check(study.config["runs_root"], study.name, layout)
        planner = Planner.of(study, record, layout, slots.of(study))
        plan = planner.decide()
        if plan.is_new and study.config["git"]:
            git.check()
    except UserError as error:
        raise error.with_place(file=configfile) from None
    proposal = None
    if plan.is_new:
        hashes = [manifest.hash for manifest in plan.manifests.values()]
        proposal = layout.proposals / digest_of([plan.record, hashes])
    if not dry_run:
        if proposal:
            _restore_stores(plan.record, layout)
            _write_proposal(proposal, plan, layout)
        planner.save()
    publishes = tuple(plan.manifests)
    return ParsedPlan(study.config, plan.record, publishes, proposal, plan.unfinished)


def announce(prepared: ParsedPlan) -> str:
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
        format_value = names if len(names) <= SHOWN else [*names[: SHOWN - 1], "...", names[-1]]
        chunks = f"{pluralize(len(pending), 'chunk')} ({', '.join(format_value)})"
        lines.append(f"  to run: {pluralize(tasks, 'task')} in {chunks}")
    return "\n".join(lines)


def _write_proposal(proposal: Path, plan: Plan, layout: Layout) -> None:
    shutil.rmtree(proposal, ignore_errors=True)  # others may be a running snakemake's
    proposal.mkdir(parents=True)
    for chunk, manifest in plan.manifests.items():
        manifest.save(proposal / f"{chunk}.parquet")
    record = {**plan.record, "basis": basis_of(layout)}
    (proposal / "record.json").write_text(json.dumps(record, ensure_ascii=False))


def _restore_stores(record: dict[str, Any], layout: Layout) -> None:
    """Where a chunk's store is lost, its outputs become the store's first part.

    Done before Snakemake deletes the manifests it is about to write.
    """
    from snakestudy.storage.chunk_store import Store

    for chunk in record["chunks"]:
        store = Store(layout.chunk_store(chunk))
        if store.numbers() or not layout.metadata(chunk).exists():
            continue
        store.directory.mkdir(parents=True, exist_ok=True)
        if layout.manifest(chunk).exists():
            write_bytes(store.directory / "manifest.parquet", layout.manifest(chunk).read_bytes())
        outputs = {path.parent.name: path for path in layout.results.glob(f"*/{chunk}.parquet")}
        store.restore({**outputs, "metadata": layout.metadata(chunk)}, record["metrics"])
