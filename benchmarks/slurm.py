"""On SLURM: 2,000 tasks of 0.1 s over 16 slots, beside a bare job array; what a job costs.

python benchmarks/slurm.py [--repeat 3], with tests/slurm/cluster.py up
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from timing import ROOT, SNAKEMAKE, Cost, Row, in_turn, measure, shown, write

TASKS, SLOTS = 2000, 16
CONFIG = """\
    study: slurm
    design: {{grid: {{x: {{range: [0, {tasks}]}}}}}}
    task: {{command: [sleep, "0.1"]}}
    chunks: {{tasks: {chunk}, workers: {workers}}}
    """
CLUSTER = ["-s", str(ROOT / "Snakefile"), "--workflow-profile", "slurm"]
# What people write: a loop in each job of an array.
JOB = """\
#!/bin/bash
for x in $(seq {share}); do
  mkdir -p runs/$SLURM_ARRAY_TASK_ID.$x
  (cd runs/$SLURM_ARRAY_TASK_ID.$x && sleep 0.1 > stdout.log 2> stderr.log)
done
"""
BARE = """\
job=$(sbatch --parsable --array=1-{slots} --output=/dev/null script.py)
while [ -n "$(squeue -h -j $job -t pending,running,completing)" ]; do sleep 0.2; done
"""


def own(directory: Path, jobs: int) -> Cost:
    chunk, workers = TASKS // jobs, SLOTS // jobs
    write(directory, config=CONFIG.format(tasks=TASKS, chunk=chunk, workers=workers))
    return on_slurm([*SNAKEMAKE, *CLUSTER], directory)


def bare(directory: Path) -> Cost:
    write(directory, script=JOB.format(share=TASKS // SLOTS))
    return on_slurm(["bash", "-euc", BARE.format(slots=SLOTS)], directory)


def on_slurm(command: list[str], directory: Path) -> Cost:
    """What a command costs; CPU seconds are those of its jobs."""
    start = time.strftime("%Y-%m-%dT%H:%M:%S")
    time.sleep(1)
    cost = measure(command, directory)
    time.sleep(2)  # until accounting has it
    return Cost(cost.wall, cpu_since(start), cost.peak)


def cpu_since(start: str) -> float:
    """CPU seconds of all jobs since then; with -X, sacct leaves out those of their steps."""
    ask = ["sacct", "-nP", "-S", start, "-o", "JobID,TotalCPU"]
    said = subprocess.run(ask, capture_output=True, check=True, encoding="utf-8").stdout
    fields = [line.split("|") for line in said.split()]
    return sum(seconds(text) for job, text in fields if "." not in job)


def seconds(text: str) -> float:
    """
    >>> seconds("01:02.500"), seconds("1:00:00")
    (62.5, 3600.0)
    """
    found = 0.0
    for part in text.split(":"):
        found = 60 * found + float(part)
    return found


def rows(repeat: int) -> list[Row]:
    sides = {
        "two": lambda directory: own(directory, 2),
        "sixteen": lambda directory: own(directory, 16),
        "bare": bare,
    }
    costs = in_turn(sides, repeat)
    peer, other = "a bare job array", costs["bare"]
    two, sixteen = costs["two"], costs["sixteen"]
    work = f"{TASKS:,} tasks of 0.1 s, {SLOTS} slots"
    beyond = "CPU of each, beyond the array's"
    return [
        Row(f"{work} in 2 jobs", two, peer, other, two.wall / other.wall, 1.5),
        Row(beyond, two, peer, other, (two.cpu - other.cpu) / 2, unit="s"),
        Row(f"{work} in 16 jobs", sixteen, peer, other, sixteen.wall / other.wall),
        Row(beyond, sixteen, peer, other, (sixteen.cpu - other.cpu) / 16, unit="s"),
    ]


if __name__ == "__main__":
    shown(rows, __doc__)
