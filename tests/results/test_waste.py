"""What `prune` may not take away (what it does take: faults/test_prune.py)."""

from __future__ import annotations

import fcntl

import pytest
from kit import Study

from snakestudy.commands import prune
from snakestudy.errors import UserError


@pytest.mark.parametrize(
    "chunk", ["00000", "00001"], ids=["that keeps a task", "that keeps no task"]
)
def test_chunk_that_is_visited_is_left_as_it_is(
    shrunk: Study, chunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shrunk.path)
    store = shrunk.path / "results/.store" / chunk
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    with (store / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=f"chunk {chunk} is being visited by another job"):
            prune.main(["--yes"])
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before
    assert prune.main(["--yes"]) == 0
    assert {path for path in store.rglob("*") if path.is_file()} != before.keys()
