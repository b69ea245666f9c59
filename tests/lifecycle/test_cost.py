"""What makes time, counted: processes started, modules imported, files read, Snakemake jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from kit import ROOT, Study, environment

# Imported by every Python that starts with it on its path; notes what the process did at its end.
RECORDER = """\
import atexit, json, os, sys

opened, started = [], os.getpid()
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)


def note():
    if os.getpid() != started:  # a fork of it
        return
    values = {"command": sys.argv, "modules": sorted(sys.modules), "opened": list(opened)}
    with open(f"{os.environ['RECORDS']}/{os.getpid()}.json", "w") as file:
        json.dump(values, file)


def end(status, end_at_once=os._exit):
    note()
    end_at_once(status)


atexit.register(note)
os._exit = end  # jobs that run no code of the study's end so
"""
WORKER = """\
import os, sys
from pathlib import Path


def simulate(params):
    place = Path(os.environ["STUDY_DIR"], "modules")
    place.mkdir(exist_ok=True)
    (place / str(os.getpid())).write_text(" ".join(sys.modules))
    return {"y": 1}
"""


@dataclass(frozen=True)
class Process:
    """A Python process that ended."""

    command: list[str]
    modules: list[str]
    opened: list[str]


def recorded(study: Study, tmp_path: Path, *arguments: str) -> tuple[list[Process], str]:
    """Run snakemake; every Python process of it, and what was printed."""
    site, records = tmp_path / "site", tmp_path / "records"
    site.mkdir(exist_ok=True)
    records.mkdir(exist_ok=True)
    for old in records.iterdir():
        old.unlink()
    (site / "sitecustomize.py").write_text(RECORDER)
    path = os.pathsep.join([str(site), environment()["PYTHONPATH"]])
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "2"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=study.path,
        env={**environment(), "PYTHONPATH": path, "RECORDS": str(records)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=True,
    )
    return [Process(**json.loads(file.read_text())) for file in records.iterdir()], done.stdout


def of_verb(processes: list[Process], verb: str) -> list[Process]:
    return [p for p in processes if p.command[0].endswith("__main__.py") and verb in p.command[1:2]]


def main_of(processes: list[Process]) -> Process:
    (found,) = (p for p in processes if "snakemake/__main__.py" in p.command[0])
    return found


def grid(tasks: int, chunks: int) -> str:
    return f"""\
        study: small
        design: {{grid: {{a: {{range: [10, {10 + tasks}]}}, b: [10]}}}}
        task: {{function: "scripts/model.py:simulate", metrics: [fit]}}
        chunks: {{tasks: {tasks // chunks}}}
        """


def test_first_run_starts_one_visit_a_chunk_and_imports_numpy_only_to_plan(study, tmp_path):
    study.write("scripts/model.py", WORKER)
    processes, output = recorded(study, tmp_path)
    for verb, number in (("plan", 1), ("run", 2), ("tasks", 1), ("outcome", 1)):
        found = of_verb(processes, verb)
        assert len(found) == number
        for process in found:
            assert "pandas" not in process.modules
            assert verb == "plan" or "numpy" not in process.modules
            assert verb != "run" or "pyarrow.compute" not in process.modules
    assert len(processes) == 1 + 5
    assert "pandas" not in main_of(processes).modules
    workers = list((study.path / "modules").iterdir())
    assert len(workers) == 2
    for worker in workers:
        modules = worker.read_text().split()
        assert not {"pandas", "pyarrow", "numpy", "yaml"} & set(modules)
    assert "6 of 6 steps (100%) done" in output


@pytest.mark.parametrize("arguments", [(), ("-n",)], ids=["run", "dry_run"])
def test_nothing_to_do_starts_no_process_and_imports_no_tables_and_no_design(
    study, tmp_path, arguments
):
    study.snakemake()
    study.snakemake()  # fills caches of what the first run left
    (process,), _ = recorded(study, tmp_path, *arguments)
    heavy = {
        "pandas",
        "pyarrow",
        "snakestudy.design.design",
        "snakestudy.storage.chunk_store",
        "snakestudy.running.visit",
    }
    assert not heavy & set(process.modules)


def test_a_visit_with_nothing_to_do_imports_no_tables(study, tmp_path):
    study.snakemake()
    processes, _ = recorded(study, tmp_path, "--forcerun", "run")
    visits = of_verb(processes, "run")
    assert visits
    for process in visits:
        assert not {"pyarrow", "numpy", "snakestudy.running.visit"} & set(process.modules)


def test_files_read_at_parse_do_not_grow_with_finished_tasks(study, tmp_path):
    read = []
    time.sleep(2.1)  # what was written a moment ago is hashed at every parse
    for tasks in (4, 400):
        study.configure(grid(tasks, chunks=2))
        study.snakemake()
        study.snakemake()
        process = main_of(recorded(study, tmp_path, "-n")[0])
        own = [path for path in process.opened if not os.path.isabs(path)]
        read.append(len(own) - sum("proposals" in path for path in own))
        for left in ("results", ".snakemake"):
            subprocess.run(["rm", "-r", left], cwd=study.path, check=True)
    few, many = read
    assert 0 < few == many


def test_a_study_that_grows_by_a_task_visits_one_chunk(study, tmp_path):
    study.configure(grid(8, chunks=4))
    study.snakemake()
    study.edit("config/config.yaml", "range: [10, 18]", "range: [10, 19]")
    processes, output = recorded(study, tmp_path)
    assert len(of_verb(processes, "run")) == 1
    assert "5 of 5 steps (100%) done" in output
