"""Rule `plan`: publish what was decided at parse time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from snakestudy.layout import Layout
from snakestudy.planning.publish import publish, republish


def main(arguments: Iterable[str]) -> int:
    proposal, results = arguments
    layout = Layout(Path(results))
    if proposal:
        publish(Path(proposal), layout)
    else:
        republish(layout)
    return 0
