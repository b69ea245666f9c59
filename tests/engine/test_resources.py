"""What a chunk's job asks for, here and on a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kit import Study

from snakestudy.config.resolve import resolve
from snakestudy.config.study import Task
from snakestudy.engine.job import repeats_left, tell_repeats
from snakestudy.engine.resources import requests
from snakestudy.engine.site import is_on_cluster, read_site, submitted_site, tell_site
from snakestudy.errors import UserError
from snakestudy.storage.documents import ChunkEntry

GIVEN = {"study": "s", "design": {"seeds": 1}, "task": {"command": "a"}}
TASK = Task.of(resolve("c.yaml", GIVEN)["steps"][0])
CHUNK = SimpleNamespace(chunk="00000")


def asked(
    site: dict[str, Any] | None,
    attempt: int = 1,
    pending: int = 10,
    mem_mb: int | None = 100,
    runtime: float | None = 90.0,
    **resources: Any,
) -> dict[str, Any]:
    config = {"chunks": {"workers": 4}, "resources": resources}
    task = replace(TASK, runtime=runtime)
    found = requests(task, config, {"00000": ChunkEntry("", 10, pending, mem_mb)}, site)
    if "mem_mb" in found and callable(found["mem_mb"]):
        found["mem_mb"] = found["mem_mb"](CHUNK, attempt)
    if "runtime" in found and callable(found["runtime"]):
        found["runtime"] = found["runtime"](CHUNK)
    return found


def test_here_a_job_asks_for_its_tasks_alone() -> None:
    assert asked(None) == {"mem_mb": 400, "runtime": 5}


def test_on_a_cluster_it_asks_for_nested_snakemakes_too() -> None:
    assert asked({}) == {"mem_mb": 1000, "runtime": 10}


def test_memory_grows_with_the_attempt_and_time_with_what_is_pending() -> None:
    assert asked({}, attempt=3)["mem_mb"] == 1800
    assert asked({}, pending=41)["runtime"] == 22
    assert asked({}, pending=0)["runtime"] == 7


def test_site_says_what_tasks_do_not_and_the_study_comes_first() -> None:
    site = {"slurm_partition": "a", "slurm_account": "b", "runtime": 60, "mem_mb": 2000}
    found = asked(site, slurm_partition="gpu", gpu=1)
    assert found == {
        **{"slurm_partition": "gpu", "slurm_account": "b", "gpu": 4},
        **{"mem_mb": 1000, "runtime": 10},
    }
    assert asked(site, mem_mb=None, runtime=None)["runtime"] == 60


@pytest.mark.parametrize(
    ("name", "value", "asked_for"),
    [
        ("licence", 1, 4),
        ("gpu", 2, 8),
        ("disk_mb", 100, 400),
        ("share", 0.25, 1),
        ("share", 0.3, 1.2),
        ("gpu", "1", "1"),
        ("slurm_partition", "long", "long"),
        *((name, 1, 1) for name in ("nodes", "tasks", "cpus_per_task", "mem_mb_per_cpu")),
        *((name, 1, 1) for name in ("slurm_requeue", "walltime", "time_min", "priority", "nice")),
    ],
)
def test_job_asks_for_what_all_workers_use(name: str, value: Any, asked_for: Any) -> None:
    assert asked(None, mem_mb=None, runtime=None, **{name: value}) == {name: asked_for}


def test_licences_of_all_workers_are_asked_for_and_told(study: Study) -> None:
    study.edit("config/config.yaml", "chunks: {tasks: 2}", "chunks: {tasks: 2, workers: 2}")
    study.edit("config/config.yaml", "design:", "resources: {licence: 2}\ndesign:")
    assert "a job of 2 workers asks for licence=4" in study.snakemake("-n")
    message = study.snakemake("--resources", "licence=3", ok=False)
    assert "resources.licence = 2: 2 workers use 4, and --resources says 3 for all jobs" in message
    assert not (study.path / "results").exists()
    study.snakemake("--resources", "licence=4")
    assert len(study.fit()) == 4


def test_site_is_read_once_and_told_to_jobs(
    in_an_empty_directory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKESTUDY_SITE", "")  # so that it is as it was afterwards
    monkeypatch.delenv("SNAKESTUDY_SITE")
    Path("config").mkdir()
    for text in ("", "# nothing\n\n  # yet\n"):
        Path("config/site.yaml").write_text(text)
        assert read_site() == {}
    Path("config/site.yaml").write_text("slurm_account: p1\nruntime: 60\n")
    site = read_site()
    assert site == {"slurm_account": "p1", "runtime": 60}
    assert not is_on_cluster()
    tell_site(site)
    assert is_on_cluster()
    Path("config/site.yaml").write_text("half: [edit")
    assert submitted_site() == {"slurm_account": "p1", "runtime": 60}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("slurm_extra: [--a, --b]\n", "slurm_extra"),
        ("requeue: true\n", "requeue"),
        ("- slurm_account\n", "is no mapping"),
        ("a: b: c\n", "line 1"),
    ],
)
def test_site_that_is_wrong_is_refused(
    in_an_empty_directory: None, text: str, problem: str
) -> None:
    Path("config").mkdir()
    Path("config/site.yaml").write_text(text)
    with pytest.raises(UserError, match=problem):
        read_site()


def test_wrong_site_stops_before_anything_is_written(study: Study) -> None:
    study.write("config/site.yaml", "requeue: true\n")
    assert "is neither a number nor a word" in study.snakemake("--jobs", "2", ok=False)
    assert not (study.path / "results").exists()


def test_site_is_not_looked_at_here(study: Study) -> None:
    study.write("config/site.yaml", "half: [edit")
    study.snakemake()


def test_repeats_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNAKESTUDY_REPEATS", raising=False)
    assert repeats_left(1) == 0
    monkeypatch.setenv("SNAKESTUDY_REPEATS", "0")
    tell_repeats(2)
    assert [repeats_left(attempt) for attempt in (1, 2, 3)] == [2, 1, 0]


MEMORY = """\
import os, signal
from dataclasses import replace
from pathlib import Path


def simulate(params):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{params['x']}\\n")
    times = len(Path(os.environ["STUDY_DIR"], "ran.txt").read_text().split(str(params["x"]))) - 1
    if params["x"] == 2 and times < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"y": params["x"]}
"""
KILLED = """\
study: killed
design: {grid: {x: [1, 2, 3]}}
task: {function: "scripts/model.py:simulate", metrics: [fit], mem_mb: 10}
chunks: {tasks: 3}
"""


def test_killed_task_runs_again_in_repeated_jobs_and_its_fellows_do_not(study: Study) -> None:
    study.write("scripts/model.py", MEMORY)
    study.configure(KILLED)
    said = study.snakemake("--retries", "2")
    assert said.count("1 task killed, perhaps for memory; the job is repeated with more") == 2
    assert study.ran() == {"1": 1, "2": 3, "3": 1}
    assert list(study.table("metadata")["status"]) == ["success"] * 3


def test_killed_task_has_failed_when_no_attempt_is_left(study: Study) -> None:
    study.write("scripts/model.py", MEMORY)
    study.configure(KILLED)
    assert "killed by SIGKILL" in study.snakemake("--retries", "1", ok=False)
    assert study.ran() == {"1": 1, "2": 2, "3": 1}
