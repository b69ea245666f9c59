"""Tasks that were ended before they were done, and jobs that are about to end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from kit import ROOT, Study, environment, wait_until

HOW = ["command: [python, scripts/model.py]", "function: scripts/model.py:simulate"]
# Three tries of one step each; fails until the third.
STEPS = """\
import os
from pathlib import Path


def simulate(params):
    state = Path("state.txt")
    done = int(state.read_text()) + 1 if state.exists() else 1
    state.write_text(str(done))
    print(f"try {os.environ['STUDY_ATTEMPT']}, step {done}")
    if done < 3:
        raise ValueError(f"stopped at step {done} of try {os.environ['STUDY_ATTEMPT']}")
    return {"y": done}


if __name__ == "__main__":
    from snakestudy import get_run_params, post_run_results
    post_run_results(simulate(get_run_params()))
"""
CONFIG = """\
study: steps
design: {{grid: {{x: [1]}}}}
task: {{{how}, metrics: [fit], restart: {restart}}}
"""


def directory(study: Study) -> Path:
    (found,) = (study.path / "runs").glob("[0-9a-f][0-9a-f]/*")
    return found


@pytest.mark.parametrize("how", HOW)
def test_continue_finds_the_files_of_the_last_try_and_counts_tries(study: Study, how: str) -> None:
    study.write("scripts/model.py", STEPS)
    study.configure(CONFIG.format(how=how, restart="continue"))
    assert "stopped at step 1 of try 1" in study.snakemake(ok=False)
    assert "stopped at step 2 of try 2" in study.snakemake(ok=False)
    study.snakemake()
    assert list(study.table("fit")["y"]) == [3]
    printed = (directory(study) / "stdout.log").read_text().splitlines()
    assert printed == ["try 1, step 1", "try 2, step 2", "try 3, step 3"]


@pytest.mark.parametrize("how", HOW)
def test_continue_goes_on_within_retries(study: Study, how: str) -> None:
    study.write("scripts/model.py", STEPS)
    study.configure(CONFIG.format(how=f"{how}, retries: 2", restart="continue"))
    study.snakemake()
    assert list(study.table("fit")["y"]) == [3]


@pytest.mark.parametrize("how", HOW)
def test_fresh_starts_in_an_empty_directory(study: Study, how: str) -> None:
    study.write("scripts/model.py", STEPS)
    study.configure(CONFIG.format(how=f"{how}, retries: 2", restart="fresh") + "run_dirs: keep\n")
    assert "stopped at step 1 of try 3" in study.snakemake(ok=False)
    assert (directory(study) / "stdout.log").read_text() == "try 3, step 1\n"


def test_changed_code_starts_in_an_empty_directory_whatever_restart_says(study: Study) -> None:
    study.write("scripts/model.py", STEPS)
    study.configure(CONFIG.format(how=HOW[1], restart="continue"))
    study.snakemake(ok=False)
    study.edit("scripts/model.py", "stopped at", "ended at")
    assert "ended at step 1 of try 1" in study.snakemake(ok=False)


def test_staged_inputs_stay_as_the_last_try_left_them(study: Study) -> None:
    study.write("resources/in.txt", "0")
    study.write(
        "scripts/model.py",
        """\
        from pathlib import Path


        def simulate(params):
            own = Path("in.txt")
            own.write_text(str(int(own.read_text()) + 1))
            assert own.read_text() == "2"
            return {"y": 2}
        """,
    )
    inputs = "inputs: [{path: resources/in.txt, linkage: copy}], retries: 1"
    study.configure(CONFIG.format(how=f"{HOW[1]}, {inputs}", restart="continue"))
    study.snakemake()
    assert (study.path / "resources/in.txt").read_text() == "0"


def test_continue_without_run_directories_is_refused(study: Study) -> None:
    study.write("scripts/model.py", STEPS)
    study.configure(CONFIG.format(how=HOW[1], restart="continue") + "run_dirs: none\n")
    said = study.snakemake(ok=False)
    assert 'task.restart = "continue": needs run directories. Leave run_dirs out.' in said
    assert not (study.path / "results").exists()


# -- a job that is about to end ---------------------------------------------------------------

TOLD = """\
import os, signal, sys, time
from pathlib import Path


class Told(Exception):
    pass


def tell(*_):
    raise Told


def simulate(params):
    study = Path(os.environ["STUDY_DIR"])
    with (study / "ran.txt").open("a") as file:
        file.write(f"{params['x']}\\n")
    signal.signal(signal.SIGTERM, tell)
    try:
        time.sleep(params["sleep"] if "STUDY_DEADLINE" in os.environ else 0)
    except Told:
        (study / "told.txt").write_text(f"{float(os.environ['STUDY_DEADLINE']) - time.time()}")
        raise
    return {"y": params["x"]}


if __name__ == "__main__":
    from snakestudy import get_run_params, post_run_results
    post_run_results(simulate(get_run_params()))
"""
IN_TIME = """\
study: in-time
design: {{rows: [{{x: 1, sleep: 0}}, {{x: 2, sleep: 60}}, {{x: 3, sleep: 60}}]}}
task: {{{how}, metrics: [fit]}}
chunks: {{tasks: 3}}
"""


def run(study: Study, seconds: float, status: int = 1) -> str:
    """Run snakemake in a job that ends in so many seconds; what it says."""
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "1"]
    done = subprocess.run(
        command,
        cwd=study.path,
        env={**environment(), "STUDY_DEADLINE": str(time.time() + seconds)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.mark.parametrize("how", HOW)
def test_task_gets_sigterm_in_time_and_runs_again_in_the_next_job(study: Study, how: str) -> None:
    study.write("scripts/model.py", TOLD)
    study.configure(IN_TIME.format(how=f"{how}, grace: 5"))
    assert "its job's time is over; 2 of 3 tasks are left" in run(study, seconds=14)
    assert 3 < float((study.path / "told.txt").read_text()) <= 5
    assert study.ran() == {"1": 1, "2": 1}, "the third could not end in time"
    assert "3 tasks, all succeeded" in study.snakemake()
    assert study.ran() == {"2": 1, "3": 1}, "what was done is kept; the told one did not fail"
    assert set(study.table("metadata")["attempt"]) == {1}


def test_no_task_is_started_whose_limit_is_beyond_the_end_of_its_job(study: Study) -> None:
    study.write("scripts/model.py", TOLD)
    study.configure(IN_TIME.format(how=f"{HOW[1]}, runtime: 1h"))
    assert "its job's time is over; 3 of 3 tasks are left" in run(study, seconds=100)
    assert not study.ran()


def test_task_that_succeeds_after_it_was_told_counts(study: Study) -> None:
    study.write("scripts/model.py", TOLD.replace("raise\n", "return {'y': -1}\n"))
    study.configure(IN_TIME.format(how=f"{HOW[1]}, grace: 5"))
    assert "1 of 3 tasks are left" in run(study, seconds=14)
    study.snakemake()
    assert list(study.table("fit").sort_values("x")["y"]) == [1, -1, 3]


def test_function_can_end_the_processes_it_starts(study: Study) -> None:
    study.write(
        "scripts/model.py",
        """\
        import multiprocessing, subprocess, time


        def simulate(params):
            process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
            process.start()
            time.sleep(0.2)
            program = subprocess.Popen(["sleep", "60"])
            for started in (process, program):
                started.terminate()
            process.join(20)
            return {"y": [process.exitcode, program.wait(20)]}
        """,
    )
    study.configure(CONFIG.format(how=HOW[1], restart="fresh"))
    study.snakemake()
    assert list(study.table("fit")["y"]) == [-15, -15]


# -- what tries took that continue each other ---------------------------------------------------

LEGS = """\
import json, os, time
from pathlib import Path


def simulate(params):
    study, begin = Path(os.environ["STUDY_DIR"]), time.time()
    state = Path("state.txt")
    leg = len(state.read_text()) + 1 if state.exists() else 1
    state.write_text("x" * leg)
    if leg == 1:
        (study / "at-work").touch()
        time.sleep(60)
    time.sleep(0.5)
    if leg == 2:
        raise ValueError("the second leg")
    return {"attempt": int(os.environ["STUDY_ATTEMPT"])}


if __name__ == "__main__":
    from snakestudy import get_run_params, post_run_results
    post_run_results(simulate(get_run_params()))
"""


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_time_of_all_tries_counts_and_their_number_is_one(study: Study, how: str, end: int) -> None:
    study.write("scripts/model.py", LEGS)
    study.configure(CONFIG.format(how=how, restart="continue"))
    with study.started() as process:
        wait_until((study.path / "at-work").exists)
        begin = (study.path / "at-work").stat().st_mtime
        time.sleep(1)
        for visit in [p for p in psutil.process_iter(["cmdline", "cwd"]) if is_visit(p, study)]:
            visit.send_signal(end)
        process.wait()
        took = time.time() - begin
    assert "the second leg" in study.snakemake(ok=False)
    (row,) = study.metadata().to_dict("records")
    assert row["attempt"] == 2
    assert 1.4 < row["seconds"] < took + 3
    study.snakemake()
    (row,) = study.metadata().to_dict("records")
    assert list(study.table("fit")["attempt"]) == [3] == [row["attempt"]]
    assert 1.9 < row["seconds"] < took + 6


def is_visit(process: psutil.Process, study: Study) -> bool:
    words = process.info["cmdline"] or []
    is_here = process.info["cwd"] == str(study.path)
    return is_here and "snakestudy" in words and "run" in words


def test_function_that_dies_with_its_process_is_continued_in_number_and_time(study: Study) -> None:
    dies = LEGS.replace('raise ValueError("the second leg")', "os._exit(3)")
    study.write("scripts/model.py", dies.replace("leg == 1", "leg == 0"))
    study.configure(CONFIG.format(how=f"{HOW[1]}, retries: 1", restart="continue"))
    study.snakemake()
    (row,) = study.metadata().to_dict("records")
    assert row["attempt"] == 1
    study.edit("scripts/model.py", "leg == 2", "leg == 1")
    study.snakemake()
    (row,) = study.metadata().to_dict("records")
    assert list(study.table("fit")["attempt"]) == [2] == [row["attempt"]]
    assert row["seconds"] > 1
