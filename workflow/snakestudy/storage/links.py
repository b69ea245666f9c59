"""A visit with nothing to do, known by digests of files: it imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

from snakestudy.files import sha256_of, write_bytes
from snakestudy.layout import Layout
from snakestudy.storage.mtimes import back_to_now
from snakestudy.storage.state import State


def relink_outputs(manifest: Path, step: str, layout: Layout) -> bool:
    """Link a chunk's outputs to its store again.

    Returns:
        False if that is not all there is to do: the manifest or the store are not what the
        last visit left, or its outputs were no links.
    """
    store = layout.chunk_store(manifest.stem)
    state = State.load(store)
    try:
        if not (state and state.links) or state.manifest_sha256 != sha256_of(manifest):
            return False
        (part,) = [entry for entry in (store / "parts").iterdir() if entry.name.isdigit()]
        sources = {name: part / f"{name}.parquet" for name in state.links}
        same = all(sha256_of(source) == state.links[name] for name, source in sources.items())
    except (OSError, ValueError):
        return False
    if not same or (store / "running").exists():
        return False
    own = store / "manifest.parquet"
    if not own.exists() or sha256_of(own) != state.manifest_sha256:
        write_bytes(own, manifest.read_bytes())
    back_to_now([manifest])
    outputs = {name: layout.projection(name, step, manifest.stem) for name in sources}
    return all(link(source, outputs[name]) for name, source in sources.items())


def link(source: Path, output: Path) -> bool:
    """Put a hard link in the place of an output, if there is a source and links can be made."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, temporary)
        os.replace(temporary, output)
        os.utime(output)  # an older link would look outdated beside its manifest
        return True
    except OSError:
        temporary.unlink(missing_ok=True)
        return False
