"""The sides of reliability.py: how each runs its study in the working directory, and reads it.

python benchmarks/reliability_sides.py psweep_run
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

TASKS, PROCESSES = 40, 2
Table = dict[int, list[tuple]]  # n -> its rows: (y, all of z)


def own_table(directory: Path) -> Table:
    return joined(directory / "results", "seed")


def vivarium_table(directory: Path) -> Table:
    return joined(directory / "results", "random_seed")


def joined(results: Path, name: str) -> Table:
    """Both metrics as one: only tasks that have rows of each are there."""
    import pandas

    fit, curve = (pandas.read_parquet(results / metric) for metric in ("fit", "curve"))
    z = {n: tuple(rows.sort_values("k")["z"]) for n, rows in curve.groupby(name)}
    found: Table = {}
    for n, y in zip(fit[name], fit["y"], strict=True):
        if n in z:
            found.setdefault(n, []).append((y, z[n]))
    return found


def psweep_table(directory: Path) -> Table:
    import psweep

    found: Table = {}
    frame = psweep.df_read(str(directory / "calc/database.pk"))
    for n, y, z in zip(frame["n"], frame["y"], frame["z"], strict=True):
        found.setdefault(n, []).append((y, tuple(z)))
    return found


def psweep_run() -> None:
    import psweep

    psweep.run(psweep_task, psweep.plist("n", range(TASKS)), poolsize=PROCESSES, skip_dups=True)


def psweep_task(pset: dict) -> dict:
    from model import work

    y, z = work(pset["n"])
    return {"y": y, "z": z}


def vivarium_run() -> None:
    from vivarium.cluster_tools.psimulate.jobs import JobParameters, already_complete
    from vivarium.cluster_tools.psimulate.results import writing

    metadata, results = Path("results/metadata"), Path("results")
    metadata.mkdir(parents=True, exist_ok=True)
    jobs = [JobParameters("", {}, 0, n, "", "", {}, {}) for n in range(TASKS)]
    finished = writing.collect_metadata(metadata, results)
    for job in jobs:
        writing.write_metadata(metadata, job)
    left = [(job, 3) for job in jobs if not already_complete(job, finished)]
    running: dict[int, tuple] = {}
    failed = False
    while left or running:
        while left and len(running) < PROCESSES:
            job, tries = left.pop(0)
            running[os.fork() or vivarium_task(job)] = (job, tries - 1)
        pid, status = os.wait()
        job, tries = running.pop(pid)
        if status and tries:
            left.append((job, tries))
        failed |= bool(status and not tries)
    sys.exit(failed)


def vivarium_task(job) -> None:
    import pandas
    from model import work
    from vivarium.cluster_tools.psimulate.results.writing import write_task_results

    try:
        y, z = work(job.random_seed)
        fit, curve = pandas.DataFrame({"y": [y]}), pandas.DataFrame({"k": [0, 1, 2], "z": z})
        write_task_results(Path("results"), job, {"fit": fit, "curve": curve})
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    {"psweep_run": psweep_run, "vivarium_run": vivarium_run}[sys.argv[1]]()
