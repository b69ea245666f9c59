"""A visit that finds everything as the last one left it only links the outputs again."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit import Study

from snakestudy.layout import Layout
from snakestudy.storage.links import relink_outputs


@pytest.fixture
def layout(finished: Study, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(finished.path)
    return Layout()


def manifest_of(layout: Layout) -> Path:
    return min((layout.results / "plan/chunks").iterdir())


def test_outputs_that_are_gone_are_linked_again(layout: Layout) -> None:
    manifest = manifest_of(layout)
    outputs = [path for path in layout.results.glob(f"*/**/{manifest.name}") if path != manifest]
    before = {path: path.read_bytes() for path in outputs}
    assert len(outputs) == 2, "of a metric and of metadata"
    for path in outputs:
        path.unlink()
    assert relink_outputs(manifest, "run", layout)
    assert {path: path.read_bytes() for path in outputs} == before
    assert all(path.stat().st_nlink == 2 for path in outputs)


@pytest.mark.parametrize(
    "change",
    [
        "manifest changed",
        "store cut",
        "bit of the store flipped",
        "store has another part",
        "state gone",
        "job died there",
    ],
)
def test_any_difference_leaves_it_to_a_whole_visit(layout: Layout, change: str) -> None:
    manifest = manifest_of(layout)
    store = layout.chunk_store(manifest.stem)
    (part,) = (store / "parts").iterdir()
    if change == "manifest changed":
        manifest.write_bytes(manifest.read_bytes() + b" ")
    elif change == "store cut":
        (part / "metadata.parquet").write_bytes(b"PAR1")
    elif change == "bit of the store flipped":
        content = bytearray((part / "fit.parquet").read_bytes())
        content[9] ^= 1
        (part / "fit.parquet").write_bytes(content)
    elif change == "store has another part":
        part.with_name("000009").mkdir()
    elif change == "state gone":
        (store / "state.json").unlink()
    else:
        (store / "running").write_bytes(bytes(16))
    assert not relink_outputs(manifest, "run", layout)
