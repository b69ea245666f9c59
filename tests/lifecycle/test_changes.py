"""What makes results out of date and what does not, and what is done about it.

Long: one table of changes, and the few real runs that show a mechanism.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import numpy
import pandas as pd
import pytest
from kit import Study, wait_until

from snakestudy.values import task_id

NOTHING = "Nothing to be done"

FILES = {
    "scripts/model.py": '''\
"""A program."""
import os
import sys
from pathlib import Path

import helper

with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
    file.write(os.environ["STUDY_TASK_ID"] + "\\n")


def number(path):
    """The number in a file."""
    return int(Path(path).read_text())


a, d, named, *more = map(str, sys.argv[1:])
lib = number(os.environ["STUDY_DIR"] + "/scripts/lib/three.txt")
y = helper.times(int(a)) + number(named) + number("input.txt") + lib
y += int(os.environ["ADD"]) + int(os.environ["SET"]) + 100000 * int(d) + 1000000 * len(more)
Path("fit.csv").write_text(f"y\\n{y}\\n")
print("a =", a)
''',
    "scripts/helper.py": "def times(a):\n    return 10 * a\n",
    "scripts/readers.py": '''\
def curve(path):
    """Rows."""
    return {"n": len(path.read_text())}
''',
    "scripts/lib/three.txt": "0",
    "resources/named.txt": "0",
    "resources/input.txt": "0",
    "config/config.yaml": """\
study: small
design: {grid: {a: [1, 2]}}
derive: {d: "a * 0"}
task:
  command: [python, scripts/model.py, "{a}", "{d}", resources/named.txt]
  setup: export SET=0
  env: {ADD: "0"}
  inputs: [resources/input.txt]
  depends: [scripts/lib/*.txt]
  metrics:
    fit: fit.csv
    curve: {path: stdout.log, reader: "scripts/readers.py:curve"}
chunks: {tasks: 2}
""",
}

FUNCTION = {
    "scripts/model.py": '''\
"""A model."""
import os

import middle


def simulate(params):
    """One task."""
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(os.environ["STUDY_TASK_ID"] + "\\n")
    return {"y": middle.helper.times(params["a"])}


def other(params):
    return {"y": simulate(params)["y"] + 5}
''',
    "scripts/middle.py": "from lib import helper\n",
    "scripts/lib/__init__.py": "",
    "scripts/lib/helper.py": "def times(a):\n    # ten times\n    return 10 * a\n",
    "config/config.yaml": """\
study: small
design: {grid: {a: [1, 2]}}
task: {function: "scripts/model.py:simulate", metrics: [fit]}
chunks: {tasks: 2}
""",
}


def build(path: Path, files: dict[str, str]) -> Study:
    study = Study(path)
    for name, text in files.items():
        study.write(name, text)
    study.snakemake()
    assert sorted(study.ran().values()) == [1, 1]
    assert ys(study) == BEFORE
    return study


@pytest.fixture(scope="module")
def command_template(tmp_path_factory) -> Study:
    return build(tmp_path_factory.mktemp("command") / "study", FILES)


@pytest.fixture(scope="module")
def function_template(tmp_path_factory) -> Study:
    return build(tmp_path_factory.mktemp("function") / "study", FUNCTION)


@pytest.fixture
def command(command_template: Study, tmp_path: Path) -> Study:
    """A finished command study of two tasks, with run directories."""
    return command_template.copy(tmp_path / "study")


@pytest.fixture
def bare(command: Study) -> Study:
    """The same with its run directories gone."""
    shutil.rmtree(command.path / "runs")
    return command


@pytest.fixture
def function(function_template: Study, tmp_path: Path) -> Study:
    """A finished function study of two tasks."""
    return function_template.copy(tmp_path / "study")


def ys(study: Study) -> list[int]:
    return sorted(study.table("fit")["y"])


def ids(study: Study) -> list[str]:
    return sorted(study.metadata()["task_id"])


def newest_plan(study: Study) -> str:
    return max(path.stem for path in (study.path / "results/plan").glob("*.json"))


# -- what counts ------------------------------------------------------------------------------

CONFIG = "config/config.yaml"
MODEL = "scripts/model.py"

BEFORE = [10, 20]  # values of y
# case -> the study, its edits (file, old, new), what is said to have changed, the new values of y
COUNTS = {
    "command": (
        "command",
        (CONFIG, "resources/named.txt]", "resources/named.txt, more]"),
        "the command changed",
        [1000010, 1000020],
    ),
    "setup": ("command", (CONFIG, "SET=0", "SET=3"), "the setup changed", [13, 23]),
    "env": ("command", (CONFIG, '"0"}', '"4"}'), "the env changed", [14, 24]),
    "program": ("command", (MODEL, "y = helper", "y = 1 + helper"), f"{MODEL} changed", [11, 21]),
    "module of a program": (
        "command",
        ("scripts/helper.py", "10 *", "11 *"),
        "scripts/helper.py changed",
        [11, 22],
    ),
    "input": (
        "command",
        ("resources/input.txt", "0", "5"),
        "input resources/input.txt changed",
        [15, 25],
    ),
    "file named in the command": (
        "command",
        ("resources/named.txt", "0", "6"),
        "resources/named.txt changed",
        [16, 26],
    ),
    "depends": (
        "command",
        ("scripts/lib/three.txt", "0", "7"),
        "scripts/lib/three.txt changed",
        [17, 27],
    ),
    "formula of derive": (
        "command",
        (CONFIG, "a * 0", "a * 1"),
        "the formula of d changed",
        [100010, 200020],
    ),
    "function": ("function", (MODEL, "times(params", "times(1 + params"), MODEL, [20, 30]),
    "another function": ("function", (CONFIG, ":simulate", ":other"), "the function", [15, 25]),
    "module imported by a module": (
        "function",
        ("scripts/lib/helper.py", "return 10", "return 11"),
        "scripts/lib/helper.py changed",
        [11, 22],
    ),
}


@pytest.mark.parametrize("case", COUNTS)
def test_tasks_are_to_run_again_after_a_change_of(case, request):
    kind, edit, words, _ = COUNTS[case]
    study = request.getfixturevalue(kind)
    study.edit(*edit)
    output = study.planned()
    assert words in output
    assert "since plan 1: 2 tasks" in output
    assert "run again" in output
    assert "to run: 2 tasks in 1 chunk" in output


@pytest.mark.parametrize(
    "cases",
    [
        ["program"],
        ["command", "setup", "env"],
        ["module of a program", "input", "file named in the command", "depends"],
        ["formula of derive"],
        ["another function"],
        ["module imported by a module"],
    ],
    ids=", ".join,
)
def test_tasks_run_again_with_a_changed(cases, request):
    kind = COUNTS[cases[0]][0]
    study = request.getfixturevalue(kind)
    for case in cases:
        study.edit(*COUNTS[case][1])
    output = study.snakemake()
    for case in cases:
        assert COUNTS[case][2] in output
    assert "to run: 2 tasks in 1 chunk" in output
    assert study.ran() == Counter(ids(study))
    differences = [numpy.subtract(COUNTS[case][3], BEFORE) for case in cases]  # they add up
    assert ys(study) == (BEFORE + sum(differences)).tolist()
    assert set(study.metadata()["plan"]) == {2}


def test_the_dry_run_tells_what_changed_and_writes_nothing(command):
    command.edit("scripts/helper.py", "10 *", "11 *")
    command.edit("resources/input.txt", "0", "5")
    command.edit(CONFIG, "[1, 2]", "[1, 2, 4]")

    def contents() -> dict[str, bytes]:
        files = [p for p in command.path.rglob("*") if p.is_file() and ".snakemake" not in p.parts]
        return {str(path): path.read_bytes() for path in files}

    before = contents()
    output = command.snakemake("-n")
    assert "plan 2\n  1 new task\n" in output
    assert (
        "input resources/input.txt changed; scripts/helper.py changed since plan 1: 2 tasks ("
        in output
    )
    assert "to run: 3 tasks in 2 chunks" in output
    assert contents() == before


def test_a_new_file_that_depends_matches_counts(command):
    command.write("scripts/lib/four.txt", "4")
    output = command.snakemake("-n")
    assert "scripts/lib/four.txt was added since plan 1: 2 tasks" in output
    assert "to run: 2 tasks in 1 chunk" in output


def test_a_change_taken_back_before_a_run_is_none(function):
    function.edit("scripts/lib/helper.py", "return 10", "return 11")
    assert "to run: 2 tasks" in function.snakemake("-n")
    function.edit("scripts/lib/helper.py", "return 11", "return 10")
    assert NOTHING in function.snakemake()


def test_an_input_of_one_task_runs_that_task_again_on_rehash(study):
    for a in (1, 2):
        study.write(f"resources/{a}.txt", f"{a}\n")
    study.write(
        MODEL,
        """\
        import os

        def simulate(params):
            with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
                file.write(os.environ["STUDY_TASK_ID"] + "\\n")
            return {"y": int(open(f"{params['a']}.txt").read())}
        """,
    )
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2]}}
        task:
          function: scripts/model.py:simulate
          inputs: ["resources/{a}.txt"]
          metrics: [fit]
        chunks: {tasks: 2}
        """)
    study.snakemake()
    assert sorted(study.ran().values()) == [1, 1]
    study.write("resources/2.txt", "30\n")
    output = study.snakemake("--config", "rehash=1")
    table = study.table("fit").set_index("a")
    assert study.ran() == {table.loc[2, "task_id"]: 1}
    assert table["y"].to_dict() == {1: 1, 2: 30}
    assert "1 task" in output
    assert "to run: 1 task in 1 chunk" in output
    assert "no task has to run" not in output


# -- what does not count ----------------------------------------------------------------------

SAME = {
    "a comment in the program": ("command", (MODEL, "import sys", "import sys  # a comment")),
    "a docstring": ("command", (MODEL, '"""The number in a file."""', '"""A number."""')),
    "a new docstring": ("function", (MODEL, "other(params):", 'other(params):\n    """x"""')),
    "formatting": ("function", (MODEL, '{"y": middle', "{  'y'  : middle")),
    "a comment in a module": ("function", ("scripts/lib/helper.py", "# ten times", "# 10 times")),
    "a comment in the configuration": ("command", (CONFIG, "study:", "# mine\nstudy:")),
    "another way to write the configuration": ("function", (CONFIG, "{a: [1, 2]}", '{"a": [1,2]}')),
    "threads": ("command", (CONFIG, "  setup:", "  threads: 2\n  setup:")),
    "mem_mb": ("command", (CONFIG, "  setup:", "  mem_mb: 100\n  setup:")),
    "runtime": ("command", (CONFIG, "  setup:", "  runtime: 20m\n  setup:")),
    "retries": ("command", (CONFIG, "  setup:", "  retries: 2\n  setup:")),
    "chunks": ("command", (CONFIG, "{tasks: 2}", "{tasks: 1, workers: 2}")),
    "resources": ("command", (CONFIG, "chunks:", "resources: {gpu: 1}\nchunks:")),
    "a comment in a reader": ("bare", ("scripts/readers.py", "def", "# a reader\ndef")),
    "a docstring of a reader": ("bare", ("scripts/readers.py", "Rows.", "Some rows.")),
}


@pytest.mark.parametrize("case", SAME)
def test_plan_stays_current_after_a_change_of(case, request):
    kind, edit = SAME[case]
    study = request.getfixturevalue(kind)
    study.edit(*edit)
    assert study.planned() == "small: plan 1 is current."


@pytest.mark.parametrize("kind", ["command", "function", "bare"])
def test_nothing_runs_again_after_all_changes_that_do_not_count(kind, request):
    study = request.getfixturevalue(kind)
    for its_kind, edit in SAME.values():
        if its_kind == kind:
            study.edit(*edit)
    output = study.snakemake()
    assert NOTHING in output
    assert "plan 1 is current" in output
    assert not study.ran()
    assert ys(study) == BEFORE


def test_nothing_runs_again_after_a_touch(command):
    touched = [path for path in command.path.rglob("*") if "results" not in path.parts]
    assert command.path / "resources/input.txt" in touched
    for path in touched:
        os.utime(path)
    assert NOTHING in command.snakemake()
    assert not command.ran()


def test_an_added_formula_is_a_column_without_a_run_and_a_dropped_one_is_gone(command):
    command.edit(CONFIG, 'd: "a * 0"', 'd: "a * 0", e: "a + 0.5"')
    output = command.snakemake()
    assert "to run:" not in output
    assert not command.ran()
    for name in ("fit", "curve", "metadata/run", "tasks.parquet"):
        table = pd.read_parquet(command.path / "results" / name).sort_values("a")
        assert table["e"].tolist() == [1.5, 2.5]
        assert table["d"].tolist() == [0, 0]
    assert NOTHING in command.snakemake("-n")

    command.edit(CONFIG, ', e: "a + 0.5"', "")
    command.snakemake()
    assert not command.ran()
    for name in ("fit", "metadata/run", "tasks.parquet"):
        assert "e" not in pd.read_parquet(command.path / "results" / name).columns


# -- metrics ----------------------------------------------------------------------------------


def test_a_new_metric_is_read_from_kept_run_directories_and_a_dropped_one_leaves(command):
    command.edit(
        CONFIG,
        "    fit: fit.csv\n",
        "    fit: fit.csv\n    again: {path: stdout.log, regex: 'a = (?P<seen>\\d+)'}\n",
    )
    output = command.snakemake()
    assert "metric again is new" in output
    assert "2 tasks read again from their run directories" in output
    assert not command.ran()
    assert command.table("again").set_index("a")["seen"].to_dict() == {1: 1, 2: 2}
    assert ys(command) == [10, 20]

    command.edit(CONFIG, "    fit: fit.csv\n", "")
    command.snakemake()
    assert not command.ran()
    assert not (command.path / "results/fit").exists()
    assert sorted(command.table("again")["seen"]) == [1, 2]
    assert NOTHING in command.snakemake("-n")


def test_a_changed_reader_reads_kept_run_directories_again(command):
    command.edit("scripts/readers.py", "len(path.read_text())", "-len(path.read_text())")
    output = command.snakemake()
    assert "metric curve" in output
    assert "2 tasks read again from their run directories" in output
    assert not command.ran()
    assert command.table("curve")["n"].tolist() == [-6, -6]
    assert ys(command) == [10, 20]


def test_a_changed_reader_runs_tasks_again_where_no_run_directories_are_kept(bare):
    bare.edit("scripts/readers.py", "len(path.read_text())", "-len(path.read_text())")
    output = bare.snakemake()
    assert "metric curve" in output
    assert "2 tasks (" in output
    assert "run again" in output
    assert "to run: 2 tasks in 1 chunk" in output
    assert bare.ran() == Counter(ids(bare))
    assert bare.table("curve")["n"].tolist() == [-6, -6]


def test_a_new_metric_of_a_function_runs_its_tasks_again(function):
    function.edit(CONFIG, "[fit]", "[fit, more]")
    function.edit(MODEL, 'return {"y": middle', 'return {"more": {"z": 1}, "fit": [{"y": middle')
    function.edit(MODEL, 'times(params["a"])}', 'times(params["a"])}]}')
    output = function.snakemake()
    assert "2 tasks" in output
    assert "run again" in output
    assert function.ran() == Counter(ids(function))
    assert ys(function) == [10, 20]
    assert function.table("more")["z"].tolist() == [1, 1]


# -- on_change --------------------------------------------------------------------------------


def make_dear(study: Study, seconds: float) -> None:
    """Pretend that every finished task took so long."""
    for path in study.path.glob("results/.store/*/state.json"):
        state = json.loads(path.read_text())
        limits, rows = state["steps"]["run"]
        rows = [[*row[:-1], seconds * row[-2]] for row in rows]
        state["steps"]["run"] = [limits, rows]
        path.write_text(json.dumps(state))


def test_on_change_auto_stops_above_a_cpu_hour_and_rerun_goes_on(function):
    function.edit("scripts/lib/helper.py", "return 10", "return 11")
    function.edit(CONFIG, "[1, 2]", "[1, 2, 4]")
    make_dear(function, 1790)
    assert "3 tasks in 2 chunks" in function.snakemake("-n")
    make_dear(function, 1810)
    for arguments in (["-n"], []):
        output = function.snakemake(*arguments, ok=False)
        for words in (
            "scripts/lib/helper.py changed",
            "2 finished tasks (1 CPU-hours)",
            "nothing was planned",
            "--config on_change=rerun",
            "on_change=keep",
        ):
            assert words in output
    assert not function.ran()
    assert newest_plan(function) == "0001"
    assert ys(function) == [10, 20]

    function.snakemake("--config", "on_change=rerun")
    assert function.ran() == Counter(ids(function))
    assert ys(function) == [11, 22, 44]
    assert NOTHING in function.snakemake("-n")


def test_on_change_keep_keeps_now_and_later_and_new_tasks_run_the_new_code(function):
    function.edit("scripts/lib/helper.py", "return 10", "return 11")
    output = function.snakemake("--config", "on_change=keep")
    assert "scripts/lib/helper.py changed since plan 1: 2 tasks" in output
    assert "kept as they are" in output
    assert "to run:" not in output
    assert not function.ran()
    assert ys(function) == [10, 20]

    output = function.snakemake()
    assert NOTHING in output
    assert not function.ran()

    function.edit(CONFIG, "[1, 2]", "[1, 2, 4]")
    function.snakemake()
    table = function.table("fit").set_index("a")
    assert function.ran() == {table.loc[4, "task_id"]: 1}
    assert table["y"].to_dict() == {1: 10, 2: 20, 4: 44}
    digests = function.metadata().set_index("a")["digest"]
    assert digests[1] == digests[2] != digests[4]
    assert NOTHING in function.snakemake("-n")


@pytest.mark.parametrize("give_up", [1, 3])
def test_on_change_keep_runs_failed_tasks_with_the_mended_code(study, give_up):
    study.edit(CONFIG, "a: [1, 2]", "a: [1, 2, 3]")
    study.edit(CONFIG, "chunks:", f"give_up: {give_up}\nchunks:")
    study.snakemake(ok=False)
    study.ran()
    study.edit("scripts/model.py", 'raise ValueError("three is too much")', "pass")
    said = study.snakemake("--config", "on_change=keep")
    assert "scripts/model.py changed since plan 1: 4 tasks" in said
    assert "2 failed tasks tried again" in said
    assert "to run: 2 tasks" in said
    assert study.ran() == {task_id({"a": 3, "b": b}): 1 for b in (10, 20)}
    assert study.fit() == [(a, b, a * b) for a in (1, 2, 3) for b in (10, 20)]
    assert NOTHING in study.snakemake("-n")


def test_on_change_stop_lets_failed_tasks_run_if_no_finished_one_would(study):
    study.edit(CONFIG, "a: [1, 2]", "a: [3]")
    study.edit(CONFIG, "chunks:", "on_change: stop\nchunks:")
    study.snakemake(ok=False)
    study.ran()
    study.edit("scripts/model.py", 'raise ValueError("three is too much")', "pass")
    said = study.snakemake()
    assert "scripts/model.py changed since plan 1: 2 failed tasks tried again" in said
    assert len(study.ran()) == 2


def test_on_change_stop_plans_nothing_not_even_growth(function):
    function.edit(CONFIG, "[1, 2]}}", "[1, 2, 4]}}\non_change: stop")
    function.edit("scripts/lib/helper.py", "return 10", "return 11")
    output = function.snakemake(ok=False)
    assert "scripts/lib/helper.py changed" in output
    assert "2 finished tasks" in output
    assert "--config on_change=rerun" in output
    assert not function.ran()
    assert newest_plan(function) == "0001"
    function.edit("scripts/lib/helper.py", "return 11", "return 10")
    output = function.snakemake("-n")
    assert "1 new task\n  to run: 1 task in 1 chunk" in output


# -- edits while it runs ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["function", "command"])
def test_edit_undone_while_tasks_run_leaves_no_row_of_it(study, kind: str):
    program = """\
        import json, os, time

        def simulate(params):
            with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
                file.write(os.environ["STUDY_TASK_ID"] + "\\n")
            time.sleep(0.4)
            return {"y": 10 * params["a"]}

        if __name__ == "__main__":
            print("y =", simulate(json.load(open("params.json")))["y"])
        """
    model = study.write(MODEL, program)
    how = {
        "function": 'function: "scripts/model.py:simulate", metrics: [fit]',
        "command": "command: [python, scripts/model.py], "
        "metrics: {fit: {path: stdout.log, regex: 'y = (?P<y>.*)'}}",
    }
    study.configure(f"""\
        study: small
        design: {{grid: {{a: [1, 2, 3, 4, 5, 6]}}}}
        task: {{{how[kind]}}}
        chunks: {{tasks: 6}}
        """)
    times = model.stat()
    with study.started() as run:
        wait_until((study.path / "ran.txt").exists)
        for old, new in (("10 *", "99 *"), ("99 *", "10 *")):
            study.edit(MODEL, old, new)
            os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
            time.sleep(1)
        assert run.wait(timeout=60) != 0
    output = (study.path / "output.txt").read_text()
    assert "scripts/model.py was written to while tasks ran; run snakemake again" in output
    study.snakemake()
    assert ys(study) == [10, 20, 30, 40, 50, 60]
    assert NOTHING in study.snakemake("-n")


def test_code_edited_while_a_visit_runs_ends_it_and_the_next_run_is_right(study):
    study.write(
        MODEL,
        """\
        import os
        import time

        def simulate(params):
            with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
                file.write(os.environ["STUDY_TASK_ID"] + "\\n")
            time.sleep(0.4)
            return {"y": 10 * params["a"]}
        """,
    )
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2, 3, 4, 5]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 5}
        """)
    with study.started() as run:
        wait_until((study.path / "ran.txt").exists)
        study.edit(MODEL, "10 *", "11 *")
        assert run.wait(timeout=60) != 0
    output = (study.path / "output.txt").read_text()
    assert "scripts/model.py changed since the plan; run snakemake again" in output
    assert not list(study.path.glob("results/fit/*.parquet"))

    study.ran()
    study.snakemake()
    assert sorted(study.ran().values()) == [1] * 5
    assert ys(study) == [11, 22, 33, 44, 55]
    assert NOTHING in study.snakemake("-n")
