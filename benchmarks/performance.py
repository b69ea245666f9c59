"""Runs every benchmark and writes docs/performance.md with its two plots (`make bench`).

    python benchmarks/performance.py [--repeat 3] [--write docs/performance.md]

Takes more than half an hour. Needs psweep and hyperqueue (pip) and GNU parallel (Debian's package).
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import commands
import finished
import functions
import jobs
import reading
import tables
import visits
import workers
from timing import HEAD, Cost, empty_directory, put_between_marks

BENCHMARKS = (functions, commands, jobs, finished, reading, tables, visits, workers)
VERSIONS = ("snakemake", "pyarrow", "pandas", "psweep", "hyperqueue")
PATIENCE = 150  # seconds; a side is not run with more tasks if that would take longer
SIZES = [10**power for power in range(2, 7)]


@dataclass(frozen=True)
class Side:
    """A line of the plots: run takes an empty directory and a number of tasks."""

    name: str
    run: Callable[[Path, int], Cost]
    style: str
    color: str


SIDES = (
    Side("this template, functions", functions.own, "-", "C0"),
    Side("psweep, functions", functions.psweep, "-", "C1"),
    Side("a Snakemake job a task", jobs.plain, "-", "C3"),
    Side("this template, commands", commands.own, "--", "C0"),
    *(
        Side(name, run, "--", color)
        for (name, run), color in zip(commands.SIDES.items(), ("C2", "C4", "C5"), strict=True)
    ),
)


def swept() -> dict[str, dict[int, Cost]]:
    """Side -> number of tasks -> what one run costs."""
    found: dict[str, dict[int, Cost]] = {side.name: {} for side in SIDES}
    for size in SIZES:
        for side in SIDES:
            costs = found[side.name]
            if size == SIZES[0] or (size // 10 in costs and 10 * costs[size // 10].wall < PATIENCE):
                costs[size] = side.run(empty_directory(), size)
                said = f"{side.name}, {size:,} tasks: {costs[size].wall:.1f} s"
                print(said, file=sys.stderr, flush=True)
    return found


def plot(found: dict[str, dict[int, Cost]], field: str, label: str, file: Path) -> None:
    """One quantity against tasks, log-log."""
    import matplotlib  # not before all is measured: see `timing.measure`
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "snakestudy"
    figure, axes = pyplot.subplots(figsize=(6.4, 4.4), layout="constrained")
    for side in SIDES:
        values = [getattr(cost, field) for cost in found[side.name].values()]
        line = {"color": side.color, "linestyle": side.style, "marker": "o", "markersize": 4}
        axes.loglog(list(found[side.name]), values, label=side.name, **line)
    axes.set(xlabel="tasks", ylabel=label)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(file, metadata={"Date": None})


def numbers(found: dict[str, dict[int, Cost]]) -> list[str]:
    """The plots as a table: seconds and MB."""
    lines = [f"| tasks | {' | '.join(f'{size:,}' for size in SIZES)} |", "| --- " * 6 + "|"]
    for name, costs in found.items():
        cells = (
            f"{costs[size].wall:.1f} s, {costs[size].peak:.0f} MB" if size in costs else ""
            for size in SIZES
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def machine() -> str:
    """What this ran on, in words."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    said = subprocess.run(
        ["parallel", "--version"], capture_output=True, check=True, encoding="utf-8"
    )
    return (
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), {memory:.0f} GB, "
        f"{platform.system()} {platform.release().split('-')[0]}; "
        f"Python {platform.python_version()}, {versions}, {said.stdout.splitlines()[0]}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side (default: 3)")
    parser.add_argument("--write", type=Path, help="put all into this file, at its marks")
    given = parser.parse_args()
    lines = [f"Medians of {given.repeat}. {machine()}", "", *HEAD.splitlines()]
    for benchmark in BENCHMARKS:
        for row in benchmark.rows(given.repeat):
            lines.append(str(row))
            print(row, file=sys.stderr, flush=True)
    found = swept()
    lines += ["", "The plots in numbers, one run each:", "", *numbers(found)]
    print("\n".join(lines))
    if given.write:
        for field, label in (("wall", "seconds"), ("peak", "MB, the largest process")):
            plot(found, field, label, given.write.with_name(f"performance-{field}.svg"))
        put_between_marks(given.write, "\n".join(lines))


if __name__ == "__main__":
    main()
