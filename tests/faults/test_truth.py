"""Histories after which rows could tell of another study than the one that made them.

Long: each history is a scenario of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from kit import CONFIG, ROOT, Study, environment

from snakestudy.values import task_id

CONFIGURATION = "config/config.yaml"
TIMES_K = """\
import os, time


def simulate(p):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(os.environ["STUDY_TASK_ID"] + "\\n")
    time.sleep(SLEEP)
    return {METRICS}
K, SLEEP = 1, 0
""".replace("{METRICS}", '{"y": p["a"] * K}')
FOUR = """\
study: small
design: {grid: {a: [1, 2, 3, 4]}}
task: {function: "scripts/model.py:simulate", metrics: [fit]}
chunks: {tasks: 4}
on_change: rerun
"""
OWN_INPUT = """\
import os, time


def simulate(p):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(os.environ["STUDY_TASK_ID"] + "\\n")
    time.sleep(3 if p["a"] == 1 and os.path.exists(os.environ["STUDY_DIR"] + "/slow") else 0)
    return {"y": int(open(f"{p['a']}.dat").read())}
"""
ALL = [task_id({"a": a}) for a in (1, 2, 3, 4)]


@pytest.fixture
def four(study: Study) -> Study:
    """y = a * K for four tasks in one chunk, run."""
    study.write("scripts/model.py", TIMES_K)
    study.configure(FOUR)
    study.snakemake()
    assert ys(study) == {1: 1, 2: 2, 3: 3, 4: 4}
    study.ran()
    return study


@pytest.fixture
def own(study: Study) -> Study:
    """y = what the task's own input file says, run."""
    study.write("scripts/model.py", OWN_INPUT)
    for a in (1, 2, 3, 4):
        study.write(f"inits/{a}.dat", str(a))
    study.configure(FOUR.replace("metrics: [fit]", 'metrics: [fit], inputs: ["inits/{a}.dat"]'))
    study.snakemake()
    study.ran()
    return study


def ys(study: Study) -> dict:
    return dict(study.table("fit")[["a", "y"]].to_numpy().tolist())


def start(study: Study) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=study.path, env=environment(), stdout=quiet, stderr=quiet)


def kill_when_started(study: Study, tasks: int) -> None:
    """Start snakemake, and kill everything once so many tasks have begun."""
    running, file = start(study), study.path / "ran.txt"
    limit = time.monotonic() + 60
    while not file.exists() or len(file.read_text().split()) < tasks:
        assert time.monotonic() < limit
        time.sleep(0.05)
    time.sleep(0.3)
    for process in [*psutil.Process(running.pid).children(recursive=True), running]:
        process.kill()
    running.wait()
    time.sleep(0.5)
    study.snakemake("--unlock")


# on_change: keep, and what comes after it


@pytest.mark.parametrize("order", ["keep, then a metric", "both at once"])
def test_kept_rows_and_a_new_metric_never_take_one_code_for_another(
    four: Study, order: str
) -> None:
    both = '{n: {"y": p["a"] * K} for n in os.environ["NAMES"].split()}'
    four.write("scripts/model.py", TIMES_K.replace('{"y": p["a"] * K}', both))
    four.configure(FOUR.replace("metrics: [fit]", "metrics: [fit], env: {NAMES: fit}"))
    four.snakemake()
    four.ran()
    more = FOUR.replace("metrics: [fit]", "metrics: [fit, extra], env: {NAMES: fit extra}")
    four.edit("scripts/model.py", "K, SLEEP = 1", "K, SLEEP = 100")
    if order == "both at once":
        four.configure(more)
    said = four.snakemake("--config", "on_change=keep")
    assert "4 tasks" in said
    assert "kept as they are" in said
    assert not four.ran()
    assert ys(four) == {1: 1, 2: 2, 3: 3, 4: 4}
    four.configure(more)
    four.edit("scripts/model.py", "K, SLEEP = 100", "K, SLEEP = 7")
    four.snakemake()
    if order == "keep, then a metric":
        assert ys(four) == {1: 7, 2: 14, 3: 21, 4: 28}
    four.edit("scripts/model.py", "K, SLEEP = 7", "K, SLEEP = 1")
    four.snakemake()
    assert ys(four) == {1: 1, 2: 2, 3: 3, 4: 4}
    assert "nothing missing, nothing wrong" in four.snakemake("check")


@pytest.mark.parametrize("policy", ["keep", "stop", "rerun"])
def test_tasks_put_back_after_the_code_changed_are_judged_as_all_others(
    four: Study, policy: str
) -> None:
    four.edit(CONFIGURATION, "[1, 2, 3, 4]", "[1]")
    four.snakemake()
    four.edit("scripts/model.py", "K, SLEEP = 1", "K, SLEEP = 100")
    four.snakemake()
    assert four.ran() == {ALL[0]: 1}
    four.edit(CONFIGURATION, "[1]", "[1, 2, 3, 4]")
    dry = four.snakemake("-n", "--config", f"on_change={policy}", ok=policy != "stop")
    said = four.snakemake("--config", f"on_change={policy}", ok=policy != "stop")
    if policy == "stop":
        for text in (dry, said):
            assert "3 finished tasks" in text
            assert "nothing was planned" in text
    else:
        verb = {"keep": "kept as they are", "rerun": "run again"}[policy]
        for text in (dry, said):
            assert "scripts/model.py changed" in text
            assert f"CPU-hours) {verb}" in text
            assert ("to run: 3 tasks" in text) == (policy == "rerun")
        kept = {1: 100, 2: 2, 3: 3, 4: 4}
        assert ys(four) == (kept if policy == "keep" else {a: 100 * a for a in kept})
    assert len(four.ran()) == (3 if policy == "rerun" else 0)


# input files of single tasks


def test_own_inputs_of_finished_tasks_are_looked_at_when_asked_and_not_by_the_way(
    own: Study,
) -> None:
    for a in (1, 2, 3):
        own.write(f"inits/{a}.dat", str(10 * a))
    own.edit(CONFIGURATION, "[1, 2, 3, 4]", "[1, 2, 3]")
    assert "to run" not in own.snakemake("-n")
    own.snakemake()
    assert not own.ran()
    shutil.rmtree(own.path / "inits")  # not needed any more
    own.edit(CONFIGURATION, "[1, 2, 3]", "[1, 2]")
    own.snakemake()
    assert not own.ran()
    for a in (1, 2):
        own.write(f"inits/{a}.dat", str(10 * a))
    assert "to run: 2 tasks" in own.snakemake("--config", "rehash=1")
    assert ys(own) == {1: 10, 2: 20}


def test_rehash_finds_changed_inputs_of_rows_that_were_kept_once(own: Study) -> None:
    own.edit("scripts/model.py", "int(", "0 + int(")
    own.snakemake("--config", "on_change=keep")
    own.write("inits/1.dat", "77")
    own.snakemake("--config", "rehash=1")
    assert own.ran() == {ALL[0]: 1}
    assert ys(own)[1] == 77
    assert "is current" in own.snakemake("--config", "rehash=1")


def test_own_input_edited_between_plan_and_task_ends_the_visit(own: Study) -> None:
    own.write("slow", "")
    own.edit("scripts/model.py", "int(", "0 + int(")
    running = start(own)
    while not (own.path / "ran.txt").exists():
        time.sleep(0.05)
    own.write("inits/4.dat", "999")
    assert running.wait(60) != 0
    assert "changed since the plan" in (own.path / "results/.store/stopped.2").read_text()
    own.write("inits/4.dat", "4")
    own.snakemake()
    assert ys(own) == {1: 1, 2: 2, 3: 3, 4: 4}
    assert max(own.ran().values()) == 1


# code


def test_code_of_equal_size_and_second_is_not_run_from_old_bytecode(four: Study) -> None:
    """As two variants lie there after git clone, copied with their times."""
    for number, nanoseconds in ((1, 100_000_000), (2, 500_000_000)):
        file = four.write(
            "scripts/model.py", TIMES_K.replace("K, SLEEP = 1", f"K, SLEEP = {number}")
        )
        os.utime(file, ns=(1_763_700_000 * 10**9 + nanoseconds,) * 2)
        four.snakemake()
        assert ys(four) == {a: number * a for a in (1, 2, 3, 4)}


def test_script_that_setup_names_counts(study: Study) -> None:
    study.write("scripts/env.sh", "K=1\n")
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2]}}
        task:
          setup: source "$STUDY_DIR/scripts/env.sh"
          command: 'v={a}; echo "y = $((v * K))"'
          metrics: {fit: {path: stdout.log, regex: 'y = (?P<y>.*)'}}
        """)
    study.snakemake()
    study.write("scripts/env.sh", "K=5\n")
    assert "scripts/env.sh changed since plan 1: 2 tasks" in study.snakemake()
    assert ys(study) == {1: 5, 2: 10}


def test_job_that_died_twice_under_one_code_says_nothing_of_another(four: Study) -> None:
    four.edit("scripts/model.py", "K, SLEEP = 1, 0", "K, SLEEP = 2, 60")
    kill_when_started(four, 1)
    kill_when_started(four, 2)
    four.ran()
    four.edit("scripts/model.py", "K, SLEEP = 2, 60", "K, SLEEP = 1, 0")
    four.snakemake()
    assert not four.ran(), "rows of this code are there"
    assert ys(four) == {1: 1, 2: 2, 3: 3, 4: 4}
    four.edit("scripts/model.py", "K, SLEEP = 1, 0", "K, SLEEP = 3, 0")
    four.snakemake()
    assert ys(four) == {1: 3, 2: 6, 3: 9, 4: 12}


def test_words_and_numbers_are_right_for_a_rerun_that_was_killed_half_way(four: Study) -> None:
    four.edit("scripts/model.py", "K, SLEEP = 1, 0", "K, SLEEP = 2, 1")
    kill_when_started(four, 2)
    four.edit("scripts/model.py", "K, SLEEP = 2, 1", "K, SLEEP = 3, 0")
    four.ran()
    for arguments in (["-n"], []):
        said = four.snakemake(*arguments)
        assert "scripts/model.py changed" in said
        assert "to run: 4 tasks in 1 chunk" in said
    assert four.ran() == dict.fromkeys(ALL, 1)


def test_comment_and_then_a_damaged_store_is_mended_by_the_next_runs(study: Study) -> None:
    study.snakemake()
    wanted = study.fit()
    study.edit("scripts/model.py", "import os", "# a comment\nimport os")
    assert "is current" in study.snakemake()
    output = study.path / "results/fit/00000.parquet"
    with output.open("r+b") as file:  # the store has the same file
        file.truncate(100)
    output.unlink()
    study.snakemake(ok=None)
    study.snakemake()
    assert study.fit() == wanted
    assert "nothing missing, nothing wrong" in study.snakemake("check")


# what was there


def test_copy_that_a_user_made_inside_results_stays(study: Study) -> None:
    study.snakemake()
    shutil.copytree(study.path / "results/fit", study.path / "results/fit_before")
    before = {p.name: p.read_bytes() for p in (study.path / "results/fit_before").iterdir()}
    study.edit("scripts/model.py", '* params["b"]', '+ params["b"]')
    study.snakemake()
    assert {p.name: p.read_bytes() for p in (study.path / "results/fit_before").iterdir()} == before


def test_failures_accepted_once_count_again_when_they_are_not(study: Study) -> None:
    study.configure(CONFIG.replace("[1, 2]", "[1, 3]") + "give_up: 1\n")
    study.snakemake("--config", "on_failure=accept")
    for _ in range(2):
        assert "4 tasks, 2 failed" in study.snakemake(ok=False)
    study.snakemake("--config", "on_failure=accept")


def test_run_directories_of_dropped_tasks_are_not_taken_for_those_of_others(study: Study) -> None:
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2, 3, 4]}}
        task:
          command: 'echo "y = {a}"; echo "z = {a}"'
          metrics:
            fit: {path: stdout.log, regex: 'y = (?P<y>.*)'}
        chunks: {tasks: 4}
        on_change: stop
        """)
    study.snakemake()
    study.edit(CONFIGURATION, "[1, 2, 3, 4]", "[1, 2]")
    study.snakemake()
    for one in study.table("fit")["task_id"]:
        shutil.rmtree(study.path / "runs" / one[:2] / one)
    study.edit(
        CONFIGURATION, "metrics:", "metrics:\n    more: {path: stdout.log, regex: 'z = (?P<z>.*)'}"
    )
    assert "2 finished tasks" in study.snakemake("-n", ok=False)


def test_parameter_has_the_type_of_the_tasks_in_the_design(study: Study) -> None:
    study.edit("scripts/model.py", 'params["a"] *', 'int(params["a"]) *')
    study.configure(CONFIG.replace("[1, 2]", '[1, 2, "4"]').replace("tasks: 2", "tasks: 6"))
    study.snakemake()
    assert set(study.table("fit")["a"]) == {"1", "2", "4"}
    study.edit(CONFIGURATION, '"4"', "4")
    study.snakemake()
    assert set(study.table("fit")["a"]) == {1, 2, 4}
    assert set(study.table("tasks.parquet")["a"]) == {1, 2, 4}


# killed at the wrong moment

KILLED = """\
import os, pathlib, signal

def at(name):
    if name == os.environ.get("KILLED_AT"):
        os.kill(os.getpid(), signal.SIGKILL)

rename, replace = pathlib.Path.rename, os.replace

def renamed(self, target):
    at("before " + self.name)
    found = rename(self, target)
    at("after " + pathlib.Path(target).name)
    return found

def replaced(one, two, **options):
    replace(one, two, **options)
    at("after " + os.path.basename(two))

pathlib.Path.rename, os.replace = renamed, replaced
"""


@pytest.fixture
def killed_at(study: Study, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Run something that kills itself before or after it renames a file."""
    place = tmp_path / "killed"
    place.mkdir()
    (place / "sitecustomize.py").write_text(KILLED)

    def run(study: Study, moment: str, *command: str) -> None:
        env = environment()
        env["PYTHONPATH"] = os.pathsep.join([str(place), env["PYTHONPATH"]])
        done = subprocess.run(
            [sys.executable, *command], cwd=study.path, env={**env, "KILLED_AT": moment}
        )
        assert done.returncode in (-signal.SIGKILL, 1)
        study.snakemake("--unlock", ok=None)

    return run


SNAKEMAKE = ("-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2")


@pytest.mark.parametrize(
    "moment", ["before .restored", "after 000001", "after manifest.parquet", "after 0002.json"]
)
def test_end_while_a_lost_store_is_restored_runs_no_task_again(
    study: Study, killed_at, moment: str
) -> None:
    study.snakemake()
    wanted = study.fit()
    study.ran()
    shutil.rmtree(study.path / "results/.store")
    killed_at(study, moment, *SNAKEMAKE)
    study.snakemake()
    assert not study.ran()
    assert study.fit() == wanted
    assert "nothing missing, nothing wrong" in study.snakemake("check")


def test_lost_store_beside_a_damaged_output_costs_that_chunk_alone(study: Study) -> None:
    study.snakemake()
    wanted = study.fit()
    study.ran()
    shutil.rmtree(study.path / "results/.store")
    damaged = study.path / "results/fit/00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:100])
    said = study.snakemake(ok=False)
    assert "results/fit/00001.parquet: cannot be read" in said
    damaged.unlink()
    study.snakemake()
    assert len(study.ran()) == 2
    assert study.fit() == wanted


@pytest.mark.parametrize("moment", ["after metadata.parquet", "before .000002", "after 000002"])
def test_prune_killed_in_its_middle_leaves_no_row_of_a_dropped_task(
    four: Study, killed_at, moment: str
) -> None:
    four.edit(CONFIGURATION, "[1, 2, 3, 4]", "[1, 2]")
    four.snakemake()
    killed_at(four, moment, "-m", "snakestudy", "prune", "--yes")
    (four.path / "results/fit/00000.parquet").unlink()
    four.snakemake()
    assert ys(four) == {1: 1, 2: 2}
    assert "nothing missing, nothing wrong" in four.snakemake("check")
    four.verb("prune", "--yes")
    assert not four.ran()


def test_prune_keeps_what_the_configuration_declares_again(four: Study) -> None:
    four.edit(CONFIGURATION, "[1, 2, 3, 4]", "[1, 2]")
    four.snakemake()
    four.edit(CONFIGURATION, "[1, 2]", "[1, 2, 3, 4]")
    four.verb("prune", "--yes")
    four.snakemake()
    assert not four.ran()
    assert ys(four) == {1: 1, 2: 2, 3: 3, 4: 4}
