"""Rule `run`: visit one chunk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from snakestudy.engine.job import of_this_job, repeats_left
from snakestudy.engine.site import is_on_cluster
from snakestudy.errors import Stopped, UserError, for_users
from snakestudy.imports import block_unneeded, imports
from snakestudy.layout import Layout
from snakestudy.storage.links import relink_outputs


def main(arguments: Sequence[str]) -> int:
    step, *paths, attempt = arguments
    results, runs, manifest, log = map(Path, paths)
    layout = Layout(results, runs)
    if relink_outputs(manifest, step, layout):
        return 0
    with imports():
        from snakestudy.running.forkserver import ForkServer

        # Before what tasks may import is spared; a chunk with a state may have nothing to do.
        forks = ForkServer(soon=not layout.chunk_store(manifest.stem).exists())
        block_unneeded()
        from snakestudy.running.visit import Job, visit
    try:
        visit(manifest, step, layout, log, forks, Job(repeats_left(int(attempt)), of_this_job))
    except (Stopped, UserError) as reason:
        stopped = isinstance(reason, Stopped)
        text = f"chunk {manifest.stem}: {reason}" if stopped else f"snakestudy: {for_users(reason)}"
        print(text, file=sys.stderr)
        if is_on_cluster():  # Snakemake shows this log of a job that failed there
            with log.open("a", encoding="utf-8") as file:
                print(text, file=file)
        return 1
    finally:
        forks.close()
    return 0
