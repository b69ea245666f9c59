"""`python -m snakestudy status`: what is done, what failed, what is running."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from snakestudy.layout import Layout, enter
from snakestudy.results.current import CurrentStudy
from snakestudy.results.status import describe_status
from snakestudy.storage.record import planned_study


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m snakestudy status", description=__doc__)
    parser.add_argument("directory", nargs="?", default=".", help="of the study (default: here)")
    directory = parser.parse_args(arguments).directory
    enter(directory)
    layout = Layout()
    record = planned_study(layout, directory)
    print(describe_status(record, layout, CurrentStudy.of(record, layout, Path.cwd())))
    return 0
