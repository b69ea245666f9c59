"""On a real SLURM: what comes out is what comes out here, whatever happens there.

Run by `make test-slurm`, which starts the cluster (see cluster.py).

Long: one cluster serves all of it.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cluster
import psutil
import pytest
from cluster import said
from kit import ROOT, Study, environment

MODEL = """\
import os, time
from pathlib import Path

STUDY = Path(os.environ["STUDY_DIR"])
LAPTOP = (STUDY / "laptop").exists()


def note(what, p):
    with (STUDY / f"{what}.txt").open("a") as file:
        file.write(f"{p['x']}\\n")


def simulate(p):
    note("ran", p)
    if not LAPTOP:
        time.sleep(p["sleep"])
        if p["x"] == p["large"]:
            block = bytearray(900_000_000)
            block[::4096] = bytes(len(block[::4096]))
            time.sleep(10)
    note("ended", p)
    return {"y": p["x"] ** 2}
"""
CLUSTER = ["--workflow-profile", "slurm"]


@pytest.fixture(scope="session", autouse=True)
def daemons() -> None:
    if not cluster.up_nodes():
        pytest.exit("no cluster: python tests/slurm/cluster.py up", returncode=1)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """A study on the cluster; whatever is left of it is ended."""
    made = []

    def make(config: str, site: str = "slurm_partition: main\n") -> Study:
        study = Study(tmp_path / f"study{len(made)}")
        study.write("scripts/model.py", MODEL)
        study.configure(config)
        study.write("config/site.yaml", site)
        made.append(study)
        return study

    yield make
    for study in made:
        for job in jobs(study):
            subprocess.run(["scancel", job], check=True)


def start(study: Study, *arguments: str) -> subprocess.Popen:
    """Start snakemake: on the cluster, unless cores or an executor are named."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    return subprocess.Popen(
        [*command, *(() if {"--cores", "--executor"} & {*arguments} else CLUSTER), *arguments],
        cwd=study.path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=(study.path / "said.txt").open("ab"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Shells let what they start in the background ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def finish(study: Study, *arguments: str, seconds: float = 300) -> None:
    """Run snakemake on the cluster to its good end."""
    status = start(study, *arguments).wait(seconds)
    assert status == 0, (study.path / "said.txt").read_text()


def jobs(study: Study, states: str = "all") -> list[str]:
    """The numbers of the study's jobs in the queue."""
    lines = said("squeue", "-h", "-t", states, "-o", "%i|%T|%Z").splitlines()
    fields = [line.split("|") for line in lines]
    over = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED")
    return [job for job, state, place in fields if place == str(study.path) and state not in over]


def node_of(job: str) -> str:
    return said("squeue", "-h", "-j", job, "-o", "%N").strip()


def noted(study: Study, what: str = "ran") -> Counter:
    """How often each task began (`ran`) or came to its end (`ended`)."""
    file = study.path / f"{what}.txt"
    return Counter(map(int, file.read_text().split())) if file.exists() else Counter()


def wait_for(study: Study, running: subprocess.Popen, ended: int, seconds: float = 120) -> None:
    """Until so many tasks have ended."""
    limit = time.monotonic() + seconds
    while sum(noted(study, "ended").values()) < ended:
        well = running.poll() is None and time.monotonic() < limit
        assert well, (study.path / "said.txt").read_text()
        time.sleep(0.1)


def tables(study: Study) -> list[tuple]:
    rows = study.table("fit").merge(study.table("metadata")[["task_id", "status"]], on="task_id")
    return sorted(map(tuple, rows[["task_id", "x", "y", "status"]].to_numpy().tolist()))


def here(study: Study) -> list[tuple]:
    """The tables of the same study, run on this machine's cores."""
    own = Study(study.path.with_name("laptop"))
    for name in ("config", "scripts"):
        shutil.copytree(study.path / name, own.path / name)
    own.write("laptop", "")
    own.snakemake()
    return tables(own)


def config(tasks: int, chunk: int, sleep: float = 0, task: str = "", large: int = -1) -> str:
    return f"""\
    study: on-slurm
    design: {{grid: {{x: {{range: [0, {tasks}]}}, sleep: {sleep}, large: {large}}}}}
    task: {{function: "scripts/model.py:simulate", metrics: [fit]{task}}}
    chunks: {{tasks: {chunk}}}
    """


def test_2000_tasks_over_16_slots_give_the_tables_of_a_laptop(make: Callable) -> None:
    study = make(config(tasks=2000, chunk=125))
    finish(study, "--jobs", "16")
    assert noted(study) == dict.fromkeys(range(2000), 1)
    assert len(list((study.path / "results/fit").iterdir())) == 16
    assert tables(study) == here(study)


def test_walltime_exceeded_the_next_job_goes_on(make: Callable) -> None:
    study = make(
        config(tasks=2, chunk=2, sleep=40, task=", grace: 0"),
        site="slurm_partition: main\nruntime: 1\n",
    )
    finish(study, seconds=400)
    states = of_jobs(study, "%T")
    assert states[0] == "TIMEOUT"
    assert states[-1] == "COMPLETED"
    assert set(noted(study, "ended").values()) == {1}
    assert sum(noted(study).values()) <= 2 + states.count("TIMEOUT"), "what had ended ran again"
    assert tables(study) == here(study)


def test_memory_exceeded_the_job_is_repeated_with_more(make: Callable) -> None:
    study = make(config(tasks=4, chunk=4, sleep=3, large=3, task=", mem_mb: 500"))
    finish(study)
    assert of_jobs(study, "%m")[:2] == ["1100M", "1600M"]
    assert noted(study)[3] == 2
    assert [noted(study)[task] for task in (0, 1)] == [1, 1], "but for the last five seconds"
    assert tables(study) == here(study)


def test_task_killed_for_its_memory_runs_again_in_a_job_with_more(make: Callable) -> None:
    study = make(config(tasks=3, chunk=3, sleep=2, task=", mem_mb: 100"))
    running = start(study)
    wait_for(study, running, 1)
    of_visit(study)[-1].kill()  # the worker, as the kernel does where a job has a cgroup
    assert running.wait(200) == 0
    assert of_jobs(study, "%m") == ["700M", "800M"]
    assert set(noted(study, "ended").values()) == {1}
    assert sorted(noted(study).values()) == [1, 1, 2]
    assert tables(study) == here(study)


def running_with_four_ended(make: Callable) -> tuple[Study, subprocess.Popen, Counter]:
    """A study of two jobs of which four tasks have ended, its snakemake, and these tasks."""
    study = make(config(tasks=12, chunk=6, sleep=2))
    running = start(study)
    wait_for(study, running, 4)
    return study, running, noted(study, "ended")


def check_kept(study: Study, before: Counter) -> None:
    """No task ended twice, what had ended before did not run again, the tables are right."""
    assert all(noted(study)[task] == 1 for task in before)
    assert set(noted(study, "ended").values()) == {1}
    assert tables(study) == here(study)


def test_scancel_of_one_job_nothing_hangs_and_finished_tasks_are_kept(make: Callable) -> None:
    study, running, before = running_with_four_ended(make)
    subprocess.run(["scancel", jobs(study, "running")[0]], check=True)
    assert running.wait(200) == 0, (study.path / "said.txt").read_text()
    assert len(submitted(study)) == 3
    check_kept(study, before)


def test_node_dies_and_its_jobs_go_on_elsewhere(make: Callable) -> None:
    study = make(config(tasks=8, chunk=8, sleep=3), site="slurm_partition: doomed\n")
    running = start(study)
    wait_for(study, running, 3)
    time.sleep(6)  # a part a visit keeps is at most five seconds old
    before = noted(study, "ended")
    node = node_of(jobs(study, "running")[0])
    cluster.stop(node, signal.SIGKILL)
    for process in of_visit(study):
        process.kill()
    try:
        assert running.wait(300) == 0, (study.path / "said.txt").read_text()
    finally:
        cluster.start_node(node)
    assert len(submitted(study)) == 2
    assert sum(noted(study).values()) <= 8 + 3, "more than the last five seconds was lost"
    assert sum(before.values()) >= 4
    assert tables(study) == here(study)


def test_drained_partition_waits_and_a_new_snakemake_finishes(make: Callable) -> None:
    study = make(config(tasks=4, chunk=2), site="slurm_partition: other\n")
    subprocess.run(["scontrol", "update", "partition=other", "state=drain"], check=True)
    try:
        assert start(study).wait(200) != 0
        assert "not available (inactive or drain)" in (study.path / "said.txt").read_text()
        subprocess.run(["scontrol", "update", "partition=other", "state=down"], check=True)
        running = start(study)
        cluster.until("jobs wait", lambda: len(jobs(study, "pending")) == 2)
        assert not noted(study)
    finally:
        subprocess.run(["scontrol", "update", "partition=other", "state=up"], check=True)
    assert running.wait(200) == 0, (study.path / "said.txt").read_text()
    assert noted(study) == dict.fromkeys(range(4), 1)
    assert tables(study) == here(study)


def test_snakemake_killed_and_started_again_runs_no_task_twice_at_once(make: Callable) -> None:
    study = make(config(tasks=10, chunk=10, sleep=3))
    running = start(study)
    wait_for(study, running, 2)
    running.kill()
    running.wait()
    assert start(study, "--unlock").wait(60) == 0
    assert start(study, "--retries", "0").wait(200) != 0, "the first job holds the chunk"
    text = (study.path / "said.txt").read_text()
    assert f"job {submitted(study)[0]}" in text, "the message names the job that holds it"
    cluster.until("the first job is over", lambda: not jobs(study))
    finish(study)
    assert noted(study) == dict.fromkeys(range(10), 1)
    assert tables(study) == here(study)


def test_preempted_job_is_repeated(make: Callable) -> None:
    study = make(config(tasks=6, chunk=6, sleep=2), site="slurm_partition: low\n")
    running = start(study)
    wait_for(study, running, 2)
    others = ["sbatch", "--partition", "high", "--exclusive", "--wrap", "sleep 5"]
    subprocess.run([*others, "--output", "/dev/null"], check=True)
    assert running.wait(200) == 0, (study.path / "said.txt").read_text()
    states = of_jobs(study, "%T")
    assert states[0] == "PREEMPTED"
    assert sum(noted(study).values()) <= 6 + 3, "more than the last five seconds was lost"
    assert tables(study) == here(study)


@pytest.mark.alone
def test_cluster_without_accounting_ends_all_the_same(make: Callable) -> None:
    study = make(config(tasks=4, chunk=2))
    cluster.stop("slurmdbd")  # sacct fails at every look, squeue does not
    try:
        finish(study)
    finally:
        cluster.start("slurmdbd", ["slurmdbd", "-D"])
    assert tables(study) == here(study)


def test_resources_of_study_and_site_reach_the_job(make: Callable) -> None:
    study = make(
        config(tasks=1, chunk=1, task=", threads: 2, mem_mb: 300, runtime: 10m")
        + "resources: {gpu: 1}\n",
        site="slurm_partition: other\nslurm_extra: --nice=7\n",
    )
    finish(study)
    format_value = said("scontrol", "show", "job", submitted(study)[0])
    for text in ("Partition=other", "Nice=7", "mem=900M", "cpu=2", "TresPerJob=gres:gpu:1"):
        assert text in format_value, format_value
    assert "TimeLimit=00:15:00" in format_value


def test_tasks_start_steps_of_their_own(make: Callable) -> None:
    command = '[srun, --ntasks, "1", --cpus-per-task, "2", printenv, SLURM_STEP_ID]'
    study = make(
        f"study: s\ndesign: {{grid: {{x: [1]}}}}\ntask: {{command: {command}, threads: 2}}\n"
    )
    finish(study, seconds=60)
    (printed,) = study.path.glob("runs/**/stdout.log")
    assert printed.read_text() == "0\n"


def test_other_schedulers_through_their_plugins(make: Callable) -> None:
    study = make(config(tasks=8, chunk=2))
    submit = (
        "sbatch --parsable --output /dev/null --partition {resources.slurm_partition} --mem 900"
    )
    generic = ["--executor", "cluster-generic", "--jobs", "4", "--workflow-profile", "none"]
    finish(study, *generic, "--cluster-generic-submit-cmd", submit, "--latency-wait", "30")
    assert noted(study) == dict.fromkeys(range(8), 1)
    assert tables(study) == here(study)


def test_ctrl_c_cancels_the_jobs_and_keeps_finished_tasks(make: Callable) -> None:
    study, running, before = running_with_four_ended(make)
    running.send_signal(signal.SIGINT)
    assert running.wait(90) != 0
    cluster.until("no job is left", lambda: not jobs(study))
    finish(study)
    check_kept(study, before)


@pytest.mark.alone
def test_slurmctld_restarted_nothing_runs_again(make: Callable) -> None:
    study = make(config(tasks=12, chunk=6, sleep=2))
    running = start(study)
    wait_for(study, running, 2)
    cluster.stop("slurmctld")
    time.sleep(8)
    cluster.start("slurmctld", ["slurmctld", "-D"])
    assert running.wait(200) == 0, (study.path / "said.txt").read_text()
    assert noted(study) == dict.fromkeys(range(12), 1)
    assert tables(study) == here(study)


def test_chunks_that_never_started_are_cut_anew_for_the_cluster(make: Callable) -> None:
    study = make(config(tasks=32, chunk="auto", sleep=1))
    running = start(study, "--cores", "1")
    wait_for(study, running, 2)
    running.send_signal(signal.SIGINT)
    running.wait(60)
    cut = {path.stem for path in (study.path / "results/plan/chunks").iterdir()}
    assert len(cut) == 4, "four chunks for one core"
    finish(study, "--jobs", "4")
    chunks = list((study.path / "results/fit").iterdir())
    assert len(chunks) == 1 + 12, "the one that was started; the 24 tasks left, for 16 chunks"
    assert set(noted(study, "ended").values()) == {1}


CHECKPOINTS = """\
import json, os, signal, sys, time
from pathlib import Path

study, state = Path(os.environ["STUDY_DIR"]), Path("state.txt")
done = int(state.read_text()) if state.exists() else 0
with (study / "tries.txt").open("a") as file:
    file.write(f"{os.environ['STUDY_ATTEMPT']} {done} {os.environ.get('STUDY_DEADLINE', 0)}\\n")
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(time.time()))
while done < 100 and not told:
    time.sleep(0 if (study / "laptop").exists() else 1)
    done += 1
state.write_text(str(done))
if told:
    with (study / "told.txt").open("a") as file:
        file.write(f"{told[0]}\\n")
    sys.exit(3)
Path("fit.csv").write_text(f"y\\n{done}\\n")
"""


def test_program_with_checkpoints_needs_three_walltimes(make: Callable) -> None:
    study = make(
        """\
        study: checkpoints
        design: {grid: {x: [1]}}
        task:
          command: [python, scripts/model.py]
          metrics: {fit: fit.csv}
          restart: continue
          grace: 10s
        """,
        site="slurm_partition: main\nruntime: 1\n",
    )
    study.write("scripts/model.py", CHECKPOINTS)
    finish(study, seconds=500)
    tries = [line.split() for line in (study.path / "tries.txt").read_text().splitlines()]
    assert [attempt for attempt, _, _ in tries] == ["1", "2", "3"]
    assert 0 == int(tries[0][1]) < int(tries[1][1]) < int(tries[2][1])
    told = list(map(float, (study.path / "told.txt").read_text().split()))
    ends = [float(deadline) for _, _, deadline in tries]
    assert all(end - 12 < time < end - 8 for time, end in zip(told, ends, strict=False))
    assert tables(study) == here(study)


def submitted(study: Study) -> list[str]:
    """The numbers of all jobs that were submitted for chunks, in their order."""
    text = (study.path / "said.txt").read_text()
    return re.findall(r"submitted with SLURM jobid (\d+)", text)


def of_jobs(study: Study, field: str) -> list[str]:
    """A field of squeue's for each job that was submitted."""
    ask = ["squeue", "-h", "-t", "all", "-o", field, "-j"]
    return [said(*ask, job).strip() for job in submitted(study)]


def of_visit(study: Study) -> list[psutil.Process]:
    """The study's visit, what forks its workers, and the workers."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if words[1:4] == ["-m", "snakestudy", "run"] and process.cwd() == str(study.path):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    first = min(found, key=lambda process: len(process.parents()))
    return [first, *first.children(recursive=True)]
