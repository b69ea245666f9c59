"""The run directory of a task: how it is entered, and what task.json in it tells."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from snakestudy.files import read_json
from snakestudy.layout import aside
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.running.result import FIELDS

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext
    from snakestudy.running.result import Result


class Opened(NamedTuple):
    """A run directory for a try.

    Attributes:
        attempt: which try it is there: another number than that of its visit where tries of
            several visits continue each other.
        seconds: that the tries took which this one continues.
    """

    path: Path
    attempt: int
    seconds: float = 0.0


def open_directory(context: RunContext, spec: TaskSpec, attempt: int) -> Opened:
    """The directory for a try, there and as `restart` says."""
    directory = context.run_directory(spec.task_id)
    if not context.continues:
        if not context.fixed_directory:
            _fresh_directory(directory)
        return Opened(directory, attempt)
    note, seconds = read_note(directory), 0.0
    if note.get("status") in ("running", "failure") and is_made_by(note, spec.digest):
        attempt, seconds = note["attempt"] + 1, _seconds_so_far(directory, note)
        (directory / "results.json").unlink(missing_ok=True)
    elif not context.fixed_directory:
        _fresh_directory(directory)
    running = {"status": "running", "attempt": attempt, "digest": spec.digest}
    _write_note(directory, {**running, "seconds": seconds, "started": time.time()})
    return Opened(directory, attempt, seconds)


def _seconds_so_far(directory: Path, note: dict[str, Any]) -> float:
    """What the tries took that a directory is left by.

    One that was killed ran at least until it wrote a file, or its end was noted.
    """
    seconds = note.get("seconds", 0.0)
    if note["status"] != "running" or "started" not in note:
        return seconds
    times = [note["started"]]
    for entry in os.scandir(directory):
        with suppress(OSError):
            times.append(entry.stat(follow_symlinks=False).st_mtime)
    return seconds + min(max(times), time.time()) - note["started"]


def note_end(directory: Path) -> None:
    """Leave in the run directory of a task that is killed until when it ran."""
    with suppress(OSError):
        os.utime(directory / "task.json")


def note_killed(context: RunContext, spec: TaskSpec, result: Result) -> None:
    """Leave what is known of a task that died with its worker, for a try that continues it."""
    directory = context.run_directory(spec.task_id)
    note = read_note(directory) if context.continues else {}
    if note.get("status") == "running":
        result.attempt = note["attempt"]
        result.seconds += note["seconds"]
        note_result(context, spec, result, directory)


def _fresh_directory(directory: Path) -> None:
    """An empty run directory; the earlier one stands aside, unless one does already."""
    try:
        return directory.mkdir()
    except FileNotFoundError:
        return directory.mkdir(parents=True)
    except FileExistsError:
        pass
    if aside(directory).exists():  # the earlier visit ended before its row was kept
        shutil.rmtree(directory)
    else:
        directory.rename(aside(directory))
    directory.mkdir()


def note_result(context: RunContext, spec: TaskSpec, result: Result, directory: Path) -> None:
    """Leave in a run directory what made it, and how it went."""
    note = {
        "task_id": spec.task_id,
        "status": "failure" if result.error else "success",
        "chunk": context.chunk,
        "plan": context.plan,
        **{name: getattr(result, name) for name in FIELDS},
    }
    _write_note(directory, note)


def read_note(directory: Path) -> dict[str, Any]:
    """What a run directory's task.json says; nothing if there is none."""
    return read_json(directory / "task.json", {})


def ended_well(note: dict[str, Any]) -> bool:
    """Whether what left a run directory ended well, be it that metrics could not be read."""
    if note.get("status") == "success":
        return True
    return note.get("status") == "failure" and bool(RowDigest.parse(note["digest"]).unread)


def is_made_by(note: dict[str, Any], digest: str) -> bool:
    """Whether a run directory was made by what ran, on the inputs, that a row's digest tells."""
    noted = RowDigest.parse(note.get("digest", ""))
    return noted.what_ran == RowDigest.parse(digest).what_ran


def _write_note(directory: Path, note: dict[str, Any]) -> None:
    (directory / "task.json").write_text(json.dumps(note), encoding="utf-8")
