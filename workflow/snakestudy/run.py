"""Rule `run`: visit one chunk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ._errors import Stopped
from ._layout import Layout
from ._visit import visit


def main(arguments: Sequence[str]) -> int:
    manifest, results, runs, log = map(Path, arguments)
    try:
        visit(manifest, Layout(results, runs), log)
    except Stopped as reason:
        print(f"chunk {manifest.stem}: {reason}", file=sys.stderr)
        return 1
    return 0
