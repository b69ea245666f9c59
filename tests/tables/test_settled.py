"""Generators are read, coroutines run, files of one table joined."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit import ROOT
from rows_kit import as_columns, as_lists, same

from snakestudy.errors import RowError
from snakestudy.tables.joined import joined
from snakestudy.tables.pieces import Buffer, Tokens
from snakestudy.tables.rows import as_columns as as_pieces
from snakestudy.tables.settled import settled


def rows() -> Iterator[dict]:
    yield {"x": 1}
    yield {"x": 2}


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def stream() -> AsyncIterator[dict]:
    for row in rows():
        await asyncio.sleep(0)
        yield row


ROWS = [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (rows, ROWS),
        (lambda: later({"x": 1}), {"x": 1}),
        (lambda: later(rows()), ROWS),
        (stream, ROWS),
        (lambda: map(dict, [{"x": 1}]), [{"x": 1}]),
        (lambda: {"a": rows(), "b": later(5), "c": stream()}, {"a": ROWS, "b": 5, "c": ROWS}),
        (lambda: {"x": [1]}, {"x": [1]}),
        (lambda: None, None),
    ],
)
def test_what_is_to_be_computed_is(given: Any, wanted: Any) -> None:
    assert settled(given()) == wanted
    if not isinstance(wanted, dict) and wanted:
        assert as_columns(given()) == as_columns(wanted)


def fails() -> Iterator[dict]:
    yield {"x": 1}
    raise KeyError("in the middle")


def test_error_within_is_the_functions_own_and_one_of_rows_for_readers() -> None:
    with pytest.raises(KeyError):
        settled(fails())
    with pytest.raises(RowError, match="KeyError: 'in the middle'"):
        as_columns(fails())


ZONED = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ([Tokens(["1.10"]), [1, None]], ["1.10", "1", None]),
        ([[1], ["a"]], [1, "a"]),
        ([Buffer("int64", bytes(8)), Buffer("int64", bytes(8))], [0, 0]),
        ([Buffer("int64", bytes(8)), [0.5]], [0, 0.5]),
        ([Buffer("bool", b"\1", b"\0"), Buffer("bool", b"\1")], [None, True]),
        ([Tokens(["TRUE"]), ["a"]], [True, "a"]),
    ],
)
def test_columns_of_several_files_are_joined(pieces: list, wanted: list) -> None:
    found = joined([(len(piece), {"x": piece}) for piece in pieces])
    if not isinstance(found[1]["x"], Tokens):
        assert same(as_lists(found)[1]["x"], wanted)
    else:
        assert found[1]["x"] == wanted


def test_times_of_several_files_are_one_column_or_refused() -> None:
    fine = as_pieces({"t": np.array([1, 2], "M8[ns]")}, set())
    both = joined([fine, as_pieces({"t": [dt.datetime(1970, 1, 1)]}, set())])
    assert both[1]["t"] == Buffer("timestamp[ns]", np.array([1, 2, 0]).tobytes())
    with pytest.raises(RowError, match="column 't': times with a zone beside times without one"):
        joined(
            [as_pieces({"t": [ZONED]}, set()), as_pieces({"t": [dt.datetime(2024, 1, 1)]}, set())]
        )


PROGRAM = """\
import sys
sys.modules["pyarrow"] = sys.modules["pandas"] = None
import numpy
from snakestudy import post_run_results
post_run_results({"x": numpy.arange(3), "t": ["a", None, "b"]})
assert not {"snakestudy.tables.kinds", "asyncio"} & set(sys.modules)
"""


def test_program_needs_no_library_to_post(tmp_path: Path) -> None:
    environment = {
        "STUDY_PARAMS": str(tmp_path / "params.json"),
        "STUDY_METRICS": '["fit"]',
        "PYTHONPATH": str(ROOT / "workflow"),
    }
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".bytes", ".json"]
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    assert len(list(tmp_path.iterdir())) == 2
