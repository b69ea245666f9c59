"""What is done, what failed, what is running, in words."""

from __future__ import annotations

import fcntl

from snakestudy.layout import Layout
from snakestudy.provenance import git
from snakestudy.provenance.environment import changes_in_words, environment
from snakestudy.results.outcome import counts, failures
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.record import load_record
from snakestudy.storage.state import load_states

MOST = 6  # changes of the environment named one by one


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
    moved = changes_in_words(before, {**environment(), "commit": git.commit()})
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
