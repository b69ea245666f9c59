"""`python -m snakestudy status`: what is done, what failed, what is running."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from snakestudy.errors import UserError
from snakestudy.layout import Layout, enter
from snakestudy.results.status import describe
from snakestudy.storage.record import load_record


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m snakestudy status", description=__doc__)
    parser.add_argument("directory", nargs="?", default=".", help="of the study (default: here)")
    directory = parser.parse_args(arguments).directory
    enter(directory)
    layout = Layout()
    if load_record(layout) is None:
        raise UserError("holds no study that was planned", value=directory)
    print(describe(layout))
    return 0
