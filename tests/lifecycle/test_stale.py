"""What would be made again is told alike by all who tell it: plan, status, Python."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from kit import Study

import snakestudy

NUMBERS = re.compile(r"success (\d+)  failure (\d+)(?:  stale (\d+))?  pending (\d+)  of (\d+)")


def told(study: Study) -> dict[str, int]:
    """What `status` counts."""
    match = NUMBERS.search(study.verb("status"))
    assert match
    names = ("success", "failure", "stale", "pending", "of")
    return {name: int(text or 0) for name, text in zip(names, match.groups(), strict=True)}


def read(study: Study) -> Counter:
    return Counter(snakestudy.open(study.path).tasks()["status"])


def to_run(study: Study) -> int:
    """The tasks that a dry run says will run."""
    match = re.search(r"to run: (\d+) task", study.snakemake("-n"))
    return int(match[1]) if match else 0


def test_after_a_change_all_rows_are_stale_everywhere_and_none_after_it_ran(finished: Study):
    finished.edit("scripts/model.py", 'params["b"]}', 'params["b"] + 1}')
    assert to_run(finished) == 4
    assert told(finished) == {"success": 0, "failure": 0, "stale": 4, "pending": 0, "of": 4}
    assert "model.py changed" in finished.verb("status")
    assert read(finished) == {"stale": 4}
    assert snakestudy.open(finished.path).completed_task_ids() == []
    finished.snakemake()
    assert told(finished) == {"success": 4, "failure": 0, "stale": 0, "pending": 0, "of": 4}
    assert read(finished) == {"success": 4}
    assert len(snakestudy.open(finished.path).completed_task_ids()) == 4


def test_after_a_plan_that_stopped_half_way_the_rest_is_stale(study: Study):
    """14 tasks in two chunks; after the change, ten failures in a row stop the new plan."""
    study.write(
        "scripts/model.py",
        "import sys\n\n\ndef simulate(p):\n    return {'y': p['a']}\n",
    )
    study.configure("""\
        study: stops
        design: {grid: {a: {range: [0, 14]}}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 14}
        """)
    study.snakemake()
    study.edit("scripts/model.py", "return", "assert p['a'] < 0\n    return")
    study.snakemake(ok=False)
    counts = told(study)
    assert counts["failure"] >= 10
    assert counts["stale"] == 14 - counts["failure"]
    assert read(study)["stale"] == counts["stale"]
    assert snakestudy.open(study.path).completed_task_ids() == []
    study.edit("scripts/model.py", "p['a'] < 0", "p['a'] < 99")
    assert to_run(study) == 14
    assert read(study)["failure"] == counts["failure"]


def test_what_is_kept_although_it_changed_is_not_stale(finished: Study):
    finished.edit("scripts/model.py", 'params["b"]}', 'params["b"] + 1}')
    finished.snakemake("--config", "on_change=keep")
    assert told(finished)["success"] == 4
    assert read(finished) == {"success": 4}
    assert to_run(finished) == 0


def test_on_change_keep_in_the_configuration_counts_before_the_plan_that_accepts(finished: Study):
    finished.write(
        "config/config.yaml",
        (finished.path / "config/config.yaml").read_text() + "on_change: keep\n",
    )
    finished.edit("scripts/model.py", 'params["b"]}', 'params["b"] + 1}')
    assert told(finished)["stale"] == 0
    assert to_run(finished) == 0


def test_tasks_taken_out_of_the_design_are_counted_nowhere(finished: Study):
    finished.edit("config/config.yaml", "a: [1, 2]", "a: [1]")
    finished.snakemake()
    assert told(finished) == {"success": 2, "failure": 0, "stale": 0, "pending": 0, "of": 2}
    assert len(snakestudy.open(finished.path).completed_task_ids()) == 2


def test_a_configuration_that_cannot_be_read_is_told_and_nothing_is_called_stale(finished: Study):
    finished.write("config/config.yaml", "study: [small\n")
    assert "what is stale is not known: config/config.yaml: line" in finished.verb("status")
    assert told(finished)["success"] == 4
    with pytest.warns(UserWarning, match="what is stale is not known: config/config"):
        assert read(finished) == {"success": 4}


def test_results_that_were_copied_without_their_study_are_read_as_they_were(
    finished: Study, tmp_path
):
    (finished.path / "results").rename(tmp_path / "results")
    study = snakestudy.open(tmp_path)
    assert Counter(study.tasks()["status"]) == {"success": 4}
    assert len(study.completed_task_ids()) == 4


def test_tasks_are_those_of_the_newest_plan_before_its_run_has_ended(finished: Study):
    finished.edit("config/config.yaml", "a: [1, 2]", "a: [1, 4, 5]")
    finished.snakemake("plan")  # publishes, and runs nothing
    assert told(finished) == {"success": 2, "failure": 0, "stale": 0, "pending": 4, "of": 6}
    assert read(finished) == {"success": 2, "pending": 4}
    tasks = snakestudy.open(finished.path).tasks()
    assert sorted(tasks["a"].unique()) == [1, 4, 5]
    assert list(tasks["seq"]) == sorted(tasks["seq"])


def test_tasks_are_there_before_the_first_run(study: Study):
    study.snakemake("plan")
    assert read(study) == {"pending": 4}
    assert snakestudy.open(study.path).completed_task_ids() == []


def test_why_rows_are_stale_names_what_changed_since_they_were_made_and_nothing_older(
    finished: Study,
):
    finished.edit("scripts/model.py", 'params["b"]}', 'params["b"] + 1}')
    finished.snakemake()
    finished.edit("config/config.yaml", "metrics: [fit]", "metrics: [fit, more]")
    status = finished.verb("status")
    assert "made again by the next snakemake: metric more is new" in status
    assert "model.py" not in status.split("made again")[1]
    assert told(finished)["stale"] == to_run(finished) == 4


def test_what_a_function_did_not_return_is_kept_with_the_rest(finished: Study):
    finished.edit("config/config.yaml", "metrics: [fit]", "metrics: [fit, more]")
    finished.write(
        "config/config.yaml",
        (finished.path / "config/config.yaml").read_text() + "on_change: keep\n",
    )
    assert (told(finished)["stale"], to_run(finished)) == (0, 0)


def test_a_study_is_read_alike_by_every_path_to_it(finished: Study, monkeypatch):
    finished.write("scripts/readers.py", "def fit(path):\n    return {'y': [1]}\n")
    finished.configure("""\
        study: small
        design: {grid: {a: [1, 2], b: [10, 20]}}
        task:
          command: touch out.dat
          metrics: {fit: {path: out.dat, reader: "scripts/readers.py:fit"}}
        chunks: {tasks: 2}
        """)
    finished.snakemake("--config", "on_change=rerun")
    finished.edit("scripts/readers.py", "def fit", "# A comment.\ndef fit")
    monkeypatch.chdir(finished.path.parent)
    study = snakestudy.open(finished.path.name)
    assert Counter(study.tasks()["status"]) == {"success": 4}
    monkeypatch.chdir("/")
    assert Counter(study.tasks()["status"]) == {"success": 4}
    assert len(study.results("fit")) == 4
