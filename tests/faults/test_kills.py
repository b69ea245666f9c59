"""Whatever is killed, whenever: the tables end as those of an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from kit import ROOT, Study, environment

TASKS = 24
SECONDS = 0.4
FUNCTION = f"""\
import os, time


def simulate(p):
    study = os.environ["STUDY_DIR"]
    with open(f"{{study}}/ran.txt", "a") as file:
        file.write(f"{{os.environ['STUDY_TASK_ID']}}\\n")
    time.sleep({SECONDS})
    with open(f"{{study}}/ended.txt", "a") as file:
        file.write(f"{{os.environ['STUDY_TASK_ID']}}\\n")
    return {{"y": p["a"] ** 2, "t": "x" * (p["a"] % 3)}}
"""
COMMAND = f"""\
echo $STUDY_TASK_ID >> $STUDY_DIR/ran.txt
sleep {SECONDS}
echo $STUDY_TASK_ID >> $STUDY_DIR/ended.txt
echo y,t > fit.csv
echo $(( $1 * $1 )),a$1 >> fit.csv
"""


def make(path: Path, kind: str) -> Study:
    study = Study(path)
    study.write("scripts/model.py", FUNCTION)
    study.write("scripts/model.sh", COMMAND)
    what = {
        "function": "function: scripts/model.py:simulate\n  metrics: [fit]",
        "command": 'command: [bash, scripts/model.sh, "{a}"]\n  metrics: {fit: fit.csv}',
    }
    study.write(
        "config/config.yaml",
        f"study: kills\ndesign: {{seeds: {TASKS}, where: a >= 0}}\nderive: {{a: seed}}\n"
        f"task:\n  {what[kind]}\nchunks: {{tasks: {TASKS // 2}, workers: 1}}\n",
    )
    return study


def tables(study: Study) -> list[tuple]:
    """All rows of the metric, and how each task went: what a user reads in the end."""
    fit = study.table("fit")
    metadata = study.table("metadata")[["task_id", "status", "error", "exit_code"]]
    rows = fit.merge(metadata, on="task_id").astype(object)
    return sorted(map(tuple, rows.where(rows.notna(), None).to_numpy().tolist()), key=str)


@pytest.fixture(scope="module", params=["function", "command"])
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    study = make(tmp_path_factory.mktemp("undisturbed"), request.param)
    study.snakemake()
    assert len(study.ran()) == TASKS
    return request.param, tables(study)


@pytest.fixture
def study(undisturbed: tuple, tmp_path: Path) -> Iterator[Study]:
    study = make(tmp_path / "study", undisturbed[0])
    yield study
    for process in processes(study):
        process.kill()


def processes(study: Study) -> list[psutil.Process]:
    """All that runs for a study: its scheduler, visits, workers and tasks."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = Path(process.cwd()).is_relative_to(study.path)
            # A forked worker has the environment its visit was started with.
            environ = process.environ()
            own = str(study.path) in (environ.get("STUDY_DIR"), environ.get("PWD"))
            if process.pid != os.getpid() and (inside or own):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def named(words: str) -> Callable[[Study], list[psutil.Process]]:
    def find(study: Study) -> list[psutil.Process]:
        found = []
        for process in processes(study):
            try:
                if words in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    return find


def visiting(depth: int) -> Callable[[Study], list[psutil.Process]]:
    """Visits; at depth 1 what forks their workers; at depth 2 the workers."""
    find = named("-m snakestudy run")

    def at_depth(study: Study) -> list[psutil.Process]:
        found = {process.pid: process for process in find(study)}
        depths = {
            pid: sum(parent.pid in found for parent in process.parents())
            for pid, process in found.items()
        }
        return [process for pid, process in found.items() if depths[pid] == depth]

    return at_depth


VICTIMS: dict[str, Callable[[Study], list[psutil.Process]]] = {
    "scheduler": named("-m snakemake"),
    "visit": lambda study: visiting(0)(study)[-1:],
    "fork server": lambda study: visiting(1)(study)[:1],
    "worker": lambda study: visiting(2)(study)[:1],
    "task": lambda study: named("model.sh")(study)[:1],
    "everything": processes,
}


def start(study: Study) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2"]
    log = (study.path / "said.txt").open("ab")
    return subprocess.Popen(
        command, cwd=study.path, env=environment(), stdout=log, stderr=log, start_new_session=True
    )


def wait_for(study: Study, ended: int, seconds: float = 60) -> None:
    """Until so many tasks have ended."""
    limit = time.monotonic() + seconds
    file = study.path / "ended.txt"
    while not file.exists() or len(file.read_text().split()) < ended:
        assert time.monotonic() < limit, (study.path / "said.txt").read_text()
        time.sleep(0.05)


def quiet(study: Study, seconds: float = 20) -> None:
    """Until nothing of the study runs any more."""
    limit = time.monotonic() + seconds
    while left := processes(study):
        assert time.monotonic() < limit, [process.cmdline() for process in left]
        time.sleep(0.1)


def finish(study: Study) -> None:
    """As a user would: unlock, run; once more if a task was counted as failed."""
    study.snakemake("--unlock", ok=None)
    study.snakemake(ok=None)
    study.snakemake()


def runs(study: Study) -> Counter:
    return Counter((study.path / "ran.txt").read_text().split())


@pytest.mark.parametrize("victim", list(VICTIMS))
@pytest.mark.parametrize("ended", [1, 8])
def test_killed_at_once_and_finished_later(
    undisturbed: tuple, study: Study, victim: str, ended: int
) -> None:
    kind, wanted = undisturbed
    if victim == "task" and kind == "function":
        pytest.skip("a function's task is its worker")
    running = start(study)
    wait_for(study, ended)
    for process in VICTIMS[victim](study):
        with suppress(psutil.NoSuchProcess):  # ended with one that was killed before it
            process.kill()
    before = len((study.path / "ended.txt").read_text().split())
    if victim in ("scheduler", "everything"):
        running.wait()
        for process in named("snakestudy run")(study):
            process.wait(60)
    else:
        running.wait()
    quiet(study)
    finish(study)
    assert tables(study) == wanted
    again = sum(runs(study).values()) - TASKS
    assert again <= min(before, 2 * 5 / SECONDS) + 2, "more than the last five seconds was lost"


def test_everything_killed_three_times_in_a_row(undisturbed: tuple, study: Study) -> None:
    for ended in (2, 6, 10):
        running = start(study)
        wait_for(study, ended)
        for process in processes(study):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        running.wait()
        quiet(study)
        study.snakemake("--unlock", ok=None)
    finish(study)
    assert tables(study) == undisturbed[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("times", [1, 2])
def test_asked_to_end_it_ends_and_loses_no_finished_task(
    undisturbed: tuple, study: Study, number: int, times: int
) -> None:
    running = start(study)
    wait_for(study, 4)
    for _ in range(times):
        os.killpg(running.pid, number)
        time.sleep(0.3)
    assert running.wait(60) != 0
    quiet(study)
    ended = Counter((study.path / "ended.txt").read_text().split())
    finish(study)
    assert tables(study) == undisturbed[1]
    if times == 1:
        lost = [task for task in ended if runs(study)[task] > 1]
        assert len(lost) <= 2, "only what ended in the last moment may be lost"


def test_scheduler_killed_and_started_again_while_the_old_visits_run(
    undisturbed: tuple, study: Study
) -> None:
    running = start(study)
    wait_for(study, 2)
    for process in VICTIMS["scheduler"](study):
        process.kill()
    running.wait()
    study.snakemake("--unlock", ok=None)
    study.snakemake(ok=None)
    quiet(study, 60)
    finish(study)
    assert tables(study) == undisturbed[1]
    assert sum(runs(study).values()) - TASKS <= 2 * 5 / SECONDS


def test_two_snakemakes_at_once_run_no_task_twice(undisturbed: tuple, study: Study) -> None:
    one, two = start(study), start(study)
    assert sorted([one.wait(120) != 0, two.wait(120) != 0]) in ([False, True], [True, True])
    finish(study)
    assert tables(study) == undisturbed[1]
    assert set(runs(study).values()) == {1}
