"""The run directory of a task: how it is entered, and what task.json in it tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.files import read_json
from snakestudy.layout import aside
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.running.result import FIELDS

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext
    from snakestudy.running.result import Result


def open_directory(context: RunContext, spec: TaskSpec, attempt: int) -> tuple[Path, int]:
    """The directory for a try, there and as `restart` says; which try it is there.

    That is another number than `attempt` where tries of several visits continue each other.
    """
    directory = context.run_directory(spec.task_id)
    if not context.continues:
        return directory if context.fixed_directory else _fresh_directory(directory), attempt
    note = read_note(directory)
    if note.get("status") in ("running", "failure") and is_made_by(note, spec.digest):
        attempt = note["attempt"] + 1
        (directory / "results.json").unlink(missing_ok=True)
    elif not context.fixed_directory:
        _fresh_directory(directory)
    _write_note(directory, {"status": "running", "attempt": attempt, "digest": spec.digest})
    return directory, attempt


def _fresh_directory(directory: Path) -> Path:
    """An empty run directory; the earlier one stands aside, unless one does already."""
    try:
        directory.mkdir()
        return directory
    except FileNotFoundError:
        directory.mkdir(parents=True)
        return directory
    except FileExistsError:
        pass
    if aside(directory).exists():  # the earlier visit ended before its row was kept
        shutil.rmtree(directory)
    else:
        directory.rename(aside(directory))
    directory.mkdir()
    return directory


def note_result(
    context: RunContext, spec: TaskSpec, result: Result, directory: Path, attempt: int
) -> None:
    """Leave in a run directory what made it, and how it went."""
    note = {
        "task_id": spec.task_id,
        "status": "failure" if result.error else "success",
        "chunk": context.chunk,
        "plan": context.plan,
        **{name: getattr(result, name) for name in FIELDS},
        "attempt": attempt,
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
    (directory / "task.json").write_text(json.dumps(note))
