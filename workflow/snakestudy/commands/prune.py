"""`python -m snakestudy prune`: remove what the design does not need any more.

Results of tasks that neither the newest plan nor the configuration has, their run
directories, and chunks without any task left. Without --yes, it only lists them.
"""

from __future__ import annotations

from collections.abc import Sequence

from snakestudy.commands.open_study import add_directory, open_study, parser_of
from snakestudy.config.load import load
from snakestudy.errors import UserError
from snakestudy.planning.planner import Planner
from snakestudy.results.waste import describe_waste, find_waste, remove_waste


def main(arguments: Sequence[str]) -> int:
    parser = parser_of("prune", __doc__)
    add_directory(parser)
    parser.add_argument("--yes", action="store_true", help="remove it; it cannot be got back")
    given = parser.parse_args(arguments)
    opened = open_study("prune", given)
    layout, record = opened.layout, opened.record
    study = load(record.config_file, {}, record)
    try:
        declared = set(Planner.of(study, record, layout, 1).design().ids)
    except UserError as error:
        raise error.with_place(file=study.file) from None
    waste = find_waste(record, layout, declared)
    print(describe_waste(waste, layout))
    if not (waste.rows or waste.chunks or waste.directories):
        print("there is nothing to remove")
    elif given.yes:
        remove_waste(waste, layout)
        print("removed")
    else:
        print("nothing was removed; --yes removes it for good")
    return 0
