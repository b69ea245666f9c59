"""Whole runs: what functions return and programs leave is in the tables, or the task's error."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from kit import Study

MODEL = """\
import asyncio
import os
import numpy as np
import pandas as pd


class Hostile:
    def __len__(self):
        raise KeyError("no length")
    __iter__ = __eq__ = __repr__ = __str__ = __len__


def rows(n):
    for i in range(n):
        yield {"value": i}


async def later(value):
    await asyncio.sleep(0)
    return value


def simulate(params):
    knot = []
    knot.append(knot)
    frame = pd.DataFrame({"value": [1, 2]}, index=["a", "b"])
    return {
        "number": 1.5, "series": pd.Series([1, 2]), "generator": rows(2),
        "coroutine": later({"value": 7}),
        "frame": frame, "int": np.int16(3), "huge": {"value": 10**5000}, "array": np.arange(2),
        "surrogate": {"value": os.fsdecode(b"caf\\xe9.dat")}, "name": {"\\ud800": 1},
        "knot": {"value": knot}, "time": {"value": np.datetime64(2**62, "s")},
        "hostile": Hostile(), "inside": {"value": [Hostile()]}, "set": {"value": {1}}, "none": None,
        "nested": {"value": {"k": ["\\ud800"]}}, "exit": Exits(),
    }[params["case"]]


class Exits(dict):
    def values(self):
        raise SystemExit("enough")
"""

GOOD = ("number", "series", "generator", "coroutine", "frame", "int", "huge", "array")
BAD = {
    "surrogate": r"metric result: column 'value': 'caf\udce9.dat' is no text of Unicode",
    "name": r"metric result: '\ud800' is no text of Unicode",
    "knot": "metric result: column 'value': nested too deep, or in itself",
    "hostile": "metric result: a Hostile is no rows",
    "inside": "metric result: column 'value': a Hostile is no value of a table",
    "set": "metric result: column 'value': a set is no value of a table",
    "none": "returned nothing (None); the metrics are ['result']",
    "nested": r"metric result: column 'value': '\ud800' is no text of Unicode",
    "exit": "metric result: the rows cannot be read: SystemExit: enough",
    "time": "metric result: column 'value': times of unit s that are not exact in us",
}


def test_nothing_that_a_function_returns_ends_the_visit(study: Study) -> None:
    study.write("scripts/model.py", MODEL)
    cases = json.dumps([*GOOD, *BAD])
    study.configure(
        f"""\
        study: any
        design: {{grid: {{case: {cases}}}}}
        task: {{function: "scripts/model.py:simulate"}}
        chunks: {{tasks: 100}}
        """
    )
    output = study.snakemake(ok=False)
    assert "Traceback" not in output
    table = study.metadata()
    errors = dict(zip(table["case"], table["error"], strict=True))
    assert {case: errors[case].partition(" (a mapping")[0] for case in BAD} == BAD
    assert all(pd.isna(errors[case]) for case in GOOD)
    found = study.table("result")
    assert found.groupby("case")["value"].apply(list).to_dict() == {
        "number": ["1.5"],
        "series": ["1", "2"],
        "generator": ["0", "1"],
        "coroutine": ["7"],
        "frame": ["1", "2"],
        "int": ["3"],
        "huge": ["1" + "0" * 5000],
        "array": ["0", "1"],
    }
    assert list(found[found["case"] == "frame"]["index"]) == ["a", "b"]


PROGRAM = """\
import json, os, sys
import numpy, pandas
from snakestudy import get_run_params, post_run_results

x = get_run_params()["x"]
os.makedirs(f"out/{x}")
open(f"out/{x}/a.csv", "w").write(f"y\\n{x}\\n")
open(f"out/{x + 1}.csv", "w").write("y\\n1.10\\n")
open("1_part.dat", "w").write("0.5 a\\n")
open("2_part.dat", "w").write("1.5 b\\n")
index = pandas.Index(["p", "q"], name="t")
times = pandas.Series(pandas.to_datetime([1, None]), index=index)
post_run_results({
    "big": {"v": numpy.arange(3.0), "m": numpy.ones((3, 2))},
    "frame": pandas.DataFrame({"t2": times, "s": ["x", None]}),
})
"""


def test_program_leaves_files_by_pattern_and_posts_arrays(study: Study) -> None:
    study.write("scripts/model.py", PROGRAM)
    study.configure(
        """\
        study: posted
        design: {grid: {x: [1, 2]}}
        task:
          command: [python, scripts/model.py]
          metrics:
            one: "out/{x}/a.csv"
            parts: {path: "*_part.dat", columns: [t, s]}
        """
    )
    study.snakemake()
    assert sorted(study.table("one")["y"]) == [1, 2]
    parts = study.table("parts")
    assert [*zip(parts["x"], parts["t"], parts["s"], strict=True)][:2] in (
        [(1, 0.5, "a"), (1, 1.5, "b")],
        [(2, 0.5, "a"), (2, 1.5, "b")],
    )
    assert len(parts) == 4
    study.edit("config/config.yaml", '"out/{x}/a.csv"', '"out/{y}/a.csv"')
    assert "task.metrics.one.path" in study.planned()
    study.configure(
        """\
        study: posted
        design: {grid: {x: [1, 2]}}
        task: {command: [python, scripts/model.py], metrics: [big, frame]}
        """
    )
    study.snakemake()
    big = study.table("big")
    assert list(big["v"]) == [0.0, 1.0, 2.0] * 2
    assert [list(value) for value in big["m"]] == [[1.0, 1.0]] * 6
    frame = study.table("frame")
    assert list(frame["t"]) == ["p", "q"] * 2
    assert frame["t2"].dtype == np.dtype("M8[ns]")
    assert [value.value for value in frame["t2"].dropna()] == [1, 1]
    assert list(frame["s"].dropna()) == ["x", "x"]


OWN = """\
import sys
texts = ['{"y": 2}', "{", '{"snakestudy-rows": 1}', "[1]", "", '{"y": "\\\\ud800"}', "[" * 100000]
open("results.json", "w").write(texts[int(sys.argv[1])])
"""


def test_results_that_a_program_wrote_itself_are_rows_or_its_error(study: Study) -> None:
    study.write("scripts/own.py", OWN)
    study.configure(
        """\
        study: own
        design: {grid: {x: {range: [0, 7]}}}
        task: {command: [python, scripts/own.py, "{x}"], metrics: [fit]}
        """
    )
    study.snakemake(ok=False)
    assert study.table("fit")[["x", "y"]].to_numpy().tolist() == [[0, 2]]
    table = study.metadata()
    assert list(table["error"].isna()) == list(table["x"] == 0)
    assert list(table["exit_code"]) == [0] * 7
