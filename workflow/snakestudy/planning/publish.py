"""Publishing what was decided at parse time, record first."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.files import write_bytes, write_json
from snakestudy.layout import Layout
from snakestudy.provenance import git
from snakestudy.provenance.environment import environment
from snakestudy.storage import runs_root
from snakestudy.storage.record import load_record
from snakestudy.values import digest_of


def publish(proposal: Path, layout: Layout) -> None:
    """Publish a proposal: the record, then its manifests.

    Raises:
        UserError: if records or states moved since it was made.
    """
    try:
        record = json.loads((proposal / "record.json").read_text())
    except OSError:
        raise UserError("this plan is out of date", fix="Run snakemake again.") from None
    if record.pop("basis") != basis_of(layout):
        raise UserError(
            "results changed since this plan was made (by another snakemake?)",
            fix="Run snakemake again.",
        )
    replaced = (layout.metadata(path.stem) for path in proposal.glob("*.parquet"))
    if record["config"]["backup"] and any(path.exists() for path in replaced):
        back_up(layout)
    if target := runs_root.check(record["config"]["runs_root"], record["study"], layout):
        runs_root.link(target, layout)
    if record["config"]["git"]:
        git.commit_study(f"{record['study']}: plan {record['plan']}")
    for path, sha in record["code"].items():
        _keep_text(path, sha, layout)
    record |= {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
        "commit": git.commit(),
    }
    manifests = layout.manifest("x").parent
    manifests.mkdir(parents=True, exist_ok=True)
    kept = layout.kept_record(record["plan"])
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_json(kept, record)
    republish(layout)
    for manifest in proposal.glob("*.parquet"):
        os.replace(manifest, manifests / manifest.name)
    for manifest in manifests.glob("*.parquet"):
        started = (layout.chunk_store(manifest.stem) / "manifest.parquet").exists()
        if manifest.stem not in record["chunks"] and not started:
            manifest.unlink()
    shutil.rmtree(layout.proposals, ignore_errors=True)


def back_up(layout: Layout) -> None:
    """A snapshot of results/ as the newest plan left it: hard links, or copies if need be."""
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
    for manifest in layout.store.glob("*/manifest.parquet"):
        # Snakemake has removed those that this plan writes; visits keep their own copies.
        published = temporary / manifests / f"{manifest.parent.name}.parquet"
        if not published.exists():
            _link_or_copy(str(manifest), str(published))
    temporary.rename(target)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def republish(layout: Layout) -> None:
    """Publish the newest record as it is: Snakemake removed it, or somebody did."""
    plan = layout.newest_plan()
    record = load_record(layout)
    if record:
        layout.record(plan).parent.mkdir(parents=True, exist_ok=True)
        write_json(layout.record(plan), record)


def _keep_text(path: str, sha: str, layout: Layout) -> None:
    target = layout.code / sha
    if not target.exists():
        content = Path(path).read_bytes()
        if hashlib.sha256(content).hexdigest() == sha:  # else it was edited since, and is no use
            layout.code.mkdir(parents=True, exist_ok=True)
            write_bytes(target, content)


def basis_of(layout: Layout) -> str:
    """The digest of all that a plan was made from and that may move: records, states."""
    states = sorted(layout.store.glob("*/state.json"))
    texts = [(str(path), path.read_text()) for path in states]
    return digest_of([layout.newest_plan(), texts])
