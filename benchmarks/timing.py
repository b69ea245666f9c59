"""Whole processes in turn: their wall and CPU seconds, and the memory of the largest of them."""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
PLAIN = [*SNAKEMAKE, "--quiet", "--scheduler", "greedy"]  # what a Snakefile of one's own gets
STUDY = [*SNAKEMAKE, "-s", str(ROOT / "Snakefile"), "--cores", "2"]


@dataclass(frozen=True)
class Cost:
    """Of a process and all it started: seconds, CPU seconds, MB of the largest one at its peak."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Row:
    """One line of docs/performance.md.

    Attributes:
        work: what was done; peer: what else did it.
        figure: the ratio, or the difference in seconds, that the budget is about.
        budget: the most it may be, if that is fixed; unit: "x", "s" or "MB".
    """

    work: str
    own: Cost
    peer: str
    other: Cost
    figure: float
    budget: float = math.inf
    unit: str = "x"

    def __str__(self) -> str:
        figure = f"{self.figure:.2f} {self.unit}"
        cells = [
            self.work,
            f"{self.own.wall:.2f}",
            f"{self.own.peak:.0f}",
            self.peer,
            f"{self.other.wall:.2f}",
            f"{self.other.peak:.0f}",
            f"**{figure}**" if self.figure > self.budget else figure,
            f"{self.budget:g} {self.unit}" if self.budget < math.inf else "",
        ]
        return f"| {' | '.join(cells)} |"


HEAD = """\
| work | s | MB | beside | s | MB | figure | at most |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def measure(command: Sequence[str], directory: Path, fails: bool = False) -> Cost:
    """What a command costs; its output is shown only if it ends otherwise than expected.

    Linux counts the memory of the process that starts it as its own: benchmarks import little.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if bool(process.returncode) != fails:
            output.seek(0)
            sys.exit(f"{command}: {output.read().decode()}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def in_turn(sides: Mapping[str, Callable[[Path], Cost]], repeat: int) -> dict[str, Cost]:
    """The median of each side; each run gets an empty directory of its own."""
    found: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(repeat):
        for name, side in sides.items():
            found[name].append(side(empty_directory()))
    return {name: median(costs) for name, costs in found.items()}


def empty_directory() -> Path:
    """A new directory; none is deleted before the end.

    Where many files were deleted a moment ago, ext4 takes milliseconds to make one.
    """
    return Path(tempfile.mkdtemp(dir=_PLACE.name))


_PLACE = tempfile.TemporaryDirectory(prefix="snakestudy-benchmark-")


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(c, n) for c in costs) for n in ("wall", "cpu", "peak")))


def write(directory: Path, **files: str) -> None:
    """Write texts; the names are those of FILES."""
    for name, text in files.items():
        path = directory / FILES[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a hard link
        path.write_text(dedent(text), encoding="utf-8")


FILES = {
    "config": "config/config.yaml",
    "model": "scripts/model.py",
    "snakefile": "Snakefile",
    "script": "script.py",
}


def put_between_marks(file: Path, text: str) -> None:
    """Put a text between the two marks of a page, in the place of what is there."""
    before, rest = file.read_text(encoding="utf-8").split("<!-- begin -->")
    after = rest.split("<!-- end -->")[1]
    file.write_text(f"{before}<!-- begin -->\n{text}\n<!-- end -->{after}", encoding="utf-8")


def shown(rows: Callable[[int], list[Row]], doc: str) -> None:
    """The main program of a benchmark."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side (default: 3)")
    given = parser.parse_args()
    print(HEAD)
    for row in rows(given.repeat):
        print(row, flush=True)
