"""Target `check`: read every file of results/ and the store; say what is missing or wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from snakestudy.commands.open_study import planned_record
from snakestudy.config.study import Study
from snakestudy.layout import Layout
from snakestudy.planning.planner import Planner
from snakestudy.results.check import Check, report, types_of
from snakestudy.storage.record import load_record


def main(arguments: Iterable[str]) -> int:
    layout = Layout(*map(Path, arguments))
    record = planned_record(load_record(layout), str(layout.results))
    study = Study(record["config_file"], record["config"], "", {})
    check = Check(layout, Planner.of(study, record, layout, 1))
    check.run()
    for name, line in check.lines.items():
        if types_of(line) == "mixed":
            check.problems.append(f"{name}: columns or types differ between its files; snakemake")
    print(report(check.lines, check.problems), file=sys.stderr)
    return 1 if check.problems else 0
