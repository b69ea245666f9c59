"""Beside one plain Snakemake job a task: function tasks, and chunks of one task each.

python benchmarks/jobs.py [--repeat 3]
"""

from __future__ import annotations

import sys
from pathlib import Path

from functions import MODEL
from timing import PLAIN, STUDY, Cost, Row, in_turn, measure, shown, write

TASKS = 1000
CONFIG = """\
    study: jobs
    design: {{grid: {{x: {{range: [0, {tasks}]}}}}}}
    task: {{function: "scripts/model.py:simulate"}}
    {more}
    """
SNAKEFILE = """\
    rule all:
        input: expand("results/{{x}}.txt", x=range({tasks}))

    rule task:
        output: "results/{{x}}.txt"
        shell: {shell!r}
    """
ECHO = "echo {wildcards.x} > {output}"
PYARROW = f"{sys.executable} -c 'import pyarrow.parquet' && touch {{output}}"


def plain(directory: Path, tasks: int, shell: str = ECHO) -> Cost:
    write(directory, snakefile=SNAKEFILE.format(tasks=tasks, shell=shell))
    return measure([*PLAIN, "--cores", "2"], directory)


def own(directory: Path, more: str = "") -> Cost:
    write(directory, config=CONFIG.format(tasks=TASKS, more=more), model=MODEL)
    return measure(STUDY, directory)


def rows(repeat: int) -> list[Row]:
    sides = {"own": own, "plain": lambda directory: plain(directory, TASKS)}
    slow = {
        "own chunks": lambda directory: own(directory, "chunks: {tasks: 1}"),
        "plain with pyarrow": lambda directory: plain(directory, TASKS, PYARROW),
    }
    costs = in_turn(sides, repeat) | in_turn(slow, 1)  # minutes each
    found = []
    for work, mine, peer, name, budget in (
        ("function tasks", "own", "plain", "a Snakemake job of `echo` each", 0.6),
        (
            "chunks of one task",
            "own chunks",
            "plain with pyarrow",
            "a job that imports pyarrow",
            1.3,
        ),
    ):
        ratio = costs[mine].wall / costs[peer].wall
        found.append(Row(f"{TASKS:,} {work}", costs[mine], name, costs[peer], ratio, budget))
    return found


if __name__ == "__main__":
    shown(rows, __doc__)
