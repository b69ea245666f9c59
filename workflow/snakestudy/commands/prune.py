"""`python -m snakestudy prune`: remove what the design does not need any more.

Results of tasks that neither the newest plan nor the configuration has, their run
directories, and chunks without any task left. Without --yes, it only lists them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from snakestudy.config.load import load
from snakestudy.errors import UserError
from snakestudy.layout import Layout, enter
from snakestudy.planning.planner import Planner
from snakestudy.results.waste import describe_waste, find_waste, remove_waste
from snakestudy.storage.record import planned_study


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m snakestudy prune", description=__doc__)
    parser.add_argument("directory", nargs="?", default=".", help="of the study (default: here)")
    parser.add_argument("--yes", action="store_true", help="remove it; it cannot be got back")
    given = parser.parse_args(arguments)
    enter(given.directory)
    layout = Layout()
    record = planned_study(layout, given.directory)
    study = load(record.config_file, {}, record)
    try:
        declared = set(Planner.of(study, record, layout, 1).design().ids)
    except UserError as error:
        raise error.with_place(file=study.file) from None
    waste = find_waste(record, layout, declared)
    print(describe_waste(waste, layout))
    if given.yes:
        remove_waste(waste, layout)
        print("removed")
    elif waste.rows or waste.chunks or waste.directories:
        print("nothing was removed; --yes removes it for good")
    return 0
