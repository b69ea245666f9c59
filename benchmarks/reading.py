"""Reading a metric of 100,000 tasks with pandas: beside one file a task.

    python benchmarks/reading.py [--repeat 3]

vivarium's result writing leaves one parquet file a task and metric; here each is a copy of one
that pandas wrote, in a directory a metric.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from functions import own
from timing import Row, in_turn, measure, shown

TASKS = 10**5
ONE = "import pandas; pandas.DataFrame({'x': [1], 'y': [2.0]}).to_parquet('0.parquet')"
READ = "import sys, pandas; assert len(pandas.read_parquet(sys.argv[1])) == int(sys.argv[2])"


def rows(repeat: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        study, files = Path(name, "study"), Path(name, "files")
        study.mkdir()
        files.mkdir()
        own(study, TASKS)
        subprocess.run([sys.executable, "-c", ONE], cwd=files, check=True)
        one = (files / "0.parquet").read_bytes()
        for number in range(1, TASKS):
            (files / f"{number}.parquet").write_bytes(one)
        read = [sys.executable, "-c", READ]
        sides = {
            "own": lambda d: measure([*read, str(study / "results/result"), str(TASKS)], d),
            "files": lambda d: measure([*read, str(files), str(TASKS)], d),
        }
        costs = in_turn(sides, repeat)
    mine, other = costs["own"], costs["files"]
    work = f"reading a metric of {TASKS:,} tasks"
    return [Row(work, mine, "a file a task", other, mine.wall / other.wall, 0.05)]


if __name__ == "__main__":
    shown(rows, __doc__)
