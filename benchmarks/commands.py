"""Commands, each in a run directory of its own: beside xargs, GNU parallel and HyperQueue.

    python benchmarks/commands.py [--repeat 3]

Needs parallel (Debian's package) and hyperqueue (pip install hyperqueue).
"""

from __future__ import annotations

import sys
from pathlib import Path

from timing import STUDY, Cost, Row, in_turn, measure, shown, write

CONFIG = """\
    study: commands
    design: {{grid: {{x: {{range: [0, {tasks}]}}}}}}
    task: {{command: ["true"]}}
    chunks: {{max: 8}}
    """
ONE = "mkdir {} && cd {} && /bin/true"
HYPERQUEUE = """\
    from hyperqueue import Job, LocalCluster
    from hyperqueue.cluster import WorkerConfig

    with LocalCluster() as cluster:
        cluster.start_worker(WorkerConfig(cores=2))
        job = Job()
        for _ in range({tasks}):
            job.program(["true"])
        client = cluster.client()
        client.wait_for_jobs([client.submit(job)])
    """


def own(directory: Path, tasks: int) -> Cost:
    write(directory, config=CONFIG.format(tasks=tasks))
    return measure(STUDY, directory)


def xargs(directory: Path, tasks: int) -> Cost:
    return measure(["sh", "-c", f"seq {tasks} | xargs -P2 -I{{}} sh -c '{ONE}'"], directory)


def parallel(directory: Path, tasks: int) -> Cost:
    return measure(["sh", "-c", f"seq {tasks} | parallel -j2 '{ONE}'"], directory)


def hyperqueue(directory: Path, tasks: int) -> Cost:
    write(directory, script=HYPERQUEUE.format(tasks=tasks))
    return measure([sys.executable, "script.py"], directory)


SIDES = {"xargs -P2": xargs, "GNU parallel": parallel, "HyperQueue": hyperqueue}


def rows(repeat: int) -> list[Row]:
    tasks = 10**4
    sides = {"own": own, **SIDES}
    costs = in_turn({name: lambda d, s=side: s(d, tasks) for name, side in sides.items()}, repeat)
    mine = costs["own"]
    budgets = {"xargs -P2": 0.8, "HyperQueue": 0.5, "GNU parallel": 0.8}
    return [
        Row(f"{tasks:,} commands", mine, peer, costs[peer], mine.wall / costs[peer].wall, budget)
        for peer, budget in budgets.items()
    ]


if __name__ == "__main__":
    shown(rows, __doc__)
