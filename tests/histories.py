"""Random histories of a small study, and what its tables have to show after each run.

An event is a name and two numbers, so that a history can be replayed, cut short and printed. The
oracle keeps for each task the rows that its store may hold: one, unless something was killed or
damaged. A run has to leave tables of exactly the current design with values of the code that made
the row, must run what the rule says (README) and nothing else, and `-n`, `status` and `check`
have to agree with that.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from history_events import CHANGES, EVENTS, RUNS
from history_model import World, Wrong
from kit import Study

from snakestudy.errors import UserError

Event = tuple[str, int, int]


def drawn(seed: int) -> list[Event]:
    """A history: some changes, a run, some changes, ..."""
    chance = random.Random(seed)
    events = [("run", 0, 0)]
    for _ in range(chance.randrange(3, 7)):
        chosen = [chance.choice(CHANGES) for _ in range(chance.choice([1, 1, 2, 3]))]
        chosen.append(chance.choice(RUNS))
        events += [(e.__name__, chance.randrange(1000), chance.randrange(1000)) for e in chosen]
    return events


def replay(events: Sequence[Event], directory: Path) -> Wrong | None:
    """Live through a history in an empty directory; what was wrong."""
    world = World(Study(directory / "study"))
    for number, (name, i, j) in enumerate(events):
        try:
            EVENTS[name](world, i, j)
        except Wrong as wrong:
            wrong.what = f"event {number} ({name}): {wrong.what}"
            return wrong
        except (UserError, AssertionError, OSError, KeyError, ValueError) as error:
            return Wrong(f"event {number} ({name}): {type(error).__name__}: {error}")
    return None


def shrunk(events: list[Event], fails: Callable[[list[Event]], bool]) -> list[Event]:
    """A shorter history that fails, too (ddmin)."""
    size = max(1, len(events) // 2)
    while True:
        for start in range(0, len(events), size):
            shorter = events[:start] + events[start + size :]
            if shorter and fails(shorter):
                events = shorter
                break
        else:
            if size == 1:
                return events
            size //= 2
        size = min(size, max(1, len(events) // 2))


__all__ = ["Event", "drawn", "replay", "shrunk"]
