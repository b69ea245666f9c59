"""`python:` in a design: what callables may give, what they may not change, what is refused.

Long: one table of what callables give.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from designs import design, has, refused, rows

pytestmark = pytest.mark.usefixtures("in_an_empty_directory")


TASKS = """\
import sys
import pandas as pd

def good():
    print("said")
    for n in (1, 2):
        yield {"n": n, "t": "x", "l": [n]}

def a_list():
    return [{"n": 1, "t": "x", "l": [1]}, {"n": 2, "t": "x", "l": [2]}]

def frame():
    return pd.DataFrame({"n": [1, 2], "t": ["x", None], "f": [0.5, float("nan")]})

def polars():
    import polars
    return polars.DataFrame({"n": [1, 2], "t": ["x", None], "f": [0.5, None]})

def fails():
    for n in (1, 0):
        yield {"n": 1 / n}

def exits():
    sys.exit("enough")

def unequal():
    yield {"a": 1, "b": 2}
    yield {"a": 2, "c": 2}

def nothing():
    return iter(())

def no_frame():
    return pd.DataFrame({"a": []})

def huge():
    yield {"n": 10**5000}

def recursive():
    held = []
    held.append(held)
    yield {"l": held}

def numbers():
    return [1, 2]

def mapping():
    return {"a": 1}

def endless():
    n = 0
    while True:
        n += 1
        yield {"n": n}

def nan():
    yield {"a": float("nan")}

def arrow():
    import pyarrow
    return pyarrow.table({"n": [1, 2], "t": ["x", None], "f": [0.5, None]})

def extension_types():
    return pd.DataFrame({
        "n": pd.array([1, 2], dtype="Int8"),
        "t": pd.Categorical(["x", None]),
        "f": pd.Series([0.5, pd.NA], dtype="object"),
    })

def with_index():
    return pd.DataFrame({"t": ["x", "y"]}, index=pd.Index([1, 2], name="n"))

class Sets:
    def __iter__(self):
        yield {"n": 1}
        yield {"n": 2}

def numpy_values():
    import numpy as np
    yield {"n": np.int64(1), "x": np.float64(0.5), "b": np.bool_(True), "l": np.arange(2)}

def other_order():
    yield {"a": 1, "b": 2}
    yield {"b": 4, "a": 3}

def reused():
    one = {}
    for n in range(3):
        one["n"] = n
        yield one

def nulls():
    yield {"a": 1, "b": None}

def empty_set():
    yield {}

def no_columns():
    return pd.DataFrame(index=[0, 1])

def none():
    return None

def text():
    return "abc"

def array():
    import numpy as np
    return np.zeros((2, 2))

def lazy():
    import polars
    return polars.DataFrame({"a": [1]}).lazy()

def number_names():
    return pd.DataFrame([[1, 2]])

def doubled():
    return pd.DataFrame([[1, 2]], columns=["a", "a"])

def integer_key():
    yield {1: 2}

def tuple_key():
    yield {(1, 2): 3}

def second_is_an_array():
    import numpy as np
    yield {"a": 1}
    yield np.zeros(2)

def dates():
    return pd.DataFrame({"day": pd.to_datetime(["2020-01-01"])})

def polars_nan():
    import polars
    return polars.DataFrame({"a": [1.0, float("nan")]})

def infinite():
    return pd.DataFrame({"a": [1.0, float("inf")]})

def a_set():
    yield {"a": {1, 2}}

def reserved():
    yield {"task_id": 1}

def needs(x):
    return []

constant = 3

def deep():
    return helper(0)

def helper(n):
    raise ValueError("below the surface")

def library():
    import json
    return json.loads("{")

def wide():
    return [list(range(100_000))]

def moves():
    import os
    os.chdir("/")
    sys.path.insert(0, "/nowhere")
    yield {"a": 1}
"""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """A file of its own for each test: modules are imported once."""
    name = f"d{abs(hash(tmp_path))}.py"
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / name).write_text(TASKS)
    return f"scripts/{name}"


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("good", [(1, "x", [1]), (2, "x", [2])]),
        ("a_list", [(1, "x", [1]), (2, "x", [2])]),
        ("frame", [(1, "x", 0.5), (2, None, None)]),
        ("polars", [(1, "x", 0.5), (2, None, None)]),
        ("arrow", [(1, "x", 0.5), (2, None, None)]),
        ("extension_types", [(1, "x", 0.5), (2, None, None)]),
        ("with_index", [(1, "x"), (2, "y")]),
        ("Sets", [(1,), (2,)]),
        ("numpy_values", [(1, 0.5, True, [0, 1])]),
        ("other_order", [(1, 2), (3, 4)]),
        ("nulls", [(1, None)]),
        ("reused", [(0,), (1,), (2,)]),
    ],
)
def test_callable_yields_sets_or_returns_a_frame(
    target: str, function: str, wanted: list, capsys: pytest.CaptureFixture
) -> None:
    found = rows(design({"python": f"{target}:{function}"}))
    assert found == wanted
    assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in wanted]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ("said\n" if function == "good" else "")


def test_callable_changes_neither_the_directory_nor_the_path_of_modules(target: str) -> None:
    before = os.getcwd(), list(sys.path)
    design({"python": f"{target}:moves"})
    assert (os.getcwd(), sys.path) == before


def test_name_that_is_reserved_is_refused_as_anywhere(target: str) -> None:
    message = refused({"python": f"{target}:reserved"})
    assert message == 'design = "task_id": is a reserved name. Rename the parameter.'


def test_message_on_what_is_no_set_is_short(target: str) -> None:
    assert len(refused({"python": f"{target}:wide"})) < 1000


@pytest.mark.parametrize("function", ["nan", "dates", "polars_nan", "infinite", "a_set"])
def test_value_that_no_parameter_can_have_is_named_with_callable_and_column(
    target: str, function: str
) -> None:
    message = refused({"python": f"{target}:{function}"})
    has(message, [f'design.python = "{target}:{function}": '])
    name = "day" if function == "dates" else "a"
    assert re.search(rf"""['".]{name}['": ]""", message), message


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("exits", ["fails:", "SystemExit: enough"]),
        ("unequal", ["gives unequal keys: set 1 lacks b and has c unlike set 0"]),
        ("nothing", ["gives no parameter set"]),
        ("no_frame", ["gives no parameter set"]),
        ("numbers", ["gives 1 as set 0", "Give mappings"]),
        ("mapping", ["gives a dict", "Yield mappings"]),
        (
            "endless",
            [
                '.py:endless": gives more than design_limit (1,000) parameter sets',
                "If that is meant, write a larger design_limit beside design.",
            ],
        ),
        ("nan", ["nan is no parameter value"]),
        ("huge", ["an integer of more than 4,000 digits"]),
        ("recursive", ["more than 100 levels deep, or holds itself"]),
        ("empty_set", ["gives"]),
        ("no_columns", ["gives no parameter set"]),
        ("none", ["gives a NoneType", "Yield mappings, or return a list of them or a DataFrame."]),
        ("text", ["gives a str", "Yield mappings"]),
        ("array", ["as set 0", "Give mappings of names"]),
        ("lazy", ["gives a LazyFrame", "Yield mappings"]),
        ("number_names", ["the column name 0 is no text"]),
        ("doubled", ["column 'a' is doubled"]),
        ("integer_key", ["gives {1: 2} as set 0", "Give mappings of names."]),
        ("tuple_key", ["gives", "as set 0", "Give mappings of names."]),
        ("second_is_an_array", ["as set 1", "Give mappings of names."]),
        ("dates", ["a datetime is no parameter value"]),
        ("polars_nan", ["nan is no parameter value"]),
        ("infinite", ["inf is no parameter value"]),
        ("a_set", ["a set is no parameter value"]),
        ("needs", ["fails:", "missing 1 required positional argument: 'x'"]),
        ("constant", ["fails:", "'int' object is not callable"]),
        ("absent", ["has no attribute 'absent'"]),
    ],
)
def test_bad_callable_is_refused(target: str, function: str, words: list[str]) -> None:
    has(refused({"python": f"{target}:{function}"}, limit=1000), ["design.python", *words])


def test_traceback_of_a_callable_starts_at_the_users_line(target: str, tmp_path: Path) -> None:
    message = refused({"python": f"{target}:fails"})
    lines = message.splitlines()
    number = TASKS.splitlines().index('        yield {"n": 1 / n}') + 1
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2] == f'  File "{tmp_path}/{target}", line {number}, in fails'
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("function", "frames", "last"),
    [
        ("deep", ["in deep", "in helper"], "ValueError: below the surface"),
        ("exits", ["in exits"], "SystemExit: enough"),
        ("library", ["in library", "in loads"], "json.decoder.JSONDecodeError: Expecting"),
    ],
)
def test_traceback_has_all_frames_from_the_users_file_on(
    target: str, function: str, frames: list[str], last: str
) -> None:
    message = refused({"python": f"{target}:{function}"})
    found = [line for line in message.splitlines() if line.startswith("  File ")]
    assert target in found[0]
    assert [line.rpartition(", ")[2] for line in found[: len(frames)]] == frames
    assert "snakestudy" not in message
    assert message.splitlines()[-1].startswith(last)


@pytest.mark.parametrize(
    ("text", "second", "last"),
    [
        ("def f(:\n    pass\n", "line 1", "SyntaxError: invalid syntax"),
        ("\nimport nothere\n", "line 2, in <module>", "ModuleNotFoundError: No module named"),
        ("x = 1\n1 / 0\n", "line 2, in <module>", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "line 2, in <module>", "SystemExit: 3"),
    ],
)
def test_file_that_cannot_be_imported_is_refused_at_its_line(
    tmp_path: Path, text: str, second: str, last: str
) -> None:
    path = tmp_path / f"b{abs(hash(tmp_path))}.py"
    path.write_text(text)
    message = refused({"python": f"{path.name}:f"})
    assert message.startswith(f'design.python = "{path.name}:f": fails:\n')
    (first, *_) = [line for line in message.splitlines() if line.startswith("  File ")]
    assert first.startswith(f'  File "{path}", {second}')
    assert message.splitlines()[-1].startswith(last)
    path.write_text("def f():\n    yield {'a': 1}\n")  # mended: nothing is left of the first try
    assert rows(design({"python": f"{path.name}:f"})) == [(1,)]
