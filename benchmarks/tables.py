"""Large results: many rows a task, many columns.

    python benchmarks/tables.py [--repeat 3]

Forty tasks of a million rows and three floats, in one chunk, beside the same parquet written by
hand; 24 tasks with 9,000 columns, beside an empty Snakefile.
"""

from __future__ import annotations

import sys
from pathlib import Path

from timing import PLAIN, STUDY, Cost, Row, in_turn, measure, shown, write

LONG = """\
    import numpy as np

    def run(params):
        random = np.random.default_rng(params["x"])
        return {name: random.random(1_000_000) for name in "abc"}
    """
BY_HAND = """\
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    for x in range(40):
        random = np.random.default_rng(x)
        columns = {name: random.random(1_000_000) for name in "abc"}
        table = pa.table({"x": np.full(1_000_000, x), **columns})
        writer = writer or parquet.ParquetWriter("fit.parquet", table.schema)
        writer.write_table(table)
    writer.close()
    """
WIDE = """\
    def run(params):
        return {f"c{i}": i + params["x"] / 3 for i in range(9000)}
    """
CONFIG = """\
    study: tables
    design: {{grid: {{x: {{range: [0, {tasks}]}}}}}}
    task: {{function: "scripts/model.py:run", metrics: [fit]}}
    {more}
    """


def own(directory: Path, model: str, tasks: int, more: str = "") -> Cost:
    write(directory, config=CONFIG.format(tasks=tasks, more=more), model=model)
    return measure(STUDY, directory)


def by_hand(directory: Path) -> Cost:
    write(directory, script=BY_HAND)
    return measure([sys.executable, "script.py"], directory)


def empty(directory: Path) -> Cost:
    write(directory, snakefile="rule all:\n")
    return measure([*PLAIN, "--cores", "2"], directory)


def rows(repeat: int) -> list[Row]:
    sides = {
        "long": lambda d: own(d, LONG, 40, "chunks: {tasks: 40}"),
        "hand": by_hand,
        "wide": lambda d: own(d, WIDE, 24),
        "empty": empty,
    }
    costs = in_turn(sides, repeat)
    long, hand, wide = costs["long"], costs["hand"], costs["wide"]
    work = "40 tasks of 10^6 rows x 3 floats"
    return [
        Row(work, long, "by hand", hand, long.wall / hand.wall, 2),
        Row("its largest process", long, "by hand", hand, long.peak, 1000, "MB"),
        Row("24 tasks of 9,000 columns", wide, "an empty one", costs["empty"], wide.wall, 10, "s"),
    ]


if __name__ == "__main__":
    shown(rows, __doc__)
