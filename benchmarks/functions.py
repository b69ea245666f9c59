"""Trivial function tasks: default configuration beside psweep with two processes.

python benchmarks/functions.py [--repeat 3]
"""

from __future__ import annotations

import sys
from pathlib import Path

from timing import STUDY, Cost, Row, in_turn, measure, shown, write

MODEL = """\
    def simulate(params):
        return {"y": params["x"] * 2.0}
    """
CONFIG = """\
    study: trivial
    design: {{grid: {{x: {{range: [0, {tasks}]}}}}}}
    task: {{function: "scripts/model.py:simulate"}}
    """
PSWEEP = """\
    import psweep

    def simulate(pset):
        return {{"y": pset["x"] * 2.0}}

    if __name__ == "__main__":
        psweep.run(simulate, psweep.plist("x", range({tasks})), poolsize=2)
    """


def own(directory: Path, tasks: int) -> Cost:
    write(directory, config=CONFIG.format(tasks=tasks), model=MODEL)
    return measure(STUDY, directory)


def psweep(directory: Path, tasks: int) -> Cost:
    write(directory, script=PSWEEP.format(tasks=tasks))
    return measure([sys.executable, "script.py"], directory)


def rows(repeat: int) -> list[Row]:
    found = []
    for tasks, budget in ((10**5, 1.0), (10**6, 0.35)):
        sides = {"psweep": lambda d, n=tasks: psweep(d, n), "own": lambda d, n=tasks: own(d, n)}
        costs = in_turn(sides, repeat)
        mine, other = costs["own"], costs["psweep"]
        work = f"{tasks:,} trivial function tasks"
        found.append(Row(work, mine, "psweep", other, mine.wall / other.wall, budget))
    found.append(Row("its largest process", mine, "psweep", other, mine.peak, 600, "MB"))
    return found


if __name__ == "__main__":
    shown(rows, __doc__)
