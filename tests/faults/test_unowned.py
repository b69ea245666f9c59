"""Only what an active chunk owns lies in results/{metric}/; nothing that is not ours is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from kit import Study
from pyarrow import parquet

from snakestudy.commands import tasks
from snakestudy.errors import UserError

WANTED = [(1, 10, 10), (1, 20, 20), (2, 10, 20), (2, 20, 40)]


def damaged(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[:-50])


def empty(path: Path, good: Path) -> None:
    path.touch()


def foreign(path: Path, good: Path) -> None:
    parquet.write_table(pa.table({"x": [1]}), path)


def copied(path: Path, good: Path) -> None:
    shutil.copy2(good, path)


def hard_linked(path: Path, good: Path) -> None:
    os.link(good, path)


def symlinked(path: Path, good: Path) -> None:
    path.symlink_to(good)


WAYS = [damaged, empty, foreign, copied, hard_linked, symlinked]


@pytest.mark.parametrize("name", ["00009", "mine", "00000.old", "before/00000"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_no_chunk_owns_is_set_aside_and_told(
    finished: Study,
    name: str,
    way: Callable[[Path, Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outputs = finished.path / "results/fit"
    path = outputs / f"{name}.parquet"
    path.parent.mkdir(exist_ok=True)
    way(path, outputs / "00000.parquet")
    content = path.read_bytes()
    monkeypatch.chdir(finished.path)
    tasks.main(["results"])
    moved = Path("results/.aside/fit", f"{name}.parquet")
    assert moved.read_bytes() == content or way is symlinked
    assert str(moved) in capsys.readouterr().err
    assert finished.fit() == WANTED
    tasks.main(["results"])
    assert not capsys.readouterr().err


def test_files_set_aside_under_one_name_are_all_kept(
    finished: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.path)
    for text in (b"one", b"two", b"three"):
        Path("results/fit/mine.parquet").write_bytes(text)
        tasks.main(["results"])
    found = {path.read_bytes() for path in Path("results/.aside/fit").iterdir()}
    assert found == {b"one", b"two", b"three"}


@pytest.mark.parametrize("way", [damaged, empty, foreign, copied], ids=lambda way: way.__name__)
@pytest.mark.parametrize("table", ["fit", "metadata/run"])
def test_file_in_the_place_of_a_chunks_output_is_made_anew(
    finished: Study, way: Callable[[Path, Path], None], table: str
) -> None:
    path = finished.path / "results" / table / "00001.parquet"
    path.unlink()
    way(path, path.with_name("00000.parquet"))
    finished.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    said = finished.snakemake(ok=None)
    if "00001.parquet" in said:
        finished.snakemake()
    assert finished.fit() == [*WANTED, (4, 10, 40), (4, 20, 80)]
    assert len(finished.metadata()) == 6
    assert sum(finished.ran().values()) == 2
    assert "nothing missing, nothing wrong" in finished.snakemake("check")


@pytest.mark.parametrize("way", [damaged, foreign, copied], ids=lambda way: way.__name__)
def test_chunk_that_left_the_design_leaves_no_rows_whatever_became_of_its_file(
    finished: Study, way: Callable[[Path, Path], None]
) -> None:
    path = finished.path / "results/fit/00001.parquet"
    path.unlink()
    way(path, path.with_name("00000.parquet"))
    finished.edit("config/config.yaml", "a: [1, 2]", "a: [1]")
    finished.snakemake()
    assert finished.fit() == WANTED[:2]
    assert finished.table("metadata/run")["a"].tolist() == [1, 1]
    assert "nothing missing, nothing wrong" in finished.snakemake("check")


def test_directories_that_are_no_metrics_are_the_users(
    finished: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = finished.path / "results/mine"
    mine.mkdir()
    damaged(mine / "one.parquet", finished.path / "results/fit/00000.parquet")
    foreign(mine / "two.parquet", mine)
    shutil.copytree(finished.path / "results/fit", finished.path / "results/fit_before")
    before = {path: path.read_bytes() for path in finished.path.glob("results/[fm]*/*.parquet")}
    monkeypatch.chdir(finished.path)
    tasks.main(["results"])
    assert {path: path.read_bytes() for path in before} == before


def test_file_of_a_newer_format_is_refused(
    finished: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snakestudy.tables.arrow import footer_of, read, write

    path = finished.path / "results/fit/00009.parquet"
    table = read(finished.path / "results/fit/00000.parquet")
    write(table, path, {**footer_of(table.schema), "format": 99})
    monkeypatch.chdir(finished.path)
    with pytest.raises(UserError, match="newer snakestudy"):
        tasks.main(["results"])
    assert path.exists()


def test_files_that_come_to_a_finished_study_are_moved_by_the_next_run(study: Study) -> None:
    study.snakemake()
    own = study.path / "results/fit/00000.parquet"
    for name in ("00077.parquet", "zzz.parquet"):
        (own.parent / name).write_bytes(own.read_bytes())
    assert "2 files in results are no chunk's" in study.snakemake("-n")
    assert len(list(own.parent.iterdir())) == 4
    study.snakemake()
    assert len(study.fit()) == 4
    assert sorted(path.name for path in own.parent.iterdir()) == ["00000.parquet", "00001.parquet"]
    assert len(list((study.path / "results/.aside/fit").iterdir())) == 2
    assert "no chunk's" not in study.snakemake("-n")
