"""A finished study of a million tasks: nothing to do, its status, ten tasks more, ten missing.

python benchmarks/finished.py [--repeat 3]
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from timing import PLAIN, ROOT, STUDY, Cost, Row, in_turn, measure, shown, write

CONFIG = """\
    study: finished
    design:
      - grid: {{x: {{range: [0, {tasks}]}}}}
    {more}
    task: {{function: "scripts/model.py:simulate"}}
    """
TEN_MORE = "  - zip: {{x: {{range: [{tasks}, {end}]}}}}"
# The last ten tasks fail in a first run that is told so.
MODEL = """\
    import os

    def simulate(params):
        if params["x"] >= int(os.environ.get("FAIL_FROM", 10**9)):
            raise ValueError("told to fail")
        return {"y": params["x"] * 2.0, "z": 0.5}
    """


def study(directory: Path, tasks: int, more: str = "") -> None:
    write(directory, config=CONFIG.format(tasks=tasks, more=more), model=MODEL)


def copied(finished: Path, directory: Path) -> Path:
    """A copy of a study as hard links, in no time."""
    copy = directory / "study"
    measure(["cp", "-rl", str(finished), str(copy)], directory)
    return copy


def empty(directory: Path) -> Cost:
    write(directory, snakefile="")
    return measure([*PLAIN, "-n"], directory)


def nothing(finished: Path, _: Path) -> Cost:
    return measure([*STUDY, "-n"], finished)


def status(finished: Path, _: Path) -> Cost:
    os.environ["PYTHONPATH"] = str(ROOT / "workflow")
    return measure([sys.executable, "-m", "snakestudy", "status"], finished)


def grown(finished: Path, tasks: int, directory: Path) -> Cost:
    copy = copied(finished, directory)
    study(copy, tasks, TEN_MORE.format(tasks=tasks, end=tasks + 10))
    return measure(STUDY, copy)


def resumed(finished: Path, directory: Path) -> Cost:
    return measure(STUDY, copied(finished, directory))


def rows(repeat: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        places = {tasks: Path(name, str(tasks)) for tasks in (10**3, 10**5, 10**6)}
        for tasks, place in places.items():
            place.mkdir()
            study(place, tasks)
            if tasks == 10**5:
                os.environ["FAIL_FROM"] = str(tasks - 10)
            measure(STUDY, place, fails=tasks == 10**5)
            os.environ.pop("FAIL_FROM", None)
        few, failed, many = places.values()
        sides = {
            "empty": empty,
            "few": partial(nothing, few),
            "nothing": partial(nothing, many),
            "status": partial(status, many),
            "grown": partial(grown, many, 10**6),
            "resumed": partial(resumed, failed),
        }
        costs = in_turn(sides, repeat)
    none, noop = costs["empty"], costs["nothing"]
    small, told, more, rest = (costs[n] for n in ("few", "status", "grown", "resumed"))
    return [
        Row("no-op, 10^6 tasks", noop, "an empty Snakefile", none, noop.wall / none.wall, 1.3),
        Row("no-op, 10^6 tasks", noop, "10^3 tasks", small, noop.wall / small.wall, 1.1),
        Row("status, 10^6 tasks", told, "the no-op", noop, told.wall / noop.wall, 1.0),
        Row("10^6 tasks and ten more", more, "the no-op", noop, more.wall - noop.wall, 3, "s"),
        Row("10^5 tasks, ten missing", rest, "the no-op", noop, rest.wall - noop.wall, 2, "s"),
    ]


if __name__ == "__main__":
    shown(rows, __doc__)
