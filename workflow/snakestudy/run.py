"""Rule `run`: visit one chunk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ._errors import Stopped, UserError, for_users
from ._layout import Layout
from ._lean import imports, spare_imports
from ._resources import is_on_cluster, repeats_left
from ._settled import publish_again


def main(arguments: Sequence[str]) -> int:
    *paths, attempt = arguments
    results, runs, manifest, log = map(Path, paths)
    layout = Layout(results, runs)
    if publish_again(manifest, layout):
        return 0
    with imports():
        from ._forkserver import ForkServer

        # Before what tasks may import is spared; a chunk with a state may have nothing to do.
        forks = ForkServer(soon=not layout.chunk_store(manifest.stem).exists())
        spare_imports()
        from ._visit import visit
    try:
        visit(manifest, layout, log, forks, repeats_left(int(attempt)))
    except (Stopped, UserError) as reason:
        stopped = isinstance(reason, Stopped)
        text = f"chunk {manifest.stem}: {reason}" if stopped else f"snakestudy: {for_users(reason)}"
        print(text, file=sys.stderr)
        if is_on_cluster():  # Snakemake shows this log of a job that failed there
            with log.open("a") as file:
                print(text, file=file)
        return 1
    finally:
        forks.close()
    return 0
