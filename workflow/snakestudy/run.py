"""Rule `run`: visit one chunk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ._errors import Stopped
from ._forkserver import ForkServer
from ._layout import Layout
from ._lean import import_arrow, imports
from ._resources import repeats_left


def main(arguments: Sequence[str]) -> int:
    *paths, attempt = arguments
    manifest, results, runs, log = map(Path, paths)
    layout = Layout(results, runs)
    with imports():
        # Before pyarrow, which workers do without; a chunk with a state may have nothing to do.
        forks = ForkServer(soon=not layout.chunk_store(manifest.stem).exists())
        import_arrow()
        from ._visit import visit
    try:
        visit(manifest, layout, log, forks, repeats_left(int(attempt)))
    except Stopped as reason:
        print(f"chunk {manifest.stem}: {reason}", file=sys.stderr)
        return 1
    finally:
        forks.close()
    return 0
