"""Rule `tasks`: the task table, and one type a column over all files of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snakestudy.layout import Layout
from snakestudy.results.task_table import make_task_table


def main(arguments: Sequence[str]) -> int:
    (results,) = map(Path, arguments)
    make_task_table(Layout(results))
    return 0
