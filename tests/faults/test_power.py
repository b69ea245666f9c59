"""A power failure: nothing is deleted before what replaces it is on the disk.

Power cannot be cut here; what can be seen is the order of the calls that matter.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from kit import Study

from snakestudy.storage.chunk_store import Batches, Store
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.part_tables import footer_in
from snakestudy.tables.arrow import read


@pytest.fixture
def two_parts(checked: Study, tmp_path: Path) -> tuple[Store, Manifest]:
    """The store of a chunk with the rows of its only part once more in a second one."""
    shutil.copytree(checked.path / "results/.store/00000", tmp_path / "00000")
    store = Store(tmp_path / "00000")
    tables = {name: read(store.table(name, 1)) for name in ("fit", "metadata")}
    footer = footer_in(tables["fit"].schema, store.directory)
    store.add({name: Batches.of(table) for name, table in tables.items()}, footer)
    return store, Manifest.load(tmp_path / "00000/manifest.parquet")


def compact(store: Store, manifest: Manifest) -> int:
    footer = footer_in(read(store.table("metadata", 1)).schema, store.directory)
    return store.compact(manifest, store.last_rows(), footer)


def test_parts_are_deleted_once_the_part_that_replaces_them_is_on_the_disk(
    two_parts: tuple[Store, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []
    sync, remove = os.fsync, shutil.rmtree

    def fsync(descriptor: int) -> None:
        calls.append(("sync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        sync(descriptor)

    def rmtree(path: Path, **options: bool) -> None:
        if Path(path).exists():
            calls.append(("remove", Path(path).name))
        remove(path, **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    assert compact(*two_parts) == 3
    pid = os.getpid()
    files = [f".fit.parquet.{pid}", f".metadata.parquet.{pid}"]
    assert calls[:4] == [("sync", name) for name in [*files, ".000003", "parts"]]
    assert sorted(calls[4:]) == [("remove", ".000001"), ("remove", ".000002")]


def test_end_while_replaced_parts_are_deleted_leaves_a_whole_store(
    two_parts: tuple[Store, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, manifest = two_parts

    def killed(path: Path, **_: bool) -> None:
        if Path(path).exists():
            next(Path(path).iterdir()).unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            compact(store, manifest)
    assert store.set_aside_damaged(manifest.table["task_id"]) == []
    assert store.part_numbers() == [3]
    assert sorted(store.rows()) == sorted(manifest.ids)
