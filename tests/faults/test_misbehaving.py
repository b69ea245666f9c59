"""Functions that do the worst they can: it is their own failure, and their fellows' rows stand."""

from __future__ import annotations

from collections import Counter

import psutil
import pytest
from kit import Study

from snakestudy.values import task_id

MODEL = """\
import asyncio, ctypes, os, signal, subprocess, sys, time
from pathlib import Path

STUDY = Path(os.environ["STUDY_DIR"])
AS_THE_KERNEL_WOULD = '''
import os, psutil, sys
process = psutil.Process(int(sys.argv[1]))
while process.memory_info().rss < 300e6:
    pass
process.kill()
'''


def segfault():
    ctypes.string_at(0)

def exit_3():
    os._exit(3)

def exit_0():
    os._exit(0)

def leak():
    subprocess.Popen([sys.executable, "-c", AS_THE_KERNEL_WOULD, str(os.getpid())])
    kept = []
    while True:
        kept.append(bytearray(10_000_000))

def hang():
    \"\"\"With a child in its group, and a grandchild in a session of its own.\"\"\"
    subprocess.Popen(["bash", "-c", "setsid sleep 1234 & sleep 1234"])
    time.sleep(1000)

def be_interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)

def interrupt():
    raise KeyboardInterrupt

def cancel():
    raise asyncio.CancelledError("gone")

def close_generator():
    raise GeneratorExit

class Own(BaseException):
    pass

def raise_own():
    raise Own("first line\\nsecond")

class Unspeakable(Exception):
    def __str__(self):
        raise self

def raise_unspeakable():
    raise Unspeakable

def raise_undecodable():
    raise ValueError(os.fsdecode(b"caf\\xe9"))

def raise_without_streams():
    sys.stderr.close()
    os.close(1)
    raise ValueError("unheard")

async def wait():
    await asyncio.sleep(0.01)
    raise OSError("awaited")

def count():
    yield {"y": 1}
    raise LookupError("counted")

def generate():
    return count()

def exhaust():
    return exhaust()

def close_stdout():
    print("one")
    sys.stdout.close()
    os.close(2)

def change_directory():
    os.chdir("/")

def fork():
    os.fork()

def gigabyte():
    line = "x" * 1023
    for _ in range(1_000_000):
        print(line)

def replace_streams():
    sys.stdout = sys.stderr = None

def change_environment():
    os.environ.clear()
    sys.path.clear()

def fine():
    pass


def simulate(p):
    with open(STUDY / "ran.txt", "a") as file:
        file.write(f"{os.environ['STUDY_TASK_ID']}\\n")
    if not (STUDY / "fixed").exists():
        left = globals()[p["how"]]()
        if left is not None:
            return left
    return {"y": p["k"] * 2, "said": p["how"]}
"""
FATAL = {
    "segfault": "its process ended: killed by SIGSEGV",
    "exit_3": "its process ended: exit code 3",
    "exit_0": "its process ended: exit code 0",
    "leak": "its process ended: killed by SIGKILL",
    "hang": "ran longer than its runtime of 8 s",
    "be_interrupted": "its process ended: killed by SIGINT",
}
RAISED = {
    "interrupt": "KeyboardInterrupt",
    "cancel": "CancelledError: gone",
    "close_generator": "GeneratorExit",
    "raise_own": "Own: first line",
    "raise_unspeakable": "Unspeakable",
    "raise_undecodable": r"ValueError: caf\udce9",
    "raise_without_streams": "ValueError: unheard",
    "wait": "OSError: awaited",
    "generate": "LookupError: counted",
    "exhaust": "RecursionError: maximum recursion depth exceeded",
}
FAILING = {**FATAL, **RAISED}
HARMLESS = [
    *("close_stdout", "change_directory", "fork", "gigabyte", "replace_streams"),
    "change_environment",
]
HOW = ["fine", *[name for bad in [*FAILING, *HARMLESS] for name in (bad, "fine")]]


@pytest.fixture(params=["none", "keep", "isolated"])
def study(study: Study, request: pytest.FixtureRequest) -> Study:
    """A misbehaving task between two good ones, in one chunk, in each way that functions run."""
    isolation = "process" if request.param == "isolated" else "worker"
    run_dirs = "none" if request.param == "isolated" else request.param
    study.write("scripts/model.py", MODEL)
    study.configure(f"""\
        study: misbehaving
        design: {{zip: {{how: {HOW}, k: {list(range(len(HOW)))}}}}}
        task:
          function: scripts/model.py:simulate
          metrics: [fit]
          runtime: 8s
          isolation: {isolation}
        run_dirs: {run_dirs}
        chunks: {{max: 1, workers: 2}}
        """)
    return study


def test_misbehaving_function_is_its_own_failure_and_no_fellow_runs_twice_in_vain(
    study: Study,
) -> None:
    said = study.snakemake(ok=False)
    assert f"{len(HOW)} tasks, {len(FAILING)} failed" in said
    metadata = study.table("metadata")
    errors = dict(metadata[metadata["status"] == "failure"][["how", "error"]].to_numpy().tolist())
    assert errors == FAILING
    good = [(k, how) for k, how in enumerate(HOW) if how not in FAILING]
    fit = study.table("fit").sort_values("k")
    assert list(zip(fit["k"], fit["said"], strict=True)) == good
    assert list(fit["y"]) == [2 * k for k, _ in good]
    ran = study.ran()
    bad = {task_id({"how": how, "k": k}) for k, how in enumerate(HOW) if how in FAILING}
    assert {task: ran[task] for task in bad} == dict.fromkeys(bad, 1)
    # A crash takes the rows of the last half second with it, never a fellow's place.
    assert sum(ran.values()) - len(HOW) <= 2 * len(FATAL)
    left = [p for p in psutil.process_iter(["cmdline"]) if "1234" in (p.info["cmdline"] or [])]
    assert not left
    for log in study.path.rglob("*.log"):
        if log.stat().st_size > 1e8:
            log.unlink()
    study.write("fixed", "")
    study.snakemake()
    assert study.ran() == Counter(bad)
    assert list(study.table("fit").sort_values("k")["said"]) == HOW


KILLER = """\
import os, time

import psutil


def simulate(p):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{os.environ['STUDY_TASK_ID']}\\n")
    if p["k"] == 2:
        time.sleep(0.3)
        psutil.Process().parents()[1].kill()  # the visit; the parent is what forks its workers
        time.sleep(60)
    time.sleep(0.1)
    return {"y": p["k"]}
"""


def test_task_that_kills_its_job_twice_has_failed_and_all_others_are_there(study: Study) -> None:
    study.write("scripts/model.py", KILLER)
    study.configure("""\
        study: misbehaving
        design: {grid: {k: {range: [0, 8]}}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {max: 1, workers: 1}
        """)
    study.snakemake(ok=False)
    study.snakemake(ok=False)
    killer = task_id({"k": 2})
    assert study.ran()[killer] == 2
    said = study.snakemake(ok=False)
    assert "its job died twice while this task ran, without a trace" in said
    assert killer not in study.ran()
    assert list(study.table("fit").sort_values("k")["y"]) == [0, 1, 3, 4, 5, 6, 7]
    study.edit("scripts/model.py", 'p["k"] == 2', 'p["k"] == 20')
    study.snakemake("--config", "on_change=keep")
    assert study.ran() == {killer: 1}
    assert len(study.table("fit")) == 8
