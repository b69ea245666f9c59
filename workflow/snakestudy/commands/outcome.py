"""Rule `outcome`: say what came out; end with status 1 while an active task is failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from snakestudy.files import write_json
from snakestudy.layout import Layout
from snakestudy.results.outcome import Outcome, in_words
from snakestudy.storage.record import planned_study


def main(arguments: Sequence[str]) -> int:
    *directories, on_failure = arguments
    layout = Layout(*map(Path, directories))
    record = planned_study(layout, directories[0])
    outcome = Outcome.of(record, layout)
    print(in_words(outcome, record, layout), file=sys.stderr, flush=True)
    if outcome.counts.failure and on_failure != "accept":
        return 1
    if outcome.counts.failure:
        print("  warning: failures are accepted (on_failure: accept)", file=sys.stderr)
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(layout.outcome, {**outcome.to_json(), "time": ended})
    return 0
