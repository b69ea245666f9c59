"""Functions share a process and do not see each other: each task finds it as the first did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kit import Study

# Each act leaves something; before it, the task says how it found its process.
MODEL = """\
import asyncio, builtins, decimal, gc, locale, logging, os, random, signal, socket, sys, warnings
from decimal import Decimal

import numpy as np

logging.getLogger("own").addHandler(logging.NullHandler())
decimal.getcontext().prec = 20


def how_it_is(p):
    umask = os.umask(0)
    os.umask(umask)
    loggers = [logging.getLogger(name) for name in ("", "own", "other")]
    return {
        "environ": sorted(set(os.environ.items()) - {("STUDY_TASK_ID", os.environ["STUDY_TASK_ID"])}
                          - {("STUDY_PARAMS", os.environ.get("STUDY_PARAMS"))}),
        "files": [name for name in sorted(os.listdir()) if name != "params.json"
                  and not name.endswith(".log")],
        "path": sys.path[:],
        "argv": sys.argv[:],
        "stdin": sys.stdin.read(),
        "warnings": list(map(str, warnings.filters)),
        "shown": warnings.showwarning.__module__,
        "loggers": [[x.level, x.propagate, x.disabled, x.getEffectiveLevel(),
                     list(map(str, x.handlers)), list(map(str, x.filters))] for x in loggers],
        "disabled": logging.root.manager.disable,
        "umask": umask,
        "gc": gc.isenabled(),
        "depth": sys.getrecursionlimit(),
        "timeout": socket.getdefaulttimeout(),
        "handlers": [str(signal.getsignal(n)) for n in (1, 2, 10, 12, 14, 15)],
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "third": str(Decimal(1) / 3),
        "numpy": [np.geterr(), repr(np.array([1 / 3]))],
        "locale": locale.setlocale(locale.LC_ALL),
        "given": p["given"],
        "stdout": [sys.stdout.fileno(), sys.stderr.fileno()],
    }


def fine(p):
    pass

def fine_too(p):
    pass

def environ(p):
    os.environ["MINE"] = "1"
    del os.environ["PATH"]
    os.environ["TZ"] = "Asia/Tokyo"

def environ_replaced(p):
    os.environ = {"A": "b"}

def directory(p):
    os.mkdir("sub")
    open("sub/file.txt", "w").close()
    os.chdir("sub")

def paths(p):
    sys.path.insert(0, "/nowhere")
    sys.argv[:] = ["other", "--words"]
    sys.stdin = None

def paths_replaced(p):
    sys.path, sys.argv = ["/nowhere"], ["a", "b"]

def warned(p):
    warnings.simplefilter("error")
    logging.captureWarnings(True)

def warned_reset(p):
    warnings.resetwarnings()

def logs(p):
    logging.basicConfig(level=0, filename="run.log")
    logging.getLogger("own").setLevel("ERROR")
    logging.getLogger("own").addHandler(logging.StreamHandler())
    logging.getLogger("other").propagate = False
    logging.getLogger("other").addHandler(logging.FileHandler("other.txt"))
    logging.getLogger("other").addFilter(lambda record: False)
    logging.disable(50)

def signals(p):
    for number in (1, 2, 10, 12, 14, 15):
        signal.signal(number, lambda *_: None)
    signal.alarm(30)

def alarm_alone(p):
    signal.setitimer(signal.ITIMER_REAL, 30)

def process(p):
    os.umask(0o777)
    gc.disable()
    sys.setrecursionlimit(123)
    socket.setdefaulttimeout(1.5)

def arithmetic(p):
    decimal.getcontext().prec = 3
    np.seterr(all="ignore")
    np.set_printoptions(precision=2)

def arithmetic_replaced(p):
    decimal.setcontext(decimal.Context(prec=5))

def tongue(p):
    locale.setlocale(locale.LC_ALL, "C")

def parameter(p):
    p["given"]["list"].append(9)
    p["given"]["more"] = 1
    p.clear()

def streams(p):
    sys.stdout = open("out.txt", "w")

def dies(p):
    environ(p), logs(p), process(p)
    raise SystemExit(3)


def simulate(p):
    found, act = how_it_is(p), globals()[p["act"]]
    drawn = [random.random(), float(np.random.rand())]
    text = __import__("json").dumps([found, drawn])
    act(p)
    return {"found": text}
"""
ACTS = [
    *("environ", "environ_replaced", "directory", "paths", "paths_replaced", "warned"),
    *("warned_reset", "logs", "signals", "alarm_alone", "process", "arithmetic"),
    *("arithmetic_replaced", "tongue", "parameter", "streams", "dies"),
]


def found(study: Study) -> dict[tuple[str, int], list[Any]]:
    table = study.table("fit")
    rows = zip(table["act"], table["again"], map(json.loads, table["found"]), strict=True)
    return {(act, again): what for act, again, what in rows}


def configure(study: Study, acts: list[str], more: str = "", isolation: str = "worker") -> None:
    study.configure(f"""\
        study: place
        design:
          grid: {{again: [1, 2], act: {acts}, given: [{{list: [1, 2]}}]}}
        task:
          function: scripts/model.py:simulate
          metrics: [fit]
          isolation: {isolation}
        chunks: {{max: 1}}
        {more}
        """)


@pytest.mark.parametrize("run_dirs", ["none", "keep"])
def test_each_task_finds_its_process_as_the_first_did(study: Study, run_dirs: str) -> None:
    study.write("scripts/model.py", MODEL)
    configure(study, ["fine", *ACTS, "fine_too"], f"run_dirs: {run_dirs}")
    assert f"{2 * len(ACTS) + 4} tasks, 2 failed" in study.snakemake(ok=False)
    how = found(study)
    first = how["fine", 1][0]
    differs = {
        act: {name: value for name, value in task.items() if value != first[name]}
        for act, (task, _) in how.items()
        if task != first
    }
    assert differs == {}
    assert len(how) == 2 * len(ACTS) + 2
    drawn = {tuple(numbers) for _, numbers in how.values()}
    assert len(drawn) == len(how), "each has random numbers of its own"


DRAWS = """\
import os
{imports}


def simulate(p):
    {inside}
    return {{"a": random.random(), "b": float(np.random.rand()), "c": float(np.random.normal())}}
"""
IMPORTS = {"of module": "import random; import numpy as np", "of function": ""}


def draws(study: Study, tasks: int, cut: str, imports: str, isolation: str) -> dict[int, Any]:
    inside = "import random; import numpy as np" if not IMPORTS[imports] else "pass"
    study.write("scripts/model.py", DRAWS.format(imports=IMPORTS[imports], inside=inside))
    study.configure(f"""\
        study: draws
        design: {{grid: {{x: {{range: [0, {tasks}]}}}}}}
        task: {{function: "scripts/model.py:simulate", metrics: [fit], isolation: {isolation}}}
        chunks: {cut}
        """)
    study.snakemake()
    table = study.table("fit")
    return {x: numbers for x, *numbers in table[["x", "a", "b", "c"]].to_numpy().tolist()}


def test_what_a_task_draws_at_random_follows_from_its_parameters_alone(
    study: Study, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = draws(study, 6, "{tasks: 6}", "of module", "worker")
    assert len({number for numbers in first.values() for number in numbers}) == 18
    for cut, imports, isolation in [
        ("{tasks: 2, workers: 2}", "of function", "worker"),
        ("{tasks: 3}", "of module", "process"),
        ("{tasks: 1}", "of function", "process"),
    ]:
        other = Study(tmp_path_factory.mktemp("other"))
        again = draws(other, 4, cut, imports, isolation)
        assert again == {x: first[x] for x in range(4)}


PLOTS = """\
import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot


def simulate(p):
    pyplot.plot([1, 2], [p["x"], 3])
    return {"lines": len(pyplot.gca().lines)}
"""


def test_figure_left_open_is_no_figure_of_the_next_task(study: Study) -> None:
    pytest.importorskip("matplotlib")
    study.write("scripts/model.py", PLOTS)
    study.configure("""\
        study: plots
        design: {grid: {x: [1, 2, 3]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        """)
    study.snakemake()
    assert set(study.table("fit")["lines"]) == {1}
