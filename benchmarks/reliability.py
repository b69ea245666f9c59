"""Faults in the middle of a study: what is lost, wrong in silence, computed twice.

    python benchmarks/reliability.py [--repeat 5] [--seed 1] [--write docs/reliability.md]

The same study (seeds 0 to 39, 0.1 s each, two metrics, two processes) is run by this template, by
psweep (`run` with `skip_dups`) and with vivarium's result writing (`write_task_results`,
`collect_metadata`, `already_complete`; each task a process, tried three times, as its scheduler
does). Each suffers the same faults at random moments, is started again until it ends with status 0,
and is read as its documentation says. A file that cannot be read is deleted, and the study started
again. Needs psweep and vivarium-cluster-tools. Linux only.

Long: the faults, the sides that suffer them and the page they fill belong together.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
from reliability_sides import TASKS, Table, own_table, psweep_table, vivarium_table
from timing import put_between_marks

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 0.1
LIMIT = 30.0  # seconds after which a run that does not end is ended
STARTS = 4  # times a user starts it again before giving up
MODEL = f"""\
import os, time


def work(n):
    with open(os.environ["RELIABILITY"] + f"/times/{{os.getpid()}}.txt", "a", buffering=1) as file:
        file.write(f"s {{n}} {{time.time():.3f}}\\n")
        time.sleep({SECONDS})
        file.write(f"e {{n}} {{time.time():.3f}}\\n")
    return n * n, [n, n + 1, n + 2]


def simulate(params):
    y, z = work(params["seed"])
    return {{"fit": {{"y": y}}, "curve": {{"k": [0, 1, 2], "z": z}}}}
"""
CONFIG = f"""\
study: reliability
design: {{seeds: {TASKS}}}
task: {{function: "scripts/model.py:simulate", metrics: [fit, curve]}}
"""
TRUTH = {n: (n * n, (n, n + 1, n + 2)) for n in range(TASKS)}


# -- one study ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """How to run the study, to read it, and the files that hold its results."""

    name: str
    command: tuple[str, ...]
    table: Callable[[Path], Table]
    files: tuple[str, ...]


PEER = (sys.executable, str(Path(__file__).with_name("reliability_sides.py")))
SNAKEMAKE = (sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2")
SIDES = [
    Side("this template", SNAKEMAKE, own_table, ("results/[!.]*/*.parquet", "results/*/*/0*.pa*")),
    Side("psweep", (*PEER, "psweep_run"), psweep_table, ("calc/database.pk",)),
    Side(
        "vivarium's writing", (*PEER, "vivarium_run"), vivarium_table,
        ("results/fit/*", "results/curve/*"),
    ),
]  # fmt: skip


@dataclass
class Study:
    """A study of one side in a directory of its own, and when faults came."""

    side: Side
    path: Path
    random: random.Random
    starts: int = 0
    hung: int = 0

    def __post_init__(self) -> None:
        self.faults: list[float] = []
        for name in ("config", "scripts", "times"):
            (self.path / name).mkdir()
        (self.path / "config/config.yaml").write_text(CONFIG, encoding="utf-8")
        for name in ("scripts/model.py", "model.py"):
            (self.path / name).write_text(MODEL, encoding="utf-8")

    def start(self) -> subprocess.Popen:
        self.starts += 1
        own = {"RELIABILITY": str(self.path), "PYTHONPATH": f"{ROOT / 'workflow'}:{self.path}"}
        with (self.path / "said.txt").open("ab") as said:
            return subprocess.Popen(
                self.side.command, cwd=self.path, env={**os.environ, **own},
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("RELIABILITY") == str(self.path):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self) -> None:
        while processes := self.processes():
            for process in processes:
                process.kill()
            psutil.wait_procs(processes, timeout=5)

    def events(self) -> Iterator[tuple[str, int, float, int]]:
        """s(tarted) or e(nded), which task, when, in which process."""
        for file in (self.path / "times").iterdir():
            for line in file.read_text(encoding="utf-8").splitlines():
                kind, n, when = line.split()
                yield kind, int(n), float(when), int(file.stem)

    def ended(self) -> int:
        return sum(kind == "e" for kind, *_ in self.events())

    def wait(self, running: subprocess.Popen, more: int | None = None) -> None:
        """Until it ends or, with `more`, so many more tasks have ended."""
        end, wanted = time.monotonic() + LIMIT, self.ended() + (more or 0)
        while running.poll() is None and (more is None or self.ended() < wanted):
            if time.monotonic() > end:
                self.hung += 1
                self.kill()
            time.sleep(0.02)

    def go_on(self) -> bool:
        """Start it until it ends well; whether it did."""
        for _ in range(STARTS):
            if self.side.command is SNAKEMAKE:
                subprocess.run([*SNAKEMAKE, "--unlock"], cwd=self.path, capture_output=True)
            running = self.start()
            self.wait(running)
            self.kill()
            if running.returncode == 0:
                return True
        return False

    def result_files(self) -> list[Path]:
        return sorted(file for pattern in self.side.files for file in self.path.glob(pattern))

    def delete_unreadable(self) -> None:
        import pandas

        for file in self.result_files():
            try:
                (pandas.read_pickle if file.suffix == ".pk" else pandas.read_parquet)(file)
            except Exception:
                file.unlink()


# -- faults ---------------------------------------------------------------------------------


def everything_is_killed(study: Study) -> None:
    for _ in range(3):
        running = study.start()
        study.wait(running, more=study.random.randint(1, TASKS // 3))
        study.kill()
        study.faults.append(time.time())
        running.wait()
        if study.side.command is SNAKEMAKE:
            subprocess.run([*SNAKEMAKE, "--unlock"], cwd=study.path, capture_output=True)


def a_task_is_killed(study: Study) -> None:
    running = study.start()
    study.wait(running, more=study.random.randint(1, TASKS // 2))
    last: dict[int, str] = {}
    for kind, _, _, pid in sorted(study.events(), key=lambda event: event[2]):
        last[pid] = kind
    for pid in [pid for pid, kind in last.items() if kind == "s"][:1]:
        os.kill(pid, signal.SIGKILL)
    study.faults.append(time.time())
    study.wait(running)
    study.kill()


def disk_is_full(study: Study) -> None:
    """No file may grow beyond 1,500 bytes from a random moment of the run on."""
    running = study.start()
    study.wait(running, more=study.random.randint(1, TASKS // 2))
    for _ in range(3):
        for process in study.processes():
            try:
                process.rlimit(psutil.RLIMIT_FSIZE, (1500, 1500))
            except psutil.Error:
                continue
    study.faults.append(time.time())
    study.wait(running)
    study.kill()


def two_run_at_once(study: Study) -> None:
    one = study.start()
    time.sleep(study.random.uniform(0, 1))
    two = study.start()
    study.wait(one)
    study.wait(two)
    study.kill()
    study.faults.append(time.time())


def file_is_cut_short(study: Study) -> None:
    study.go_on()
    file = study.random.choice(study.result_files())
    os.truncate(file, file.stat().st_size // 2)
    study.faults.append(time.time())


def file_is_deleted(study: Study) -> None:
    study.go_on()
    study.random.choice(study.result_files()).unlink()
    study.faults.append(time.time())


FAULTS = {
    "everything is killed, three times": everything_is_killed,
    "the process of a task is killed": a_task_is_killed,
    "the disk is full during the run": disk_is_full,
    "two are started at once": two_run_at_once,
    "a file of results is cut to half": file_is_cut_short,
    "a file of results is deleted": file_is_deleted,
}


# -- counting -------------------------------------------------------------------------------


@dataclass
class Count:
    """Of one or more studies; `seconds`: of work lost by one fault, at most."""

    faults: int = 0
    runs: int = 0
    hung: int = 0
    lost: int = 0
    silent: int = 0
    twice: int = 0
    seconds: float = 0.0

    def add(self, other: Count) -> None:
        for name in [field.name for field in fields(self) if field.name != "seconds"]:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds = max(self.seconds, other.seconds)


def suffered(side: Side, fault: Callable[[Study], None], seed: str) -> Count:
    """A study under a fault, gone on with and read."""
    with tempfile.TemporaryDirectory() as name:
        study = Study(side, Path(name), random.Random(seed))
        fault(study)
        well = study.go_on()
        table: Table = {}
        for _ in range(STARTS):
            try:
                table = side.table(study.path)
            except Exception:
                well = False
            if well:
                break
            study.delete_unreadable()
            well = study.go_on()
        wrong = [n for n, row in TRUTH.items() if table.get(n) != [row]]
        return Count(
            faults=len(study.faults),
            runs=study.starts,
            hung=study.hung,
            lost=sum(n not in table for n in TRUTH),
            silent=len(wrong) if well else 0,
            twice=study.ended() - len({n for kind, n, *_ in study.events() if kind == "e"}),
            seconds=max(lost_seconds(study)),
        )


def lost_seconds(study: Study) -> Iterator[float]:
    """For each fault: of what had begun before it, the time of what was begun again after it."""
    events = sorted(study.events(), key=lambda event: event[2])
    bounds = [0.0, *study.faults, float("inf")]
    spent: Counter = Counter()  # seconds of each task, of its last end or of a try cut off
    for before, fault, after in zip(bounds, bounds[1:], bounds[2:], strict=False):
        began: dict[int, float] = {}
        for kind, n, at, _ in events:
            if before < at <= fault and kind == "s":
                began[n] = at
            elif before < at <= fault:
                spent[n] = at - began.pop(n, at)
        cut_off = Counter({n: fault - at for n, at in began.items()})
        again = {n for kind, n, at, _ in events if kind == "s" and fault < at <= after}
        yield sum((spent + cut_off)[n] for n in again)


def report(counts: dict[tuple[str, str], Count]) -> str:
    """The counts as a table of Markdown, all faults together last."""
    names = ["faults", "runs", "hung", "tasks lost", "wrong in silence", "computed twice"]
    lines = [f"| | | {' | '.join(names)} | seconds lost a fault, at most |", "| --- " * 9 + "|"]
    for side in SIDES:
        total = Count()
        for fault in FAULTS:
            total.add(counts[fault, side.name])
        counts["**all**", side.name] = total
    for fault in [*FAULTS, "**all**"]:
        for side in SIDES:
            *numbers, seconds = vars(counts[fault, side.name]).values()
            cells = [
                fault if side is SIDES[0] else "",
                side.name,
                *map(str, numbers),
                f"{seconds:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, help="studies of each side and fault")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--write", type=Path, help="put the table into this file, at its marks")
    given = parser.parse_args()
    counts = {(fault, side.name): Count() for fault in FAULTS for side in SIDES}
    for number in range(given.repeat):
        for fault, cause in FAULTS.items():
            for side in SIDES:
                counts[fault, side.name].add(suffered(side, cause, f"{given.seed}.{number}"))
                print(f"{number + 1}: {fault}: {side.name}", file=sys.stderr, flush=True)
    table = report(counts)
    print(table)
    if given.write:
        put_between_marks(given.write, table)


if __name__ == "__main__":
    main()
