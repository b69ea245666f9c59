"""Rule `plan`: publish what was decided at parse time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from snakestudy.layout import Layout
from snakestudy.planning.publish import publish_proposal, republish_record


def main(arguments: Iterable[str]) -> int:
    proposal, results = arguments
    layout = Layout(Path(results))
    if proposal:
        publish_proposal(Path(proposal), layout)
    else:
        republish_record(layout)
    return 0
