"""Functions in a process of their own each, which nothing ran in before."""

from __future__ import annotations

import os
import signal
import time

import psutil
from kit import Study, wait_until

MODEL = """\
import os, time
from pathlib import Path

calls = []
print("imported")


def simulate(p):
    calls.append(1)
    kept = bytearray(p["mb"] * 10**6)
    for place in range(0, len(kept), 4096):
        kept[place] = 1
    Path(f"{p['x']}.txt").write_text("left")
    print(f"task {p['x']}")
    return {"calls": len(calls), "pid": os.getpid(), "parent": os.getppid(),
            "attempt": int(os.environ["STUDY_ATTEMPT"])}
"""
CONFIG = """\
study: isolated
design: {{zip: {{x: {xs}, mb: {mbs}}}}}
task: {{function: "scripts/model.py:simulate", metrics: [fit], isolation: process{more}}}
chunks: {{max: 1}}
"""


def configure(study: Study, mbs: list[int], more: str = "") -> None:
    study.configure(CONFIG.format(xs=list(range(len(mbs))), mbs=mbs, more=more))


def test_each_task_has_a_process_of_its_own_and_its_memory_is_told(study: Study) -> None:
    study.write("scripts/model.py", MODEL)
    configure(study, [1, 300, 1, 1])
    study.snakemake()
    fit = study.table("fit")
    assert set(fit["calls"]) == {1}
    assert fit["pid"].is_unique
    assert fit["parent"].nunique() == 1
    rows = study.metadata().sort_values("x")
    small = rows[rows["mb"] == 1]["max_rss_mb"]
    assert rows["max_rss_mb"].max() > 300 > 150 > small.max(), "of each task, not of all so far"
    for x, task_id in zip(rows["x"], rows["task_id"], strict=True):
        names = {path.name for path in study.run_directory(task_id).iterdir()}
        assert names == {f"{x}.txt", "task.json"}
    log = (study.path / "logs/run/00000.log").read_text()
    assert log.count("imported") == 1
    assert all(log.count(f"task {x}\n") == 1 for x in range(4))


def test_taking_isolation_up_or_giving_it_up_runs_nothing_again(study: Study) -> None:
    study.write("scripts/model.py", MODEL)
    configure(study, [1, 1])
    study.snakemake()
    study.edit("config/config.yaml", ", isolation: process", "")
    assert study.planned() == "isolated: plan 1 is current."
    study.edit("config/config.yaml", "x: [0, 1], mb: [1, 1]", "x: [0, 1, 2], mb: [1, 1, 1]")
    assert "1 new task" in study.planned()


def test_task_that_dies_takes_no_fellow_with_it_and_is_tried_again(study: Study) -> None:
    dies = "    if p['x'] == 1 and os.environ['STUDY_ATTEMPT'] != '3':\n        os.abort()\n"
    study.write("scripts/model.py", MODEL.replace("    kept =", f"{dies}    kept ="))
    configure(study, [1, 1, 1], more=", retries: 1")
    assert "its process ended: killed by SIGABRT" in study.snakemake(ok=False)
    rows = study.metadata().set_index("x")
    assert (rows["exit_code"][1], rows["attempt"][1]) == (-signal.SIGABRT, 2)
    assert sorted(study.table("fit")["x"]) == [0, 2]
    study.snakemake()
    assert dict(study.table("fit")[["x", "attempt"]].to_numpy())[1] == 3


def test_task_is_ended_with_all_it_started_when_its_time_is_over_or_its_visit_dies(
    study: Study,
) -> None:
    slow = "    import subprocess\n    subprocess.Popen(['sleep', '4321'])\n    time.sleep(600)\n"
    study.write("scripts/model.py", MODEL.replace("    kept =", f"{slow}    kept ="))
    configure(study, [1], more=", runtime: 2s")
    assert "ran longer than its runtime of 2 s" in study.snakemake(ok=False)
    assert not sleepers()
    configure(study, [1])
    with study.started() as process:
        wait_until(sleepers)
        visit = next(
            p
            for p in psutil.process_iter(["cmdline", "cwd"])
            if p.info["cwd"] == str(study.path) and "run" in (p.info["cmdline"] or [])
        )
        os.kill(visit.pid, signal.SIGKILL)
        process.wait()
    wait_until(lambda: not sleepers(), seconds=10)


def sleepers() -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline", "status"])
    return [p for p in found if "4321" in (p.info["cmdline"] or [])]


def test_function_that_cannot_be_imported_is_the_failure_of_each(study: Study) -> None:
    study.write(
        "scripts/model.py", "raise LookupError('not today')\n\ndef simulate(p):\n    pass\n"
    )
    configure(study, [1, 1])
    study.snakemake(ok=False)
    assert set(study.metadata()["error"]) == {"LookupError: not today"}


def test_isolation_of_a_command_is_refused(study: Study) -> None:
    study.edit("config/config.yaml", "function: scripts/model.py:simulate", "command: [echo]")
    study.edit("config/config.yaml", "metrics: [fit]", "isolation: process")
    wanted = 'task.isolation = "process": goes with a function only. Leave it out.'
    assert wanted in study.planned()


def test_a_process_each_costs_milliseconds(study: Study) -> None:
    """Far from what an import of numpy or a start of Python would cost a task."""
    study.write("scripts/model.py", "import numpy\n\ndef simulate(p):\n    return {'y': 1}\n")
    configure(study, [1] * 200)
    begin = time.monotonic()
    study.snakemake()
    assert study.metadata()["seconds"].median() < 0.05
    assert time.monotonic() - begin < 60
