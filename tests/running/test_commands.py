"""What a task runs and finds, what becomes of its end, what is read from what it leaves.

Long: each study holds many cases, for a run of Snakemake is dear.
"""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psutil
import pytest
from kit import Study

import snakestudy

REPORT = """\
import json, os, sys
report = {
    "argv": sys.argv[1:],
    "script": sys.argv[0],
    "cwd": os.getcwd(),
    "stdin": sys.stdin.read(),
    "params": json.load(open(os.environ["STUDY_PARAMS"])),
    "env": {name: value for name, value in os.environ.items()
            if name.startswith("STUDY_") or name in ("OMP_NUM_THREADS", "LABEL", "FROM_SETUP")},
}
json.dump(report, open("report.json", "w"))
print("to stdout")
print("to stderr", file=sys.stderr)
open("fit.csv", "w").write("y\\n1.5\\n")
"""


def metadata(study: Study) -> pd.DataFrame:
    return study.table("metadata/run")


def errors(study: Study) -> dict[str, str | None]:
    """case -> the task's error."""
    table = metadata(study)
    pairs = zip(table["case"], table["error"], strict=True)
    return {case: None if pd.isna(error) else error for case, error in pairs}


def run_directory(study: Study, task_id: str) -> Path:
    return study.path / "runs" / task_id[:2] / task_id


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# -- what a command is given --------------------------------------------------------------------

LIST = """\
  command: [python, scripts/report.py, --rate, "{model.rate}", "--size={model.size}", "{name}",
            "{{x}}", "{threads}", "{task_id}", resources/data.txt, no/such.txt, data.txt, "{flag}",
            "{list}", ""]
"""
STRING = """\
  command: |
    read -r first < "$STUDY_DIR/resources/data.txt"
    python $STUDY_DIR/scripts/report.py --rate {model.rate} --size={model.size} {name} \\
      "{{x}}" {threads} {task_id} $STUDY_DIR/resources/data.txt no/such.txt data.txt {flag} \\
      {list} "" | tee piped.txt
    echo "$first" > first.txt
"""


@pytest.mark.parametrize("command", [LIST, STRING], ids=["list", "string"])
def test_command_gets_words_params_environment_setup_and_its_own_directory(
    study: Study, command: str
) -> None:
    study.write("scripts/report.py", REPORT)
    study.write("resources/data.txt", "one line\n")
    study.configure(
        "study: words\n"
        "design:\n"
        "  grid: {model.rate: 0.5, model.size: 3, name: 'a  b', flag: true, list: [[1, x]]}\n"
        "derive: {double: model.rate * 2}\n"
        "task:\n" + command + "  setup: |\n"
        "    part='set  up'\n"
        '    export FROM_SETUP="${part}"\n'
        "  env: {OMP_NUM_THREADS: '{threads}', LABEL: '<{name}> {{}}'}\n"
        "  threads: 2\n"
        "  metrics: {fit: fit.csv}\n"
    )
    study.snakemake()
    fit = study.table("fit")
    (task_id,) = fit["task_id"]
    own = run_directory(study, task_id)
    report = json.loads((own / "report.json").read_text())
    assert Path(report["cwd"]) == own
    assert report["script"] == str(study.path / "scripts/report.py")
    data = str(study.path / "resources/data.txt")
    assert report["argv"] == [
        *("--rate", "0.5", "--size=3", "a  b", "{x}", "2", task_id),
        *(data, "no/such.txt", "data.txt", "true", '[1, "x"]', ""),
    ]
    assert report["stdin"] == ""
    model = {"rate": 0.5, "size": 3}
    params = {"model": model, "name": "a  b", "flag": True, "list": [1, "x"], "double": 1.0}
    assert report["params"] == params
    assert json.loads((own / "params.json").read_text()) == params
    assert report["env"] == {
        "STUDY_DIR": str(study.path),
        "STUDY_TASK_ID": task_id,
        "STUDY_PARAMS": str(own / "params.json"),
        "STUDY_THREADS": "2",
        "STUDY_ATTEMPT": "1",
        "STUDY_METRICS": "[]",
        "OMP_NUM_THREADS": "2",
        "LABEL": "<a  b> {}",
        "FROM_SETUP": "set  up",
    }
    assert (own / "stdout.log").read_text() == "to stdout\n"
    assert (own / "stderr.log").read_text() == "to stderr\n"
    note = json.loads((own / "task.json").read_text())
    assert note["task_id"] == task_id
    assert note["status"] == "success"
    assert note["exit_code"] == 0
    assert note["plan"] == 1
    assert list(fit["y"]) == [1.5]
    if command is STRING:
        assert (own / "piped.txt").read_text() == "to stdout\n"
        assert (own / "first.txt").read_text() == "one line\n"


def test_long_inline_code_with_a_slash_is_a_word_like_any_other(study: Study) -> None:
    code = "y = 1; " * 60 + "x = y / 2; open('fit.csv', 'w').write('y\\n%s\\n' % x)"
    task = {"command": ["python", "-c", code], "metrics": {"fit": "fit.csv"}}
    study.configure(json.dumps({"study": "s", "design": {"grid": {"a": 1}}, "task": task}))
    study.snakemake(ok=None)
    assert list(metadata(study)["error"].dropna()) == []
    assert list(study.table("fit")["y"]) == [0.5]


@pytest.mark.parametrize("form", ['"$STUDY_DIR"/scripts', '"${{STUDY_DIR}}/scripts"'])
def test_script_of_a_string_command_is_found_and_watched_however_it_is_quoted(
    study: Study, form: str
) -> None:
    study.write("scripts/report.py", REPORT)
    study.configure(
        f"""\
        study: quoted
        design: {{grid: {{a: 1}}}}
        task: {{command: 'python {form}/report.py', metrics: {{fit: fit.csv}}}}
        """
    )
    study.snakemake()
    assert list(study.table("fit")["y"]) == [1.5]
    study.edit("scripts/report.py", "1.5", "2.5")
    assert "scripts/report.py changed" in study.snakemake("-n")


def test_inputs_are_copied_shared_linked_renamed_and_rendered(study: Study) -> None:
    study.write("resources/shared.txt", "shared")
    study.write("resources/copied.txt", "copied")
    study.write("resources/linked.txt", "linked")
    study.write("resources/name with space.txt", "renamed")
    for group in ("x", "y"):
        study.write(f"inits/{group}_{group}{group}.dat", f"init of {group}")
    study.write("templates/in.j2", "{% if b %}rate = {{ model.rate }}{% endif %}\n{{ a }}\r\n\n")
    study.write("templates/in.dollar", "group = $a, ${b}, $$HOME\n")
    study.configure(
        """\
        study: inputs
        design: {grid: {a: [x, y], b: 2, model.rate: 1e-3}}
        task:
          command: |
            cat shared.txt copied.txt linked.txt deep/er/new.txt own.dat > all.txt
            echo changed >> copied.txt
          inputs:
            - resources/shared.txt
            - {path: resources/copied.txt, linkage: copy}
            - {path: resources/linked.txt, linkage: link}
            - {path: resources/name with space.txt, rename: deep/er/new.txt}
            - {path: "inits/{a}_{a}{a}.dat", rename: own.dat}
            - {path: "inits/{a}_{a}{a}.dat", rename: "again/{a}.dat", linkage: link}
            - {path: templates/in.j2, render: jinja, rename: in.txt}
            - {path: templates/in.dollar, render: dollar}
        """
    )
    study.snakemake()
    table = metadata(study)
    assert len(table) == 2
    for task_id, a in zip(table["task_id"], table["a"], strict=True):
        own = run_directory(study, task_id)
        assert (own / "all.txt").read_text() == f"sharedcopiedlinkedrenamedinit of {a}"
        shared = (own / "shared.txt").resolve()
        assert (own / "shared.txt").is_symlink()
        assert shared.is_relative_to(study.path / "runs/shared")
        assert shared.stat().st_mode & 0o222 == 0
        assert not (own / "copied.txt").is_symlink()
        assert (own / "copied.txt").read_text() == "copiedchanged\n"
        assert (own / "linked.txt").is_symlink()
        assert (own / "linked.txt").resolve() == study.path / "resources/linked.txt"
        assert (own / "deep/er/new.txt").resolve().is_relative_to(study.path / "runs/shared")
        assert not (own / "own.dat").is_symlink()
        assert (own / f"again/{a}.dat").resolve() == study.path / f"inits/{a}_{a}{a}.dat"
        assert (own / "in.txt").read_text() == f"rate = 0.001\n{a}\n\n"
        assert (own / "in.dollar").read_text() == f"group = {a}, 2, $HOME\n"
    assert len({(run_directory(study, i) / "shared.txt").resolve() for i in table["task_id"]}) == 1
    assert (study.path / "resources/copied.txt").read_text() == "copied"


def test_jinja_template_may_loop_with_its_own_names_and_range(study: Study) -> None:
    study.write("in.txt", "{% for i in range(a) %}{{ i }} {% endfor %}{% set c = a %}{{ c }}")
    study.configure(
        """\
        study: inputs
        design: {grid: {a: 3}}
        task: {command: ['true'], inputs: [{path: in.txt, render: jinja}]}
        """
    )
    study.snakemake()
    (task_id,) = metadata(study)["task_id"]
    assert (run_directory(study, task_id) / "in.txt").read_text() == "0 1 2 3"


# -- what is read from what it leaves -----------------------------------------------------------

METRICS = """\
import json, os
from pathlib import Path

case = json.load(open("params.json"))["case"]
files = {
    "table.csv": 'y,name\\n1,"p, q"\\n2.5,r\\n',
    "table.tsv": "y\\tz\\n1\\t\\n",
    "rows.json": json.dumps([{"y": 1}, {"y": 2, "z": "t"}]),
    "rows.jsonl": '{"y": 1}\\n\\n{"y": 2}\\n',
    "white.dat": "# t  p\\n0.0  1.0D-03\\n0.5  2\\n",
    "out/curve.txt": "3 4 5",
}
if case == "no file":
    del files["table.csv"]
if case == "ragged":
    files["table.csv"] = "y,name\\n1\\n"
if case == "column":
    files["table.csv"] = "y,case\\n1,2\\n"
if case == "reader":
    files["out/curve.txt"] = "three"
if case == "no rows":
    files["table.csv"] = "y,name\\n"
Path("out").mkdir()
for name, text in files.items():
    Path(name).write_text(text)
if case != "no match":
    print("E = -1.0", "p = 3", "E = -2.5D+01", sep="\\n")
"""


def test_metrics_are_read_from_files_and_what_is_wrong_with_one_fails_its_task_only(
    study: Study,
) -> None:
    study.write("scripts/model.py", METRICS)
    study.write(
        "scripts/readers.py",
        "def curve(path):\n    return {'v': [float(word) for word in path.read_text().split()]}\n",
    )
    study.configure(
        """\
        study: metrics
        design: {grid: {case: [fine, no file, ragged, column, no match, reader, no rows]}}
        chunks: {tasks: 7}
        task:
          command: [python, scripts/model.py]
          metrics:
            table: table.csv
            tsv: table.tsv
            rows: rows.json
            lines: rows.jsonl
            white: white.dat
            curve: {path: out/curve.txt, reader: scripts/readers.py:curve}
            energy: {path: stdout.log, regex: ['E = (?P<energy>\\S+)', 'p = (?P<p>\\S+)']}
            first: {path: stdout.log, regex: '^E = (?P<energy>\\S+)$', match: first}
            every: {path: stdout.log, regex: 'E = (?P<energy>\\S+)', match: all}
        """
    )
    study.snakemake(ok=False)
    found = errors(study)
    assert found.pop("fine") is None
    assert found.pop("no rows") is None
    assert found.pop("no file") == "metric table: the task wrote no file table.csv"
    assert "metric table" in found["ragged"]
    assert "row 1 has 1 fields, the header 2" in found.pop("ragged")
    assert found["column"].startswith("metric table")
    assert "'case' has the name of a parameter" in found.pop("column")
    assert "metric energy: stdout.log has nothing that matches" in found.pop("no match")
    assert "metric curve: out/curve.txt cannot be read" in found["reader"]
    assert "'three'" in found.pop("reader")
    assert found == {}
    cases = {"fine", "no file", "ragged", "column", "no match", "reader", "no rows"}
    unread = {
        "table": {"no file", "ragged", "column", "no rows"},
        "curve": {"reader"},
        **{name: {"no match"} for name in ("energy", "first", "every")},
    }

    def rows(metric: str, *columns: str) -> list[tuple]:
        table = study.table(metric)
        assert set(table["case"]) == cases - unread.get(metric, set()), "of all that could be read"
        table = table[table["case"] == "fine"]
        return list(table[list(columns)].itertuples(index=False, name=None))

    assert rows("table", "y", "name") == [(1.0, "p, q"), (2.5, "r")]
    assert [y for y, _ in rows("tsv", "y", "z")] == [1]
    assert pd.isna(study.table("tsv")["z"]).all()
    assert [(y, None if pd.isna(z) else z) for y, z in rows("rows", "y", "z")] == [
        (1, None),
        (2, "t"),
    ]
    assert rows("lines", "y") == [(1,), (2,)]
    assert rows("white", "t", "p") == [(0.0, 0.001), (0.5, 2.0)]
    assert rows("curve", "v") == [(3.0,), (4.0,), (5.0,)]
    assert rows("energy", "energy", "p") == [(-25.0, 3)]
    assert rows("first", "energy") == [(-1.0,)]
    assert rows("every", "energy") == [(-1.0,), (-25.0,)]


POSTING = """\
import sys
import numpy, pandas, pyarrow
from snakestudy import get_run_params, post_run_results

params = get_run_params()
case, a = params["case"], params["model"]["a"]
if case == "columns":
    curve = {"t": numpy.arange(3), "v": [1, 2, 3]}
    post_run_results({"fit": {"y": numpy.float64(a)}, "curve": curve})
if case == "rows":
    post_run_results({"fit": {"y": numpy.ones(9)}, "curve": []})  # replaced by the next
    post_run_results({"fit": [{"y": a}, {"y": None}], "curve": pandas.DataFrame({"t": [9]})})
if case == "arrow":
    post_run_results({"fit": pyarrow.table({"y": [a]}), "curve": []})
if case == "other":
    post_run_results({"fit": {"y": 1}, "curves": {"t": 1}})
if case == "object":
    post_run_results({"fit": {"y": object()}, "curve": []})
"""


def test_program_gets_parameters_and_posts_rows_from_python(study: Study) -> None:
    study.write("scripts/model.py", POSTING)
    study.configure(
        """\
        study: posted
        design: {grid: {case: [columns, rows, arrow, nothing, other, object], model.a: 7}}
        chunks: {tasks: 6}
        task: {command: [python, scripts/model.py], metrics: [fit, curve]}
        """
    )
    study.snakemake(ok=False)
    found = errors(study)
    assert [found.pop(case) for case in ("columns", "rows", "arrow")] == [None] * 3
    assert "posted no rows" in found.pop("nothing")
    assert "['curves', 'fit']" in found["other"]
    assert "['curve', 'fit']" in found.pop("other")
    assert "exit code 1" in found["object"]
    assert "metric fit: column 'y': a object is no value of a table" in found.pop("object")
    assert found == {}
    fit = study.table("fit")
    assert sorted(zip(fit["case"], fit["y"].fillna(-1), strict=True)) == [
        ("arrow", 7),
        ("columns", 7),
        ("rows", -1),
        ("rows", 7),
    ]
    curve = study.table("curve")
    assert sorted(zip(curve["case"], curve["t"], curve["v"].fillna(-1), strict=True)) == [
        ("columns", 0, 1),
        ("columns", 1, 2),
        ("columns", 2, 3),
        ("rows", 9, -1),
    ]


def test_numeric_libraries_get_the_threads_of_a_task_not_those_of_its_job(study: Study) -> None:
    study.write(
        "scripts/model.py",
        """\
        import os

        def simulate(params):
            return {"threads": os.environ["OPENBLAS_NUM_THREADS"]}
        """,
    )
    study.configure(
        """\
        study: small
        design: {grid: {a: [1, 2]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 2, workers: 2}
        """
    )
    study.snakemake()
    assert list(study.table("fit")["threads"]) == ["1", "1"]


def test_getting_parameters_outside_of_a_task_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDY_PARAMS", raising=False)
    with pytest.raises(RuntimeError, match="only in a task of a study"):
        snakestudy.get_run_params()
    with pytest.raises(RuntimeError, match="only in a task of a study"):
        snakestudy.post_run_results({"y": 1})


# -- how it ends ----------------------------------------------------------------------------------

FAMILY = """\
import os, subprocess, sys, time

def hang(file):
    with open(file, "a") as pids:
        here = os.getpid()
        child = subprocess.Popen(["sleep", "100"])
        lines = "sleep 100 & echo $!; setsid sleep 100 & echo $!; exec sleep 100"
        shell = subprocess.Popen(["bash", "-c", lines], stdout=subprocess.PIPE, text=True)
        apart = subprocess.Popen(["bash", "-c", "sleep 100 & echo $!; wait"], text=True,
                                 stdout=subprocess.PIPE, start_new_session=True)
        own = [child.pid, shell.pid, apart.pid]
        own += [int(shell.stdout.readline()) for _ in range(2)] + [int(apart.stdout.readline())]
        pids.write(" ".join(map(str, [here, *own])) + "\\n")
    time.sleep(100)
"""
ENDS = """\
import os, signal, sys
sys.path.insert(0, os.environ["STUDY_DIR"] + "/scripts")
import family

case = sys.argv[1]
open("fit.csv", "w").write("y\\n1\\n")
if case == "exit 3":
    print("first line\\nthe last line\\n", file=sys.stderr)
    sys.exit(3)
if case == "exit 4":
    print("said on stdout")
    sys.exit(4)
if case == "signal":
    os.kill(os.getpid(), signal.SIGUSR1)
if case == "segfault":
    import ctypes
    ctypes.string_at(0)
if case == "hang":
    family.hang(os.environ["STUDY_DIR"] + "/pids")
"""


def check_all_are_dead(study: Study) -> None:
    pids = [int(pid) for pid in (study.path / "pids").read_text().split()]
    assert len(pids) == 7
    end = time.monotonic() + 5
    while (alive := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < end:
        time.sleep(0.1)
    assert alive == []


def test_command_ends_by_exit_code_signal_time_limit_or_not_at_all_started(study: Study) -> None:
    study.write("scripts/family.py", FAMILY)
    study.write("scripts/ends.py", ENDS)
    study.write("scripts/no_permission", "#!/bin/sh\n")
    study.configure(
        """\
        study: ends
        design:
          - grid: {program: python, case: [fine, exit 3, exit 4, signal, segfault, hang, fine too]}
          - rows:
              - {program: no-such-program, case: missing}
              - {program: "./no_permission", case: not executable}
        chunks: {tasks: 9}
        task:
          command: ["{program}", scripts/ends.py, "{case}"]
          inputs: [{path: scripts/no_permission, linkage: copy}]
          metrics: {fit: fit.csv}
          runtime: 2s
        """
    )
    begin = time.monotonic()
    output = study.snakemake(ok=False)
    assert time.monotonic() - begin < 60
    check_all_are_dead(study)
    found = errors(study)
    codes = dict(
        zip(metadata(study)["case"], metadata(study)["exit_code"].fillna(999), strict=True)
    )
    assert found.pop("fine") is None
    assert found.pop("fine too") is None
    assert found.pop("exit 3") == "exit code 3: the last line"
    assert found.pop("exit 4") == "exit code 4: said on stdout"
    assert found.pop("signal") == "killed by SIGUSR1"
    assert found.pop("segfault").startswith("killed by SIGSEGV")
    assert found.pop("hang") == "ran longer than its runtime of 2 s"
    assert "no-such-program" in found.pop("missing")
    assert "ermission" in found.pop("not executable")
    assert found == {}
    assert codes == {
        **{"fine": 0, "fine too": 0, "exit 3": 3, "exit 4": 4},
        **{"signal": -10, "segfault": -11, "hang": -9, "missing": 999, "not executable": 999},
    }
    assert sorted(study.table("fit")["case"]) == ["fine", "fine too"]
    assert "9 tasks, 7 failed" in output
    failed = metadata(study).query("case == 'exit 3'")["task_id"].item()
    assert f"runs/{failed[:2]}/{failed}/stderr.log" in output
    seconds = metadata(study).query("case == 'hang'")["seconds"].item()
    assert 2 <= seconds < 8


FUNCTION = """\
import ctypes, os, sys, time
from pathlib import Path

sys.path.insert(0, os.environ["STUDY_DIR"] + "/scripts")
import family


def simulate(params):
    case = params["case"]
    if case.startswith("fellow"):
        return fellow(case)
    return globals()[case]()


def fellow(case):
    own = {"params.json", "stdout.log", "stderr.log"}
    assert set(os.listdir()) <= own, os.listdir()
    print("a line of", case, flush=True)
    with open("file.txt", "w") as file:
        print("printed on the way", case, flush=True)
        file.write(case)
    assert Path("file.txt").read_text() == case
    return {"y": 1}


def segfault(): ctypes.string_at(0)
def leaves(): os._exit(3)
def sys_exit(): sys.exit("enough")
def raises(): raise ValueError("first line\\nsecond line")
def interrupted(): raise KeyboardInterrupt
def returns_none(): return None
def returns_text(): return "text"
def same_column(): return {"case": 1}
def uneven(): return {"y": [1, 2], "z": [1]}
def hang(): family.hang(os.environ["STUDY_DIR"] + "/pids")


def moves():
    os.chdir("/")
    return {"y": 2}


def moves_and_removes():
    here = os.getcwd()
    Path("sub/deep").mkdir(parents=True)
    Path("sub/file").write_text("x")
    os.chdir("sub/deep")
    return {"y": 2}


def forks():
    if os.fork() == 0:
        return {"y": 666}
    os.wait()
    return {"y": 3}


def forks_and_raises():
    if os.fork() == 0:
        raise ValueError("in the child")
    os.wait()
    return {"y": 4}


def closes_stdout():
    sys.stdout.close()
    return {"y": 5}


def closes_descriptors():
    os.close(1)
    os.close(2)
    return {"y": 6}


def replaces_stdout():
    sys.stdout = sys.stderr = None
    return {"y": 7}
"""
FAILING = {
    "segfault": ["killed by SIGSEGV"],
    "leaves": ["exit code 3"],
    "sys_exit": ["SystemExit: enough"],
    "raises": ["ValueError: first line"],
    "interrupted": [""],
    "returns_none": ["metric", ""],
    "returns_text": ["metric", ""],
    "same_column": ["metric fit", "'case' has the name of a parameter"],
    "uneven": ["metric fit", "unequal length"],
    "hang": ["ran longer than its runtime of 2 s"],
}
HARMLESS = {
    "moves": 2,
    "moves_and_removes": 2,
    "forks": 3,
    "forks_and_raises": 4,
    "closes_stdout": 5,
    "closes_descriptors": 6,
    "replaces_stdout": 7,
}


@pytest.mark.parametrize("run_dirs", ["none", "keep"])
def test_function_that_fails_crashes_or_disturbs_its_process_harms_no_fellow(
    study: Study, run_dirs: str
) -> None:
    study.write("scripts/family.py", FAMILY)
    study.write("scripts/model.py", FUNCTION)
    cases = ["fellow"]
    for case in [*FAILING, *HARMLESS]:
        cases += [case, f"fellow after {case}"]
    config = {
        "study": "company",
        "design": {"grid": {"case": cases}},
        "task": {
            "function": "scripts/model.py:simulate",
            "metrics": ["fit"],
            "runtime": "2s",
        },
        "chunks": {"tasks": 100},
        "run_dirs": run_dirs,
    }
    study.configure(json.dumps(config))
    study.snakemake(ok=None)
    table = metadata(study)
    found = errors(study)
    assert sorted(table["case"]) == sorted(cases)
    wrong = {}
    for case in cases:
        if case not in FAILING:
            if found[case] is not None:
                wrong[case] = found[case]
        elif any(piece not in (found[case] or "-") for piece in FAILING[case]):
            wrong[case] = found[case]
    assert wrong == {}
    fit = study.table("fit")
    assert dict(zip(fit["case"], fit["y"], strict=True)) == {
        case: HARMLESS.get(case, 1) for case in cases if case not in FAILING
    }
    assert fit["task_id"].is_unique
    codes = dict(zip(table["case"], table["exit_code"], strict=True))
    assert (codes["segfault"], codes["leaves"]) == (-11, 3)
    check_all_are_dead(study)
    logs = "".join(path.read_text() for path in (study.path / "logs/run").iterdir())
    for task_id, case in zip(table["task_id"], table["case"], strict=True):
        if not case.startswith("fellow"):
            continue
        if run_dirs == "keep":
            printed = (run_directory(study, task_id) / "stdout.log").read_text()
            assert printed == f"a line of {case}\nprinted on the way {case}\n"
        else:
            assert f"a line of {case}\nprinted on the way {case}\n" in logs


HOW = ["function: scripts/model.py:simulate", "command: [python, scripts/model.py]"]
RETRIED = """\
import ctypes, os, sys
from pathlib import Path


def simulate(params):
    case, attempt = params["case"], int(os.environ["STUDY_ATTEMPT"])
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{case}.{attempt}\\n")
    if case == "never" or (case == "second" and attempt < 2):
        raise ValueError(f"attempt {attempt}")
    if case == "crash" and attempt < 3:
        assert not Path("left").exists()
        Path("left").touch()
        ctypes.string_at(0)
    return {"y": attempt}


if __name__ == "__main__":
    from snakestudy import get_run_params, post_run_results
    post_run_results(simulate(get_run_params()))
"""


@pytest.mark.parametrize("how", HOW)
def test_failed_task_is_tried_again_at_once_as_often_as_retries_say(study: Study, how: str) -> None:
    study.write("scripts/model.py", RETRIED)
    study.configure(
        f"""\
        study: retries
        design: {{grid: {{case: [crash, first, second, never]}}}}
        chunks: {{tasks: 4}}
        task: {{{how}, metrics: [fit], retries: 2}}
        """
    )
    study.snakemake(ok=False)
    assert study.ran() == dict.fromkeys(
        [
            *("first.1", "second.1", "second.2", "crash.1", "crash.2", "crash.3"),
            *("never.1", "never.2", "never.3"),
        ],
        1,
    )
    table = metadata(study).set_index("case")
    assert table["attempt"].to_dict() == {"first": 1, "second": 2, "crash": 3, "never": 3}
    assert table.query("status == 'failure'").index.to_list() == ["never"]
    assert "attempt 3" in table["error"]["never"]
    assert dict(study.table("fit").set_index("case")["y"]) == {"first": 1, "second": 2, "crash": 3}


MIXED = """\
import ctypes, os, time


def simulate(params):
    case, attempt = params["case"], int(os.environ["STUDY_ATTEMPT"])
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{case}.{attempt}\\n")
    if case == "slow" and attempt < 3:
        time.sleep(1.6)
        raise ValueError(f"attempt {attempt}")
    if case == "mixed" and attempt == 1:
        raise ValueError("at first")
    if case == "mixed" and attempt > 1:
        ctypes.string_at(0)
    return {"y": attempt}


if __name__ == "__main__":
    from snakestudy import get_run_params, post_run_results
    post_run_results(simulate(get_run_params()))
"""


@pytest.mark.parametrize("how", HOW)
def test_each_try_counts_once_and_has_the_whole_time_limit(study: Study, how: str) -> None:
    study.write("scripts/model.py", MIXED)
    study.configure(
        f"""\
        study: tries
        design: {{grid: {{case: [fine, slow, mixed]}}}}
        chunks: {{tasks: 3}}
        task: {{{how}, metrics: [fit], retries: 2, runtime: 3s}}
        """
    )
    study.snakemake(ok=False)
    assert study.ran() == dict.fromkeys(
        ["fine.1", "slow.1", "slow.2", "slow.3", "mixed.1", "mixed.2", "mixed.3"], 1
    )
    table = metadata(study).set_index("case")
    assert table["attempt"].to_dict() == {"fine": 1, "slow": 3, "mixed": 3}
    assert table["status"].to_dict() == {"fine": "success", "slow": "success", "mixed": "failure"}


# -- what is left --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run_dirs", "how", "left"),
    [
        ("keep", "function: scripts/model.py:simulate", "ab"),
        ("failed", "function: scripts/model.py:simulate", "b"),
        ("none", "function: scripts/model.py:simulate", ""),
        ("auto", "function: scripts/model.py:simulate", ""),
        ("auto", "function: scripts/model.py:simulate, inputs: [config/config.yaml]", "ab"),
        ("auto", "command: [python, scripts/model.py]", "ab"),
        ("none", "command: [python, scripts/model.py]", ""),
    ],
)
def test_run_directories_are_left_as_run_dirs_says(
    study: Study, run_dirs: str, how: str, left: str
) -> None:
    study.write("scripts/model.py", RETRIED.replace('case == "never"', 'case == "b"'))
    study.configure(
        f"""\
        study: left
        design: {{grid: {{case: [a, b]}}}}
        chunks: {{tasks: 2}}
        run_dirs: {run_dirs}
        task: {{{how}, metrics: [fit]}}
        """
    )
    study.snakemake(ok=False)
    assert list(study.table("fit")["case"]) == ["a"]
    ids = dict(zip(metadata(study)["case"], metadata(study)["task_id"], strict=True))
    found = "".join(case for case, task_id in ids.items() if run_directory(study, task_id).exists())
    assert "".join(sorted(found)) == left
    for case in left:
        files = {path.name for path in run_directory(study, ids[case]).iterdir()}
        assert {"params.json", "stdout.log", "stderr.log", "task.json"} <= files
    notes = [
        json.loads((run_directory(study, ids[case]) / "task.json").read_text()) for case in left
    ]
    assert [note["status"] for note in notes] == [
        "failure" if case == "b" else "success" for case in left
    ]


def test_metadata_tells_how_each_task_went_in_columns_of_fixed_types(study: Study) -> None:
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 3]")
    begin = datetime.now(UTC)
    study.snakemake(ok=False)
    end = datetime.now(UTC)
    table = metadata(study)
    assert list(table.columns) == [
        *("task_id", "a", "b", "step", "status", "started", "seconds", "host", "attempt"),
        *("exit_code", "error", "max_rss_mb", "digest", "plan"),
    ]
    kinds = pd.read_parquet(study.path / "results/metadata/run", dtype_backend="pyarrow").dtypes
    assert {name: str(kind) for name, kind in kinds.items()} == {
        **dict.fromkeys(
            ["task_id", "step", "status", "host", "error", "digest"], "string[pyarrow]"
        ),
        **dict.fromkeys(["a", "b", "attempt", "exit_code", "plan"], "int64[pyarrow]"),
        **dict.fromkeys(["seconds", "max_rss_mb"], "double[pyarrow]"),
        "started": "timestamp[us, tz=UTC][pyarrow]",
    }
    assert set(table["step"]) == {"run"}
    assert table.set_index(["a", "b"])["status"].to_dict() == {
        (1, 10): "success",
        (1, 20): "success",
        (3, 10): "failure",
        (3, 20): "failure",
    }
    assert table["started"].between(begin, end).all()
    assert table["seconds"].between(0, (end - begin).total_seconds()).all()
    assert set(table["host"]) == {os.uname().nodename}
    assert set(table["attempt"]) == {1}
    assert table["exit_code"].isna().all()
    assert table[table["a"] == 1]["error"].isna().all()
    assert set(table[table["a"] == 3]["error"]) == {"ValueError: three is too much"}
    assert table["max_rss_mb"].between(5, 2000).all()
    assert table["digest"].str.match(r"[0-9a-f]{16} fit=").all()
    assert table["digest"].nunique() == 1
    assert set(table["plan"]) == {1}


# -- what a job asks for -------------------------------------------------------------------------


def test_threads_memory_runtime_and_resources_reach_the_job(study: Study) -> None:
    study.configure(
        """\
        study: asks
        design: {grid: {a: [1, 4], b: [10, 20, 30]}}
        task:
          function: scripts/model.py:simulate
          metrics: [fit]
          threads: 3
          mem_mb: 100 * a + 0.5
          runtime: 20m
        chunks: {tasks: 3, workers: 2, by: [a]}
        resources: {gpu: 1, slurm_partition: long and short, slurm_extra: "--x={y} 'z'"}
        """
    )
    output = study.snakemake("-n", "--cores", "12", "--quiet", "reason")
    jobs = [text.split("\n[")[0] for text in output.split("rule run:\n")[1:]]
    assert len(jobs) == 2
    asked = []
    for job in jobs:
        assert "threads: 6" in job
        assert "gpu=2" in job
        assert "slurm_partition=long and short" in job
        assert "slurm_extra=--x={y} 'z'" in job
        asked += re.findall(r"mem_mb=(\d+)", job)
        # Three tasks over two workers are two turns of twenty minutes.
        assert re.findall(r"runtime=(\d+)", job) == ["40"]
    # The largest of a chunk's tasks, rounded up, for each of two workers.
    assert sorted(asked) == ["202", "802"]
    study.edit("config/config.yaml", "  threads: 3\n  mem_mb: 100 * a + 0.5\n  runtime: 20m\n", "")
    plain = study.snakemake("-n", "--cores", "12", "--quiet", "reason")
    assert "threads: 2" in plain
    assert "mem_mb=" not in plain
    assert "runtime=" not in plain
