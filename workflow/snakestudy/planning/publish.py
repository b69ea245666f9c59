"""Publishing what was decided at parse time, record first."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.files import write_bytes, write_json
from snakestudy.layout import Layout
from snakestudy.provenance import git
from snakestudy.provenance.environment import environment
from snakestudy.storage import runs_root
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.record import keep_record, load_record
from snakestudy.values import digest_of


def publish_proposal(proposal: Path, layout: Layout) -> None:
    """Publish a proposal: the record, then its manifests.

    Each step can be done again, so that a rule that was killed here goes on.

    Raises:
        UserError: if records or states moved since it was made.
    """
    record = _read_proposal(proposal, layout)
    for step in (_back_up, _link_runs, _commit, _keep_code, _write_record, _move_manifests):
        step(record, proposal, layout)
    _drop_unstarted(record, layout)
    shutil.rmtree(layout.proposals, ignore_errors=True)


def basis_of(layout: Layout) -> str:
    """The digest of all that a plan was made from and that may move: records, states."""
    states = sorted(layout.store.glob("*/state.json"))
    texts = [(str(path), path.read_text(encoding="utf-8")) for path in states]
    return digest_of([layout.newest_plan(), texts])


def republish_record(layout: Layout) -> None:
    """Publish the newest record as it is: Snakemake removed it, or somebody did."""
    record = load_record(layout)
    if record:
        published = layout.record(record.plan)
        published.parent.mkdir(parents=True, exist_ok=True)
        write_json(published, record.to_json())


def _read_proposal(proposal: Path, layout: Layout) -> PlanRecord:
    file = proposal / "record.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise UserError("this plan is out of date", fix="Run snakemake again.") from None
    if values.pop("basis") != basis_of(layout):
        raise UserError(
            "results changed since this plan was made (by another snakemake?)",
            fix="Run snakemake again.",
        )
    return PlanRecord.of(values, str(file))


def _back_up(record: PlanRecord, proposal: Path, layout: Layout) -> None:
    """A snapshot of results/ as the newest plan left it, if something is about to be replaced."""
    replaced = (
        layout.metadata(step, path.stem)
        for step in record.steps
        for path in proposal.glob("*.parquet")
    )
    if record.config["backup"] and any(path.exists() for path in replaced):
        _snapshot(layout)


def _snapshot(layout: Layout) -> None:
    """Hard links, or copies if need be."""
    target = layout.backup(layout.newest_plan())
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    proposals = layout.proposals.name
    shutil.copytree(
        layout.results,
        temporary,
        symlinks=True,
        ignore=lambda directory, names: {proposals} & set(names),
        copy_function=_link_or_copy,
    )
    manifests = layout.manifest("x").parent.relative_to(layout.results)
    (temporary / manifests).mkdir(parents=True, exist_ok=True)
    for chunk in layout.started():
        # Snakemake has removed those that this plan writes; visits keep their own copies.
        published = temporary / manifests / f"{chunk}.parquet"
        if not published.exists():
            _link_or_copy(str(layout.chunk_store(chunk) / "manifest.parquet"), str(published))
    temporary.rename(target)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _link_runs(record: PlanRecord, proposal: Path, layout: Layout) -> None:
    target = runs_root.check(record.config["runs_root"], record.study, layout)
    if target:
        runs_root.link(target, layout)


def _commit(record: PlanRecord, proposal: Path, layout: Layout) -> None:
    if record.config["git"]:
        git.commit_study(f"{record.study}: plan {record.plan}")


def _keep_code(record: PlanRecord, proposal: Path, layout: Layout) -> None:
    """Keep the texts of code, to compare with what it will be later."""
    files = {path: sha for step in record.steps.values() for path, sha in step.code.items()}
    for path, sha in files.items():
        target = layout.code / sha
        if not target.exists():
            content = Path(path).read_bytes()
            if hashlib.sha256(content).hexdigest() == sha:  # else it was edited since: no use
                layout.code.mkdir(parents=True, exist_ok=True)
                write_bytes(target, content)


def _write_record(record: PlanRecord, proposal: Path, layout: Layout) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = replace(record, time=now, environment=environment(), commit=git.commit())
    layout.store.mkdir(parents=True, exist_ok=True)
    write_bytes(layout.plan_number, str(record.plan).encode())
    keep_record(record, layout)
    republish_record(layout)


def _move_manifests(record: PlanRecord, proposal: Path, layout: Layout) -> None:
    for manifest in proposal.glob("*.parquet"):
        target = layout.manifest(manifest.stem)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(manifest, target)


def _drop_unstarted(record: PlanRecord, layout: Layout) -> None:
    """Remove the manifests of chunks that no visit has begun and that this plan cut anew."""
    started = set(layout.started())
    for manifest in layout.manifests():
        if manifest.stem not in record.chunks and manifest.stem not in started:
            manifest.unlink()
