"""A design of a million parameter sets: beside psweep's pgrid, and when it grows by ten.

    python benchmarks/design.py [--sets 1000000] [--repeat 5]

Each measurement is a process of its own, the two sides in turn; the table has medians of wall
seconds and of the peak memory. Needs psweep (pip install psweep). The study is run once to the
end in between (a minute for a million tasks), since growth is planned beside finished chunks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """\
study: big
design:
  - grid: {{a: {{linspace: [0, 1, {n}]}}, b: {{range: [0, {n}]}}, c: {{linspace: [1, 2, {n}]}}}}
{more}task:
  function: scripts/model.py:simulate
"""
TEN_MORE = "  - {zip: {a: {linspace: [2, 3, 10]}}, grid: {b: 0, c: 0}}\n"


def psweep_sets(n: int) -> None:
    """The peer: a list of mappings, and the hash of each."""
    import numpy
    import psweep

    a, b, c = numpy.linspace(0, 1, n), range(n), numpy.linspace(1, 2, n)
    axes = [("a", a.tolist()), ("b", b), ("c", c.tolist())]
    sets = psweep.pgrid([psweep.plist(*axis) for axis in axes])
    hashes = [psweep.psweep.pset_hash(one) for one in sets]
    assert len(set(hashes)) == n**3


def own_sets(n: int) -> None:
    """The same sets and their task_ids."""
    from snakestudy.design.blocks import DesignExpander
    from snakestudy.design.design import expand

    axes = {"a": {"linspace": [0, 1, n]}, "b": {"range": [0, n]}, "c": {"linspace": [1, 2, n]}}
    assert len(set(expand([{"grid": axes}], DesignExpander()).ids)) == n**3


def own_plan(n: int) -> float:
    """Plan the study in this directory as `snakemake` does, manifests and record included."""
    import importlib.metadata  # noqa: F401 (what every process imports is not planning)

    import jsonschema.validators  # noqa: F401
    import pandas  # noqa: F401 (pyarrow does)

    from snakestudy.layout import Layout
    from snakestudy.planning.model import Capacity
    from snakestudy.planning.prepare import prepare
    from snakestudy.planning.publish import publish_proposal
    from snakestudy.storage import chunk_store  # noqa: F401

    start = time.perf_counter()
    prepared = prepare("config/config.yaml", {}, Layout(), Capacity(2), dry_run=False)
    assert prepared.proposal is not None
    publish_proposal(prepared.proposal, Layout())
    return time.perf_counter() - start


SIDES: dict[str, Callable[[int], float | None]] = {
    "psweep: pgrid, pset_hash": psweep_sets,
    "sets and task_ids": own_sets,
    "first plan": own_plan,
    "plan of ten more": own_plan,
}


def measure(side: str, n: int, directory: Path) -> tuple[float, float]:
    """Wall seconds (of planning: of that alone) and peak MB of one process."""
    command = [sys.executable, __file__, "--side", side, "--axis", str(n)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    wall = time.perf_counter() - start
    inside, peak = json.loads(done.stdout.splitlines()[-1])
    return inside or wall, peak


def study(directory: Path, n: int) -> None:
    (directory / "scripts").mkdir()
    (directory / "config").mkdir()
    (directory / "scripts/model.py").write_text(
        "def simulate(p):\n    return {'y': p['a']}\n", encoding="utf-8"
    )
    (directory / "config/config.yaml").write_text(CONFIG.format(n=n, more=""), encoding="utf-8")


def benchmark(n: int, repeat: int) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    sets = list(SIDES)[:2]
    with tempfile.TemporaryDirectory() as name:
        done = Path(name, "done")
        done.mkdir()
        study(done, n)
        for number in range(repeat):
            for side in sets:
                found[side].append(measure(side, n, done))
            first = Path(name, f"first{number}")
            first.mkdir()
            study(first, n)
            found["first plan"].append(measure("first plan", n, first))
        snakemake = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
        subprocess.run([*snakemake, "--cores", "2", "--quiet"], cwd=done, check=True)
        for number in range(repeat):
            grown = Path(name, f"grown{number}")
            subprocess.run(["cp", "-rl", str(done), str(grown)], check=True)
            (grown / "config/config.yaml").unlink()
            (grown / "config/config.yaml").write_text(
                CONFIG.format(n=n, more=TEN_MORE), encoding="utf-8"
            )
            found["plan of ten more"].append(measure("plan of ten more", n, grown))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--axis", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        inside = SIDES[given.side](given.axis)
        print(json.dumps([inside, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    n = round(given.sets ** (1 / 3))
    medians = {
        side: [statistics.median(column) for column in zip(*rows, strict=True)]
        for side, rows in benchmark(n, given.repeat).items()
    }
    print(f"{n**3:,} sets, medians of {given.repeat}\n")
    print("| | seconds | peak MB |\n| --- | --- | --- |")
    for side, (seconds, peak) in medians.items():
        print(f"| {side} | {seconds:.2f} | {peak:.0f} |")
    peer, own, first, grown = (seconds for seconds, _ in medians.values())
    print(f"\npsweep / sets and task_ids: {peer / own:.1f}; ten more / first: {grown / first:.2f}")


if __name__ == "__main__":
    main()
