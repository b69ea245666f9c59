"""Rule `outcome`: say what came out; end with status 1 while an active task is failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from snakestudy.files import write_json
from snakestudy.layout import Layout
from snakestudy.results.outcome import summary
from snakestudy.storage.record import load_record


def main(arguments: Sequence[str]) -> int:
    *directories, on_failure = arguments
    layout = Layout(*map(Path, directories))
    record = load_record(layout)
    found, text = summary(record, layout)
    print(text, file=sys.stderr, flush=True)
    if found["failure"] and on_failure != "accept":
        return 1
    if found["failure"]:
        print("  warning: failures are accepted (on_failure: accept)", file=sys.stderr)
    found["time"] = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(layout.outcome, found)
    return 0
