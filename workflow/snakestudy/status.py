"""`python -m snakestudy status`: what is done, what failed, what is running."""

from __future__ import annotations

import argparse
import fcntl
from collections.abc import Sequence

from . import _git
from ._environment import changes_in_words, environment
from ._errors import UserError
from ._layout import Layout, enter
from ._state import load_record, load_states
from ._store import Store
from .outcome import counts, failures

MOST = 6  # changes of the environment named one by one


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m snakestudy status", description=__doc__)
    parser.add_argument("directory", nargs="?", default=".", help="of the study (default: here)")
    directory = parser.parse_args(arguments).directory
    enter(directory)
    layout = Layout()
    if load_record(layout) is None:
        raise UserError("holds no study that was planned", value=directory)
    print(describe(layout))
    return 0


def describe(layout: Layout) -> str:
    """The state of a study in words, from small files and the parts of unfinished chunks."""
    record = load_record(layout)
    total = sum(entry["tasks"] for entry in record["chunks"].values())
    found = counts(record, layout)
    states = load_states(layout, record["chunks"])
    unfinished = [
        chunk
        for chunk, entry in record["chunks"].items()
        if states[chunk] is None or states[chunk].manifest != entry["manifest"]
    ]
    success, failure, running = found["success"], found["failure"], 0
    for chunk in unfinished:
        if state := states[chunk]:  # what its last visit left is counted below
            success -= sum(row.tasks for row in state.rows if row.status == "success")
            failure -= sum(row.tasks for row in state.rows if row.status == "failure")
        store = Store(layout.chunk_store(chunk))
        rows = store.last_rows()["status"].to_pylist()
        success += rows.count("success")
        failure += rows.count("failure")
        running += _is_held(store)
    lines = [f"{record['study']}: plan {record['plan']} of {record['time']}"]
    lines += [f"  {reason}" for reason in record["why"]]
    pending = max(total - success - failure, 0)
    lines.append(f"  success {success:,}  failure {failure:,}  pending {pending:,}  of {total:,}")
    before = {**record["environment"], "commit": record["commit"]}
    moved = changes_in_words(before, {**environment(), "commit": _git.commit()})
    if moved:
        more = f", and {len(moved) - MOST} more" if len(moved) > MOST else ""
        lines.append(f"  changed since that plan: {', '.join(moved[:MOST])}{more}")
    if unfinished:
        lines.append(f"  chunks unfinished: {len(unfinished)}, of which visited now: {running}")
    if failure:
        finished = [chunk for chunk in record["chunks"] if layout.metadata(chunk).exists()]
        lines += failures(finished, layout)
    return "\n".join(lines)


def _is_held(store: Store) -> bool:
    try:
        with (store.directory / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True
