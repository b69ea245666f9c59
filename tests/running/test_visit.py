"""Visits without Snakemake: whom they exclude, how they end early, what is left of them then.

Long: visits in their own processes, with the programs they run written out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from kit import Study, environment
from test_process import check_dead, wait_for

from snakestudy.layout import Layout
from snakestudy.running.crash_counts import CrashCounts
from snakestudy.running.result import RUNNING_RECORD
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.state import State

COMMAND = """\
case $1 in
  signals) grep -E 'Sig(Ign|Blk)' /proc/self/status > $STUDY_DIR/signals.txt ;;
  family) setsid sleep 100 & echo $$ $! > $STUDY_DIR/pids.txt; wait ;;
  terminated*) kill -TERM $$ ;;
  *) true ;;
esac
echo $1 >> $STUDY_DIR/ran.txt
"""
COMMANDS = """\
study: commands
design: {grid: {case: [signals, family, fine]}}
task: {command: [bash, scripts/model.sh, "{case}"]}
chunks: {tasks: 1}
"""
MIXED = ["fine first", *(f"{how} {k}" for k in range(20) for how in ("terminated", "fine"))]
DEATHS = f"""\
study: deaths
design: {{grid: {{case: {MIXED}}}}}
task: {{command: [bash, scripts/model.sh, "{{case}}"]}}
chunks: {{tasks: 41, workers: 1}}
"""
TOLD = """\
study: told
design: {grid: {case: [terminated, family]}}
task: {command: [bash, scripts/model.sh, "{case}"]}
chunks: {tasks: 2, workers: 1}
"""
FUNCTION = """\
import os, subprocess, time
from pathlib import Path


def simulate(params):
    study = Path(os.environ["STUDY_DIR"])
    with (study / "ran.txt").open("a") as file:
        file.write(f"{params['a']}\\n")
    if params["a"] == 2 and not (study / "fixed").exists():
        line = "setsid sleep 100 & echo $$ $! > $STUDY_DIR/pids.txt; wait"
        subprocess.run(["bash", "-c", line])
    if params["a"] % 12 == 0:
        time.sleep(0.6)
    return {"y": params["a"]}
"""
FUNCTIONS = """\
study: functions
design: {grid: {a: [1, 2, 3]}}
task: {function: "scripts/model.py:simulate", metrics: [fit]}
chunks: {tasks: 3, workers: 1}
"""
SLOWER = FUNCTIONS.replace("[1, 2, 3]", "{range: [10, 70]}").replace("tasks: 3", "tasks: 60")
CONFIGS = {
    **{"commands": COMMANDS, "deaths": DEATHS, "told": TOLD},
    **{"functions": FUNCTIONS, "slower": SLOWER},
    "two": FUNCTIONS.replace("workers: 1", "workers: 2"),
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Studies that are planned and did not start."""
    places = {}
    for name, config in CONFIGS.items():
        study = Study(tmp_path_factory.mktemp("planned") / name)
        study.write("scripts/model.sh", COMMAND)
        study.write("scripts/model.py", FUNCTION)
        study.configure(config)
        study.snakemake("plan")
        places[name] = study.path
    return places


@pytest.fixture
def study(planned: dict[str, Path], request: pytest.FixtureRequest, tmp_path: Path) -> Study:
    return Study(shutil.copytree(planned[request.param], tmp_path / "study", symlinks=True))


of = pytest.mark.parametrize
commands = of("study", ["commands"], indirect=True)
deaths = of("study", ["deaths"], indirect=True)
told = of("study", ["told"], indirect=True)
two = of("study", ["two"], indirect=True)
slower = of("study", ["slower"], indirect=True)
functions = of("study", ["functions"], indirect=True)


def layout(study: Study) -> Layout:
    return Layout(study.path / "results", study.path / "runs", study.path / "logs")


def chunk_of(study: Study, case: str) -> str:
    """The chunk of a case, where each has its own."""
    for path in layout(study).manifests():
        if Manifest.load(path).values("case") == [case]:
            return path.stem
    raise LookupError(case)


def start(study: Study, chunk: str = "00000", manifest: str | None = None) -> subprocess.Popen:
    """Begin a visit as rule `run` does; what it says goes to said.txt."""
    manifest = manifest or f"results/plan/chunks/{chunk}.parquet"
    arguments = ["run", "run", "results", "runs", manifest, f"logs/run/{chunk}.log", "1"]
    with (study.path / "said.txt").open("w") as said:
        command = [sys.executable, "-m", "snakestudy", *arguments]
        return subprocess.Popen(
            command, cwd=study.path, env=environment(), stdout=said, stderr=said
        )


def visit(study: Study, chunk: str = "00000", manifest: str | None = None) -> tuple[int, str]:
    """A visit from begin to end: its exit status, and what it said."""
    status = start(study, chunk, manifest).wait(60)
    return status, (study.path / "said.txt").read_text()


def store(study: Study, chunk: str = "00000") -> Store:
    return Store(layout(study).chunk_store(chunk))


def statuses(study: Study, chunk: str = "00000") -> list[str]:
    return sorted(store(study, chunk).last_rows()["status"].to_pylist())


# -- whom a visit excludes, and what excludes it ------------------------------------------------


@functions
def test_chunk_that_another_process_holds_is_not_visited(study: Study) -> None:
    study.write("fixed", "")
    with store(study).lock():
        status, said = visit(study)
    assert (status, "chunk 00000 is being visited by another job" in said) == (1, True), said
    assert f"process {os.getpid()}" in said
    assert not study.ran()
    assert visit(study) == (0, "")
    assert study.ran() == {"1": 1, "2": 1, "3": 1}


@functions
@pytest.mark.parametrize("newer", ["other orders", "none"])
def test_visit_does_not_publish_over_newer_orders_and_keeps_its_rows(
    study: Study, newer: str
) -> None:
    study.write("fixed", "")
    published = layout(study).manifest("00000")
    shutil.copy(published, study.path / "00000.parquet")
    if newer == "none":
        published.unlink()
    else:
        manifest = Manifest.load(published)
        spec = replace(manifest.spec, on_failure="stop")
        Manifest(spec, manifest.table).save(published)
    status, said = visit(study, manifest="00000.parquet")
    assert (status, "a newer plan has orders for this chunk" in said) == (1, True), said
    assert statuses(study) == ["success"] * 3
    assert not (study.path / "results/fit").exists()
    assert State.load(store(study).directory) is None


# -- killed ------------------------------------------------------------------------------------


@commands
def test_command_and_its_children_die_with_a_killed_visit(study: Study) -> None:
    running = start(study, chunk_of(study, "family"))
    pids = wait_for(study.path / "pids.txt")
    running.kill()
    check_dead(pids)


@functions
def test_children_of_a_function_die_with_a_killed_visit(study: Study) -> None:
    running = start(study)
    pids = wait_for(study.path / "pids.txt")
    running.kill()
    check_dead(pids)


@functions
def test_visit_that_ends_early_leaves_a_state_that_no_manifest_has(study: Study) -> None:
    study.write("fixed", "")
    visit(study)
    directory = store(study).directory
    before = State.load(directory)
    assert before is not None
    assert before.manifest == Manifest.load(layout(study).manifest("00000")).hash
    (study.path / "fixed").unlink()
    study.ran()
    shutil.rmtree(store(study).parts)  # its rows are lost: they are computed again
    running = start(study)
    wait_for(study.path / "pids.txt")
    running.kill()
    after = State.load(directory)
    assert after is not None
    assert (after.manifest, after.links) == ("", {})
    assert after.steps == before.steps
    study.write("fixed", "")
    assert visit(study)[0] == 0
    ended = State.load(directory)
    assert ended is not None
    assert ended.manifest == before.manifest


@functions
def test_crash_is_counted_by_the_next_visit_and_forgotten_by_one_that_ends(study: Study) -> None:
    manifest = Manifest.load(layout(study).manifest("00000"))
    task_id = dict(zip(manifest.values("a"), manifest.ids, strict=True))[2]
    digest = manifest.spec.steps["run"].digest

    def counts(current: str = digest) -> CrashCounts:
        return CrashCounts(store(study).directory, "run", current, [current])

    for known in (set(), {task_id}):
        running = start(study)
        wait_for(study.path / "pids.txt")
        running.kill()
        check_dead((study.path / "pids.txt").read_text())
        (study.path / "pids.txt").unlink()
        assert [counts().take_stock() for _ in range(3)] == [known] * 3, "each counts once"
    status, said = visit(study)
    assert (status, said) == (0, "")
    assert statuses(study) == ["failure", "success", "success"]
    assert counts().take_stock() == set()


@two
def test_worker_that_waits_is_at_no_task(study: Study) -> None:
    running = start(study)
    pids = wait_for(study.path / "pids.txt")
    second = Manifest.load(layout(study).manifest("00000")).values("a").index(2)
    records = store(study).directory / "running"

    def indices() -> list[int]:
        return sorted(index for index, *_ in RUNNING_RECORD.iter_unpack(records.read_bytes()))

    end = time.monotonic() + 10
    while indices() != [0, second + 1]:
        assert time.monotonic() < end, indices()
        time.sleep(0.05)
    running.kill()
    check_dead(pids)


@functions
def test_crashes_of_other_code_do_not_count(study: Study) -> None:
    directory = store(study).directory
    running = start(study)
    wait_for(study.path / "pids.txt")
    running.kill()
    check_dead((study.path / "pids.txt").read_text())
    records = (directory / "running").read_bytes()
    digest = Manifest.load(layout(study).manifest("00000")).spec.steps["run"].digest

    def crash(ran: str) -> set[str]:
        (directory / "running").write_bytes(records)
        return CrashCounts(directory, "run", ran, [ran]).take_stock()

    assert [len(crash("other")) for _ in range(3)] == [0, 0, 0]
    assert [len(crash(digest)) for _ in range(3)] == [0, 1, 1]
    assert len(crash("other")) == 0


# -- asked to end --------------------------------------------------------------------------------


@functions
def test_visit_that_is_asked_to_end_keeps_what_is_done_and_leaves_nothing_running(
    study: Study,
) -> None:
    running = start(study)
    pids = wait_for(study.path / "pids.txt")
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 1
    assert "ended by SIGTERM; the finished tasks are kept" in (study.path / "said.txt").read_text()
    check_dead(pids)
    assert study.ran() == {"1": 1, "2": 1}
    study.write("fixed", "")
    visit(study)
    assert study.ran()["2"] == 1
    assert statuses(study) == ["success"] * 3


@told
def test_deaths_by_sigterm_that_a_visit_sees_before_its_own_signal_are_no_failures(
    study: Study,
) -> None:
    running = start(study)
    wait_for(study.path / "pids.txt")  # the second task has begun: the first one's end is known
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 1
    assert "ended by SIGTERM" in (study.path / "said.txt").read_text()
    assert statuses(study) == []


@functions
def test_process_that_forks_workers_ignores_what_is_sent_to_a_whole_job(study: Study) -> None:
    running = start(study)
    shell, _ = wait_for(study.path / "pids.txt").split()
    (server,) = psutil.Process(running.pid).children()
    for number in (signal.SIGTERM, signal.SIGINT):
        server.send_signal(number)
    time.sleep(0.2)
    worker = psutil.Process(int(shell)).parent()
    assert worker is not None
    worker.kill()  # then another one is needed
    assert running.wait(20) == 0
    assert statuses(study) == ["failure", "success", "success"]


@functions
def test_visit_that_is_asked_to_end_does_not_wait_for_a_worker_that_cannot_hear(
    study: Study,
) -> None:
    lines = ["import ctypes", "(study / 'pids.txt').write_text('\\n')"]
    held = "\n    ".join([*lines, "ctypes.PyDLL(None).sleep(100)  # with Python's lock"])
    study.edit("scripts/model.py", "    if params", f"    {held}\n    if params")
    study.snakemake("plan")
    running = start(study)
    wait_for(study.path / "pids.txt")
    begin = time.monotonic()
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 1
    assert time.monotonic() - begin < 4.5


@deaths
def test_deaths_by_sigterm_alone_are_failures_and_hold_up_no_fellow(study: Study) -> None:
    assert visit(study) == (0, "")
    assert statuses(study) == ["failure"] * 20 + ["success"] * 21
    table = study.table("metadata/run")
    assert set(table["error"].dropna()) == {"killed by SIGTERM"}
    assert set(table["exit_code"]) == {0, -15}
    span = table["started"].max() - table["started"].min()
    assert span.total_seconds() < 20 * 0.5, "every death was waited for"


# -- over its workers ----------------------------------------------------------------------------


@slower
def test_tasks_that_a_worker_gives_back_run_once_each(study: Study) -> None:
    assert visit(study) == (0, "")  # where tasks were quick many are given, and one takes long
    assert study.ran() == {str(a): 1 for a in range(10, 70)}
    assert statuses(study) == ["success"] * 60


# -- what a task finds ---------------------------------------------------------------------------


@commands
def test_no_signal_is_ignored_or_blocked_in_a_command(study: Study) -> None:
    visit(study, chunk_of(study, "signals"))
    lines = (study.path / "signals.txt").read_text().splitlines()
    own = 2**31 - 1  # those above are the C library's
    masks = {line.split()[0]: int(line.split()[1], 16) & own for line in lines}
    assert masks == {"SigBlk:": 0, "SigIgn:": 0}


@functions
def test_worker_that_is_interrupted_alone_is_its_task_s_failure(study: Study) -> None:
    running = start(study)
    shell, _ = wait_for(study.path / "pids.txt").split()
    worker = psutil.Process(int(shell)).parent()
    assert worker is not None
    worker.send_signal(signal.SIGINT)
    assert running.wait(20) == 0
    assert statuses(study) == ["failure", "success", "success"]
    table = study.table("metadata/run")
    assert table["error"].dropna().to_list() == ["its process ended: killed by SIGINT"]
    assert study.ran() == {"1": 1, "2": 1, "3": 1}
