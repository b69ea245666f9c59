"""Rule `plan`: publish what was decided at parse time (`prepare`), record first."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ._errors import UserError
from ._layout import Layout
from ._prepare import basis_of
from ._state import load_record, write_json


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
    _restore_stores(record, layout)
    for path, sha in record["code"].items():
        _keep_text(path, sha, layout)
    record |= {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": _environment(),
        "commit": _commit(),
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


def republish(layout: Layout) -> None:
    """Publish the newest record as it is: Snakemake removed it, or somebody did."""
    plan = layout.newest_plan()
    record = load_record(layout)
    if record:
        layout.record(plan).parent.mkdir(parents=True, exist_ok=True)
        write_json(layout.record(plan), record)


def _restore_stores(record: dict[str, Any], layout: Layout) -> None:
    """Where a chunk's store is lost, its outputs become the store's first part."""
    for chunk in record["chunks"]:
        store, metadata = layout.chunk_store(chunk), layout.metadata(chunk)
        if (store / "parts").exists() or not metadata.exists():
            continue
        part = store / "parts" / ".restored"
        part.mkdir(parents=True, exist_ok=True)
        for table in layout.results.glob(f"*/{chunk}.parquet"):
            shutil.copy2(table, part / f"{table.parent.name}.parquet")
        shutil.copy2(metadata, part / "metadata.parquet")
        part.rename(store / "parts" / "000001")


def _keep_text(path: str, sha: str, layout: Layout) -> None:
    target = layout.code / sha
    if not target.exists():
        content = Path(path).read_bytes()
        if hashlib.sha256(content).hexdigest() == sha:  # else it was edited since, and is no use
            layout.code.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _environment() -> dict[str, Any]:
    paths = (path.name for place in sys.path for path in Path(place).glob("*.dist-info"))
    packages = (name.removesuffix(".dist-info").rsplit("-", 1) for name in paths)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "host": platform.node(),
        "packages": dict(sorted(packages)),
    }


def _commit() -> str | None:
    """The study's git commit, with + if there are changes beside it; None without git."""
    try:
        command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def main(arguments: Iterable[str]) -> int:
    proposal, results = arguments
    layout = Layout(Path(results))
    if proposal:
        publish(Path(proposal), layout)
    else:
        republish(layout)
    return 0
