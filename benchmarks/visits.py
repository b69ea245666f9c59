"""CPU seconds of a visit: with nothing to do, and of one trivial task; beside importing pyarrow.

python benchmarks/visits.py [--repeat 9]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from functions import own
from timing import ROOT, Cost, Row, in_turn, measure, shown


def rows(repeat: int) -> list[Row]:
    os.environ["PYTHONPATH"] = str(ROOT / "workflow")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a job of Snakemake's
    with tempfile.TemporaryDirectory() as name:
        study = Path(name)
        own(study, 1)
        (manifest,) = Path(study, "results/plan/chunks").iterdir()
        verb = [sys.executable, "-m", "snakestudy", "run"]
        path = str(manifest.relative_to(study))
        visit = [*verb, "run", "results", "runs", path, "logs/run/one.log", "1"]

        def of_one_task(_: Path) -> Cost:
            shutil.rmtree(study / "results/.store" / manifest.stem)
            return measure(visit, study)

        sides = {
            "pyarrow": lambda d: measure([sys.executable, "-c", "import pyarrow.parquet"], d),
            "nothing": lambda d: measure(visit, study),
            "one": of_one_task,
        }
        costs = in_turn(sides, repeat)
    none, bare, one = costs["nothing"], costs["pyarrow"], costs["one"]
    peer = "importing pyarrow"
    return [
        Row("CPU of a visit with nothing to do", none, peer, bare, none.cpu, 0.2, "s"),
        Row("CPU of a visit of one trivial task", one, peer, bare, one.cpu, 0.4, "s"),
    ]


if __name__ == "__main__":
    shown(rows, __doc__)
