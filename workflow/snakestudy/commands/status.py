"""`python -m snakestudy status`: what is done, what failed, what is running."""

from __future__ import annotations

from collections.abc import Sequence

from snakestudy.commands.open_study import add_directory, open_study, parser_of
from snakestudy.results.status import describe


def main(arguments: Sequence[str]) -> int:
    parser = parser_of("status", __doc__)
    add_directory(parser)
    study = open_study("status", parser.parse_args(arguments))
    _ = study.record  # there is something to tell
    print(describe(study.layout))
    return 0
