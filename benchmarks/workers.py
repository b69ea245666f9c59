"""How busy a visit keeps its workers: its wall time beside the best that order of tasks allows.

    python benchmarks/workers.py [--repeat 3]

Ideal is a schedule in which each worker takes the next task as soon as it is free. Both times
are from the start of the first task to the end of the last.
"""

from __future__ import annotations

import heapq
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

from timing import STUDY, Cost, Row, in_turn, measure, shown, write

WORKERS = 8  # tasks sleep, so there may be more than cores
CONFIG = """\
    study: workers
    design: {{zip: {{n: {{range: [0, {count}]}}, ms: {ms}}}}}
    task: {{function: "scripts/model.py:simulate"}}
    chunks: {{tasks: {count}, workers: {workers}}}
    """
MODEL = """\
    import time

    def simulate(params):
        time.sleep(params["ms"] / 1000)
        return {"y": 1}
    """
SPAN = """\
import pandas
tasks = pandas.read_parquet("results/metadata/run")
start = tasks["started"].astype("int64") / 1e6
print((start + tasks["seconds"]).max() - start.min())
"""
EQUAL = [50] * 800
LENGTHS = {
    "50 ms each": EQUAL,
    "16 to 160 ms": [16, 160, 50, 23, 80] * 120,
    "50 ms, the last one 2 s": [*EQUAL, 2000],
}


def ideal(lengths: list[int]) -> float:
    """Seconds of the schedule that takes tasks in their order."""
    free = [0.0] * WORKERS
    for length in lengths:
        heapq.heapreplace(free, free[0] + length / 1000)
    return max(free)


def span(directory: Path, lengths: list[int]) -> Cost:
    config = CONFIG.format(count=len(lengths), ms=lengths, workers=WORKERS)
    write(directory, config=config, model=MODEL)
    whole = measure([*STUDY[:-1], str(WORKERS)], directory)
    found = subprocess.run([sys.executable, "-c", SPAN], cwd=directory, stdout=PIPE, check=True)
    return Cost(float(found.stdout), whole.cpu, whole.peak)


def rows(repeat: int) -> list[Row]:
    sides = {name: lambda d, n=lengths: span(d, n) for name, lengths in LENGTHS.items()}
    found = []
    for name, mine in in_turn(sides, repeat).items():
        best = Cost(ideal(LENGTHS[name]), 0, 0)
        work = f"{WORKERS} workers, {len(LENGTHS[name])} tasks: {name}"
        found.append(Row(work, mine, "the ideal", best, mine.wall / best.wall, round(1 / 0.95, 2)))
    return found


if __name__ == "__main__":
    shown(rows, __doc__)
