"""`python -m snakestudy status`: what is done, what failed, what is running."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snakestudy.commands.open_study import add_directory, open_study, parser_of
from snakestudy.results.current import CurrentStudy
from snakestudy.results.status import describe_status


def main(arguments: Sequence[str]) -> int:
    parser = parser_of("status", __doc__)
    add_directory(parser)
    study = open_study("status", parser.parse_args(arguments))
    current = CurrentStudy.of(study.record, study.layout, Path.cwd())
    print(describe_status(study.record, study.layout, current))
    return 0
