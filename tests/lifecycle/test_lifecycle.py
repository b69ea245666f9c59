"""The life of a study: run, grow, shrink, fail, lose files, get killed, go on.

Long: the chapters of one life, on copies of one finished study.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from kit import CONFIG, MODEL, Study, wait_until

NOTHING = "Nothing to be done"
FIT = [(1, 10, 10), (1, 20, 20), (2, 10, 20), (2, 20, 40)]

SLOW = """\
import os
import time


def simulate(params):
    time.sleep(0.3)
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{os.environ['STUDY_TASK_ID']},{time.time()}\\n")
    return {"y": params["a"] * params["b"]}
"""

MEETING = """\
import time


def meet():
    meeting = Path(os.environ["STUDY_DIR"], "meeting")
    meeting.mkdir(exist_ok=True)
    (meeting / str(os.getpid())).touch()
    end = time.time() + 20
    while len(list(meeting.iterdir())) < 2:
        assert time.time() < end, "I am alone"
        time.sleep(0.01)


"""

COMMAND_MODEL = """\
import os
import sys

with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
    file.write(os.environ["STUDY_TASK_ID"] + "\\n")
with open("fit.csv", "w") as file:
    file.write(f"y\\n{10 * int(sys.argv[1])}\\n")
"""

COMMAND = """\
study: small
design: {grid: {a: {range: [0, N]}}}
task:
  command: [python, scripts/model.py, "{a}"]
  metrics: {fit: fit.csv}
"""


def tree(study: Study, below: str = ".") -> dict[str, tuple]:
    """Every file but Snakemake's own and one cache: path -> (inode, mtime, content)."""
    found = {}
    for path in sorted((study.path / below).rglob("*")):
        name = path.relative_to(study.path)
        own = name.parts[0] != ".snakemake" and name.name not in ("ran.txt", "fingerprints.json")
        if path.is_file() and own:
            found[str(name)] = (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
    return found


def chunks_run(output: str) -> set[str]:
    """The chunks that a dry run with `--quiet host` says will be visited."""
    jobs = [line for line in output.splitlines() if line.startswith("    output: ")]
    return set(re.findall(r"results/metadata/run/(\w+)\.parquet", "\n".join(jobs)))


def records(study: Study) -> list[str]:
    return sorted(path.name for path in (study.path / "results/plan").glob("*.json"))


def design(values: str, **more: str) -> str:
    """CONFIG with other values of `a`, and lines put in for others."""
    text = CONFIG.replace("a: [1, 2]", f"a: {values}")
    for old, new in more.items():
        assert old in text
        text = text.replace(old, new)
    return text


# -- run, run again, grow, shrink -------------------------------------------------------------


def test_dry_run_tells_chunks_and_reasons_and_writes_nothing_and_just_that_runs(study):
    before = tree(study)
    output = study.snakemake("-n", "--quiet", "host")
    assert "small: plan 1\n  4 new tasks\n  to run: 4 tasks in 2 chunks (00000, 00001)\n" in output
    assert chunks_run(output) == {"00000", "00001"}
    assert tree(study) == before
    assert {path.name for path in study.path.iterdir()} <= {"config", "scripts", ".snakemake"}

    output = study.snakemake()
    assert "4 new tasks" in output
    assert "4 tasks, all succeeded" in output
    assert sorted(study.ran().values()) == [1, 1, 1, 1]
    assert study.fit() == FIT
    assert set(study.tasks()["status"]) == {"success"}
    assert "success 4  failure 0  pending 0  of 4" in study.verb("status")

    before = tree(study)
    output = study.snakemake()
    assert NOTHING in output
    assert "plan 1 is current" in output
    assert not study.ran()
    assert tree(study, "results") == {
        name: entry for name, entry in before.items() if name.startswith("results/")
    }


def test_growing_runs_the_new_tasks_only_and_leaves_old_files_untouched(finished):
    finished.configure(design("[1, 2, 4]"))
    before = tree(finished)
    output = finished.snakemake("-n", "--quiet", "host")
    assert "plan 2\n  2 new tasks\n  to run: 2 tasks in 1 chunk (00002)\n" in output
    assert chunks_run(output) == {"00002"}
    assert tree(finished) == before

    finished.snakemake()
    tasks = finished.tasks()
    new = tasks[tasks["a"] == 4]
    assert finished.ran() == Counter(new["task_id"])
    assert set(new["chunk"]) == {"00002"}
    assert tasks["plan"].tolist() == [1, 1, 1, 1, 2, 2]
    assert tasks["seq"].tolist() == [0, 1, 2, 3, 4, 5]
    assert finished.fit() == [*FIT, (4, 10, 40), (4, 20, 80)]
    after = tree(finished)
    for directory in ("fit", "metadata/run", "plan/chunks"):
        for chunk in ("00000", "00001"):
            name = f"results/{directory}/{chunk}.parquet"
            assert after[name] == before[name]


def test_shrinking_by_a_chunk_removes_its_rows_and_files_and_growing_back_computes_nothing(
    finished,
):
    finished.configure(design("[1]"))
    output = finished.snakemake()
    assert "2 tasks taken out of the design" in output
    assert "to run:" not in output
    assert finished.fit() == FIT[:2]
    assert finished.tasks()["a"].tolist() == [1, 1]
    left = [name for name in tree(finished, "results") if "/.store/" not in name]
    assert not [name for name in left if "00001" in name and "/plan/" not in name]
    assert "success 2  failure 0  pending 0  of 2" in finished.verb("status")

    finished.configure(CONFIG)
    output = finished.snakemake()
    assert "2 tasks back in the design" in output
    assert "to run:" not in output
    assert finished.fit() == FIT
    assert finished.tasks()["a"].tolist() == [1, 1, 2, 2]
    assert not finished.ran()


def test_shrinking_by_part_of_each_chunk_and_back_computes_nothing(finished):
    finished.configure(CONFIG.replace("b: [10, 20]", "b: [10]"))
    assert "2 tasks taken out of the design" in finished.snakemake()
    assert finished.fit() == [(1, 10, 10), (2, 10, 20)]
    assert finished.tasks()["b"].tolist() == [10, 10]
    assert finished.metadata()["b"].tolist() == [10, 10]

    finished.configure(CONFIG)
    output = finished.snakemake()
    assert finished.fit() == FIT
    assert not finished.ran()
    assert "2 tasks back in the design" in output
    assert "to run:" not in output  # they are in the store


# -- failures ---------------------------------------------------------------------------------


def test_a_failing_task_is_told_tried_again_given_up_and_tried_on_demand(study):
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2, 3, 4, 5], b: 10}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 3}
        """)
    output = study.snakemake(ok=False)
    tasks = study.tasks().set_index("a")
    failing = tasks.loc[3, "task_id"]
    assert tasks["status"].to_dict() == {a: "failure" if a == 3 else "success" for a in range(1, 6)}
    assert study.fit() == [(a, 10, 10 * a) for a in (1, 2, 4, 5)]
    assert "5 tasks, 1 failed" in output
    assert f"failed: {failing}: ValueError: three is too much\n    see logs/run/00001.log" in output
    assert "in simulate" in (study.path / "logs/run/00001.log").read_text()
    row = study.metadata().set_index("task_id").loc[failing]
    assert (row["status"], row["error"]) == ("failure", "ValueError: three is too much")
    status = study.verb("status")
    assert "success 4  failure 1  pending 0  of 5" in status
    assert f"failed: {failing}: ValueError: three is too much" in status
    study.ran()

    for plan in (2, 3):
        output = study.snakemake(ok=False)
        assert f"plan {plan}\n  1 failed task tried again\n  to run: 1 task in 1 chunk" in output
        assert study.ran() == {failing: 1}
    assert "1 of them are given up" in output

    output = study.snakemake(ok=False)
    assert "plan 3 is current" in output
    assert f"failed: {failing}: ValueError: three is too much" in output
    assert "--config retry=all" in output
    assert not study.ran()
    assert records(study)[-1] == "0003.json"

    study.write("fixed", "")
    study.snakemake("--config", "retry=all")
    assert study.ran() == {failing: 1}
    assert study.fit() == [(a, 10, 10 * a) for a in range(1, 6)]
    assert json.loads((study.path / "results/outcome.json").read_text())["failure"] == 0
    assert NOTHING in study.snakemake()


def test_given_up_tasks_are_tried_again_when_code_inputs_or_limits_change(study):
    study.write("resources/input.txt", "1\n")
    config = """\
        study: small
        design: {grid: {a: [1, 3], b: 10}}
        task:
          function: scripts/model.py:simulate
          metrics: [fit]
          inputs: [resources/input.txt]
        chunks: {tasks: 2}
        give_up: 1
        """
    study.configure(config)
    study.snakemake(ok=False)
    assert sorted(study.ran().values()) == [1, 1]
    given_up = tree(study)

    def both_run(changed: str) -> bool:
        output = study.planned()
        finished, failed = f"{changed} changed since plan 1: 1 task", "1 failed task tried again"
        return all(words in output for words in (finished, failed, "to run: 2 tasks"))

    assert "plan 1 is current" in study.planned()
    for line in ("runtime: 20m", "retries: 1", "mem_mb: 100", "threads: 2"):
        study.configure(config.replace("metrics", f"{line}\n          metrics"))
        output = study.planned()
        assert "1 failed task tried again\n  to run: 1 task in 1 chunk" in output, line
    study.configure(config)
    study.write("resources/input.txt", "2\n")
    assert both_run("input resources/input.txt")
    study.write("resources/input.txt", "1\n")
    study.write("scripts/model.py", MODEL.replace("too much", "a lot"))
    assert both_run("scripts/model.py")
    study.write("scripts/model.py", MODEL)
    assert "plan 1 is current" in study.planned()
    assert {n: e[2] for n, e in tree(study).items()} == {n: e[2] for n, e in given_up.items()}

    study.configure(config.replace("metrics", "runtime: 20m\n          metrics"))
    study.snakemake(ok=False)
    tasks = study.tasks().set_index("a")
    assert study.ran() == {tasks.loc[3, "task_id"]: 1}
    assert "plan 2 is current" in study.planned()


def test_accepted_failures_end_with_status_0_and_a_warning(study):
    study.configure(design("[1, 3]"))
    output = study.snakemake("--config", "on_failure=accept", "give_up=1")
    assert "4 tasks, 2 failed" in output
    assert "warning: failures are accepted" in output
    assert study.fit() == FIT[:2]
    outcome = json.loads((study.path / "results/outcome.json").read_text())
    assert (outcome["success"], outcome["failure"]) == (2, 2)
    study.ran()
    accepted = ("--config", "on_failure=accept", "give_up=1")
    assert "plan 1 is current" in study.snakemake(*accepted)
    assert "4 tasks, 2 failed" in study.snakemake("--config", "give_up=1", ok=False)
    assert not study.ran()
    study.snakemake(*accepted)
    assert "2 failed tasks tried again" in study.snakemake("-n")


def test_on_failure_stop_starts_no_new_task_and_the_next_invocation_goes_on(study):
    study.configure(design("[3, 1, 2]", **{"{tasks: 2}": "{tasks: 6}"}) + "on_failure: stop\n")
    output = study.snakemake(ok=False)
    assert sum(study.ran().values()) == 1
    assert "plan 1 is stopped" in output
    assert "three is too much" in output
    assert "pending 5  of 6" in study.verb("status")

    study.write("fixed", "")
    assert "plan 1 was stopped" in study.snakemake()
    assert sorted(study.ran().values()) == [1] * 6
    assert study.fit() == [*FIT, (3, 10, 30), (3, 20, 60)]


@pytest.mark.parametrize("size", [1, 20])
def test_ten_failures_first_stop_the_plan_and_the_next_invocation_plans_again(study, size):
    study.configure(f"""\
        study: small
        design: {{grid: {{a: 3, b: {{range: [0, 12]}}}}}}
        task: {{function: "scripts/model.py:simulate", metrics: [fit]}}
        chunks: {{tasks: {size}}}
        """)
    output = study.snakemake(ok=False)
    assert "first 10 finished tasks all failed" in output
    assert "three is too much" in output
    assert 10 <= sum(study.ran().values()) < 12

    study.write("fixed", "")
    output = study.snakemake()
    assert "plan 2\n" in output
    assert "plan 1 was stopped" in output
    assert sorted(study.ran().values()) == [1] * 12
    assert study.fit() == [(3, b, 3 * b) for b in range(12)]


# -- losses -----------------------------------------------------------------------------------

LOSSES = {
    "outputs": ["results/fit/00000.parquet", "results/metadata/run/00001.parquet"],
    "the task table": ["results/tasks.parquet"],
    "the plan record": ["results/plan/0001.json"],
    "a manifest": ["results/plan/chunks/00000.parquet"],
    "all of results but the store": ["results/fit", "results/metadata", "results/plan"],
    ".snakemake": [".snakemake"],
    "the store": ["results/.store"],
}


@pytest.mark.parametrize("lost", LOSSES)
def test_what_is_lost_comes_back_without_computing(finished, lost):
    paths = [finished.path / name for name in LOSSES[lost]]
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    finished.snakemake()
    assert not finished.ran()
    assert finished.fit() == FIT
    assert sorted(finished.tasks()["a"]) == [1, 1, 2, 2]
    assert sorted(finished.metadata()["status"]) == ["success"] * 4
    assert all(path.exists() for path in paths)
    assert NOTHING in finished.snakemake("-n")


def test_a_lost_store_is_restored_so_that_the_study_grows_and_shrinks_on(finished):
    shutil.rmtree(finished.path / "results/.store")
    finished.configure(design("[2, 4]"))
    finished.snakemake()
    tasks = finished.tasks()
    assert finished.ran() == Counter(tasks[tasks["a"] == 4]["task_id"])
    assert finished.fit() == [*FIT[2:], (4, 10, 40), (4, 20, 80)]


def test_touched_files_and_a_forced_run_compute_nothing(finished):
    for path in finished.path.rglob("*"):
        os.utime(path)
    finished.snakemake()
    assert not finished.ran()
    assert finished.fit() == FIT
    for name in ("config/config.yaml", "scripts/model.py", "results/plan/chunks/00000.parquet"):
        os.utime(finished.path / name)
    finished.snakemake()
    assert not finished.ran()
    output = finished.snakemake("-F")
    assert "4 tasks, all succeeded" in output
    assert not finished.ran()
    assert finished.fit() == FIT


def test_a_study_copied_elsewhere_without_times_goes_on_there(template, tmp_path):
    def without_times(source: str, target: str) -> None:
        shutil.copyfile(source, target)

    ignored = shutil.ignore_patterns(".snakemake")
    moved = Study(tmp_path / "elsewhere")
    shutil.copytree(template.path, moved.path, copy_function=without_times, ignore=ignored)
    moved.configure(design("[1, 2, 4]"))
    moved.snakemake()
    tasks = moved.tasks()
    assert moved.ran() == Counter(tasks[tasks["a"] == 4]["task_id"])
    assert moved.fit() == [*FIT, (4, 10, 40), (4, 20, 80)]


# -- the configuration ------------------------------------------------------------------------


def test_another_studys_configuration_is_refused_and_nothing_changes(finished):
    other = finished.write("other.yaml", CONFIG.replace("study: small", "study: large"))
    before = tree(finished)
    output = finished.snakemake("--configfile", str(other), ok=False)
    for word in ("results", "study small", "other.yaml", "large", "--directory"):
        assert word in output
    assert not finished.ran()
    assert tree(finished) == before


def test_a_configuration_elsewhere_replaces_the_studys_own(finished, tmp_path):
    other = Study(tmp_path / "other")
    other.configure(design("[1, 4]"))
    output = finished.snakemake("--configfile", str(other.path / "config/config.yaml"))
    assert "2 new tasks" in output
    assert sorted(finished.ran().values()) == [1, 1]
    assert finished.fit() == [*FIT[:2], (4, 10, 40), (4, 20, 80)]


# -- a killed run -----------------------------------------------------------------------------


def test_after_kill_9_of_everything_finished_tasks_are_not_computed_again(study):
    study.write("scripts/model.py", SLOW)
    study.configure("""\
        study: small
        design: {grid: {a: {range: [0, 26]}, b: [10, 20]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 52, workers: 2}
        """)

    def noted() -> list[tuple[str, float]]:
        file = study.path / "ran.txt"
        lines = file.read_text().split() if file.exists() else []
        return [(task_id, float(at)) for task_id, at in (line.split(",") for line in lines)]

    with study.started() as run:
        wait_until(lambda: noted() or run.poll() is not None)
        time.sleep(max(0.0, noted()[0][1] + 6.5 - time.time()))
        killed = time.time()
    time.sleep(1)
    first = noted()
    assert max(at for _, at in first) < killed + 0.6, "workers live on after their visit"
    assert 20 < len(first) < 52
    status = study.verb("status")
    stored = int(re.search(r"success (\d+)  failure 0", status)[1])
    assert 0 < stored <= len(first)
    assert f"pending {52 - stored}  of 52" in status

    locked = study.snakemake(ok=False)
    assert "--unlock" in locked
    study.snakemake("--unlock")
    output = study.snakemake()
    assert "plan 1 is current; 1 of its 1 chunks are not finished" in output
    again = Counter(task_id for task_id, _ in noted()[len(first) :])
    assert set(again.values()) == {1}
    # Half a second is what a worker may hold back beside the five of the visit.
    safe = {task_id for task_id, at in first if at < killed - 5.8}
    assert safe
    assert not safe & again.keys()
    assert study.fit() == [(a, b, a * b) for a in range(26) for b in (10, 20)]


# -- chunks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "tasks", "chunks", "number"),
    [
        ("function", 20, "{tasks: 7}", 3),
        ("function", 24, "{tasks: auto}", 8),
        ("function", 20, "{tasks: auto, max: 3}", 3),
        ("function", 20, "{tasks: auto, workers: 2}", 4),
        ("command", 100, "{tasks: auto}", 100),
        ("command", 101, "{tasks: auto}", 8),
    ],
)
def test_how_many_chunks_are_cut(study, kind, tasks, chunks, number):
    text = COMMAND.replace("N", str(tasks))
    if kind == "function":
        text = text.replace(
            'command: [python, scripts/model.py, "{a}"]', "function: scripts/model.py:simulate"
        )
        text = text.replace("{fit: fit.csv}", "[fit]")
    study.configure(f"{text}chunks: {chunks}\n")
    output = study.snakemake("-n", "--quiet", "host")
    assert f"to run: {tasks} tasks in {number} chunks" in output
    names = chunks_run(output)
    assert len(names) == number
    digits = 16 if kind == "command" and tasks <= 100 else 5
    assert {len(name) for name in names} == {digits}


def test_a_command_has_one_file_a_task_named_by_its_id(study):
    study.write("scripts/model.py", COMMAND_MODEL)
    study.configure(COMMAND.replace("N", "3"))
    study.snakemake()
    tasks = study.tasks()
    assert study.ran() == Counter(tasks["task_id"])
    assert tasks["chunk"].tolist() == tasks["task_id"].tolist()
    for task_id, a in zip(tasks["task_id"], tasks["a"], strict=True):
        assert pd.read_parquet(study.path / f"results/fit/{task_id}.parquet")["y"].tolist() == [
            10 * a
        ]
        assert (study.run_directory(task_id) / "fit.csv").exists()
    assert len(list((study.path / "results/fit").iterdir())) == 3


def test_new_tasks_go_on_after_the_highest_seq_and_the_task_table_is_in_its_order(study):
    study.write("scripts/model.py", COMMAND_MODEL)
    study.configure(COMMAND.replace("N", "4"))
    study.snakemake()
    first = study.tasks()
    assert first["seq"].tolist() == first["a"].tolist() == [0, 1, 2, 3]
    assert max(first["chunk"]) != first["chunk"][3], "the last chunk by name holds no last task"
    study.configure(COMMAND.replace("N", "6"))
    study.snakemake()
    grown = study.tasks()
    assert grown["seq"].tolist() == grown["a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert grown["plan"].tolist() == [1, 1, 1, 1, 2, 2]
    assert grown["chunk"].tolist() != sorted(grown["chunk"])


def test_a_chunk_asks_for_the_memory_of_its_largest_task(study):
    study.configure(
        design("[2, 5, 1]", **{"{tasks: 2}": "{tasks: 6}", "[fit]": "[fit]\n  mem_mb: 100 * a"})
    )
    output = study.snakemake("-n", "--quiet", "host")
    assert re.findall(r"mem_mb=(\d+)", output) == ["500"]


def test_chunks_by_a_parameter_hold_one_value_of_it_each(study):
    study.configure(
        CONFIG.replace("a: [1, 2]", "a: [1, 2, 4]").replace("{tasks: 2}", "{tasks: 4, by: [b]}")
    )
    study.snakemake()
    tasks = study.tasks()
    assert tasks.groupby("chunk")["b"].unique().map(list).tolist() == [[10], [20]]
    assert tasks.groupby("chunk").size().tolist() == [3, 3]
    assert study.fit() == [*FIT, (4, 10, 40), (4, 20, 80)]


def test_two_workers_run_side_by_side_and_give_the_same_tables(study, template):
    (study.path / "scripts/model.py").write_text(
        MODEL.replace("def ", MEETING + "def ").replace(
            '    if params["a"]', '    meet()\n    if params["a"]'
        )
    )
    study.configure(CONFIG.replace("{tasks: 2}", "{tasks: 4, workers: 2}"))
    study.snakemake()
    assert sorted(study.ran().values()) == [1, 1, 1, 1]
    assert len(list((study.path / "meeting").iterdir())) == 2
    pd.testing.assert_frame_equal(
        study.table("fit").reset_index(drop=True), template.table("fit").reset_index(drop=True)
    )


# -- types ------------------------------------------------------------------------------------


def assert_one_table(study: Study, columns: dict[str, list]) -> None:
    """results/fit reads as these columns, sorted by them, in every reader; types agree in files."""
    directory = study.path / "results/fit"
    dataset = pytest.importorskip("pyarrow.dataset")
    from pyarrow import parquet

    schemas = {str(parquet.read_schema(path).remove_metadata()) for path in directory.iterdir()}
    assert len(schemas) == 1
    metadata = (study.path / "results/metadata/run").iterdir()
    assert len({str(parquet.read_schema(path).remove_metadata()) for path in metadata}) == 1
    names = list(columns)
    wanted = sorted(zip(*columns.values(), strict=True), key=str)

    def rows(mapping: dict[str, list]) -> list[tuple]:
        return sorted(zip(*(mapping[name] for name in names), strict=True), key=str)

    assert rows(dataset.dataset(directory).to_table().to_pydict()) == wanted
    frame = pd.read_parquet(directory)
    plain = frame.astype(object).where(frame.notna(), None).to_dict("list")
    assert rows(plain) == wanted
    polars = pytest.importorskip("polars")
    assert rows(polars.read_parquet(directory / "*.parquet").to_dict(as_series=False)) == wanted
    duckdb = pytest.importorskip("duckdb")
    listed = ", ".join(f'"{name}"' for name in names)
    query = f"select {listed} from read_parquet('{directory}/*.parquet')"
    assert sorted(duckdb.sql(query).fetchall(), key=str) == wanted


def test_int_then_float_is_one_double_column(finished):
    finished.configure(design("[1, 2, 2.5]"))
    finished.snakemake()
    assert_one_table(
        finished,
        {
            "a": [1.0, 1.0, 2.0, 2.0, 2.5, 2.5],
            "b": [10, 20] * 3,
            "y": [10.0, 20.0, 20.0, 40.0, 25.0, 50.0],
        },
    )
    assert finished.table("fit").dtypes.astype(str).to_dict()["a"] == "float64"
    assert finished.table("fit").dtypes.astype(str).to_dict()["y"] == "float64"
    assert str(finished.tasks()["a"].dtype) == "float64"
    assert sorted(finished.ran().values()) == [1, 1]

    finished.configure(CONFIG)  # and back: its own type again, nothing computed
    finished.snakemake()
    assert finished.fit() == FIT
    assert not finished.ran()


def test_int_then_text_is_one_text_column(finished):
    finished.configure(design("[1, 2, x]"))
    finished.snakemake()
    assert_one_table(
        finished,
        {
            "a": ["1", "1", "2", "2", "x", "x"],
            "b": [10, 20] * 3,
            "y": ["10", "20", "20", "40", "x" * 10, "x" * 20],
        },
    )
    assert finished.tasks()["a"].tolist() == ["1", "1", "2", "2", "x", "x"]
    assert sorted(finished.ran().values()) == [1, 1]


def test_a_parameter_of_a_later_block_is_null_in_earlier_rows(finished):
    finished.configure("""\
        study: small
        design:
          - grid: {a: [1, 2], b: [10, 20]}
          - grid: {a: 4, b: 10, c: [0.5, 1]}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 2}
        """)
    finished.snakemake()
    assert_one_table(
        finished,
        {
            "a": [1, 1, 2, 2, 4, 4],
            "b": [10, 20, 10, 20, 10, 10],
            "c": [None] * 4 + [0.5, 1.0],
            "y": [10, 20, 20, 40, 40, 40],
        },
    )
    assert list(pd.read_parquet(finished.path / "results/fit").columns) == [
        "task_id", "a", "b", "c", "y",
    ]  # fmt: skip
    assert sorted(finished.ran().values()) == [1, 1]


def test_columns_null_missing_or_without_rows_in_a_chunk_have_one_type(study):
    study.write(
        "scripts/model.py",
        """\
        def simulate(params):
            return {
                1: {"y": None},
                2: [],
                3: [{"y": 1, "z": "t"}, {"y": 2.5, "z": None}],
            }[params["a"]]
        """,
    )
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2, 3]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 1}
        """)
    study.snakemake()
    assert_one_table(study, {"a": [1, 3, 3], "y": [None, 1.0, 2.5], "z": [None, "t", None]})
    assert len(list((study.path / "results/fit").iterdir())) == 3


def test_nothing_is_left_in_the_temporary_directory(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    study.edit("scripts/model.py", "    return", "    open('scratch.txt', 'w').close()\n    return")
    study.edit("config/config.yaml", "tasks: 2", "tasks: 2, workers: 2")
    study.snakemake()
    assert not [path for path in (tmp_path / "temporary").iterdir() if "snakestudy" in path.name]
