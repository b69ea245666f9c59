"""Histories nobody thought of: random ones, against an oracle (tests/histories.py, history_*.py).

A minute of them, or so many seconds as SNAKESTUDY_HISTORIES says; SNAKESTUDY_SEED begins elsewhere.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from histories import Event, drawn, replay, shrunk

SECONDS = float(os.environ.get("SNAKESTUDY_HISTORIES", "60"))
SEED = int(os.environ.get("SNAKESTUDY_SEED", "0"))


def test_no_history_gets_stuck_or_lies(tmp_path: Path) -> None:
    end, seed = time.monotonic() + SECONDS, SEED
    while time.monotonic() < end:
        events = drawn(seed)
        if _fails(events, tmp_path):
            events = shrunk(events, lambda e: _fails(e, tmp_path))
            wrong = replay(events, _empty(tmp_path))
            listed = "\n".join(f"    {event!r}," for event in events)
            pytest.fail(f"seed {seed}, shrunk to\n[\n{listed}\n]\n{wrong}", pytrace=False)
        seed += 1
    print(f"{seed - SEED} histories")


FOUND: list[list[Event]] = [  # histories that failed once
    [("run", 0, 0), ("edit_comment", 23, 383), ("truncate", 674, 548), ("retry", 303, 497)],
    [
        ("edit_metrics", 471, 882),
        ("keep", 111, 498),
        ("edit_metrics", 374, 632),
        ("truncate", 561, 784),
        ("run", 490, 142),
    ],
    [
        ("edit_metrics", 617, 223),
        ("run", 31, 429),
        ("edit_metrics", 642, 150),
        ("keep", 126, 624),
    ],
]


@pytest.mark.parametrize("events", FOUND, ids=map(str, range(len(FOUND))))
def test_histories_that_failed_once_do_no_more(events: list[Event], tmp_path: Path) -> None:
    assert replay(events, _empty(tmp_path)) is None


def test_history_is_cut_to_what_fails() -> None:
    history = [("grow", i, 0) for i in range(20)]
    needed = {history[3], history[11], history[17]}
    assert shrunk(history, lambda events: needed <= set(events)) == sorted(needed)


def _fails(events: list[Event], directory: Path) -> bool:
    return replay(events, _empty(directory)) is not None


def _empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory
