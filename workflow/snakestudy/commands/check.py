"""Target `check`: read every file of results/ and the store; say what is missing or wrong.

Run directories are counted, not read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from snakestudy.config.study import Study
from snakestudy.layout import Layout
from snakestudy.planning.planner import Planner
from snakestudy.results.check import Check, report
from snakestudy.storage.record import planned_study


def main(arguments: Iterable[str]) -> int:
    layout = Layout(*map(Path, arguments))
    record = planned_study(layout, str(layout.results))
    study = Study(record.config_file, record.config, "", {})
    check = Check(layout, record, Planner.of(study, record, layout, 1))
    check.run()
    print(report(check.lines, check.problems, check.notes), file=sys.stderr)
    return 1 if check.problems else 0
