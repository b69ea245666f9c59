"""Damaged, swapped, foreign and deleted files: found by `check`, mended by `snakemake`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from kit import Study, environment
from pyarrow import parquet

from snakestudy.tables.arrow import footer_of, read, write


def truncated(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()  # not through hard links
    path.write_bytes(content[:-40])


def flipped(path: Path) -> None:
    """One bit of the data, the footer as it was."""
    content = bytearray(path.read_bytes())
    column = parquet.ParquetFile(path).metadata.row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path.unlink()
    path.write_bytes(bytes(content))


def swapped(path: Path) -> None:
    one, two = sorted(path.parent.glob("*.parquet"))[:2]
    first, second = one.read_bytes(), two.read_bytes()
    for file, content in ((one, second), (two, first)):
        file.unlink()
        file.write_bytes(content)


def foreign(path: Path) -> None:
    path.unlink()
    parquet.write_table(pa.table({"x": [1]}), path)


def empty(path: Path) -> None:
    path.unlink()
    path.touch()


def changed_value(path: Path) -> None:
    table = read(path)
    values = [value + 1 for value in table["a"].to_pylist()]
    column = pa.array(values, table["a"].type)
    place = table.column_names.index("a")
    footer = footer_of(table.schema)
    path.unlink()
    write(table.set_column(place, "a", column), path, footer)


def one_row_less(path: Path) -> None:
    table = read(path)
    footer = footer_of(table.schema)
    path.unlink()
    write(table.slice(1), path, footer)


DAMAGE: list[tuple[str, Callable[[Path], None], str]] = [
    ("results/fit/*", truncated, "cannot be read"),
    ("results/fit/*", flipped, "cannot be read"),
    ("results/fit/*", empty, "cannot be read"),
    ("results/fit/*", foreign, "is another file's copy"),
    ("results/fit/*", swapped, "is another file's copy"),
    ("results/fit/*", changed_value, "a is not as declared"),
    ("results/fit/*", Path.unlink, "is not there"),
    ("results/metadata/run/*", truncated, "cannot be read"),
    ("results/metadata/run/*", one_row_less, "1 task missing"),
    ("results/metadata/run/*", Path.unlink, "is not there"),
    ("results/plan/chunks/*", truncated, "cannot be read"),
    ("results/plan/chunks/*", swapped, "is not what the plan wrote"),
    ("results/plan/chunks/*", changed_value, "is not what the plan wrote"),
    ("results/plan/chunks/*", Path.unlink, "is not there"),
    ("results/.store/*/parts/*/fit*", truncated, "is damaged"),
    ("results/.store/*/parts/*/fit*", Path.unlink, "is damaged"),
    ("results/.store/*/parts/*/fit*", foreign, "is damaged"),
    ("results/.store/*/parts/*/fit*", swapped, "is damaged"),
    ("results/.store/*/parts/*/fit*", empty, "is damaged"),
    ("results/.store/*/parts/*/metadata*", flipped, "is damaged"),
    ("results/tasks.parquet", one_row_less, "has not just the active tasks"),
    ("results/tasks.parquet", Path.unlink, "is not there"),
]


@pytest.mark.parametrize(("pattern", "damage", "words"), DAMAGE)
def test_damage_is_found_and_deleting_the_file_mends_it(
    checked: Study, tmp_path: Path, pattern: str, damage: Callable[[Path], None], words: str
) -> None:
    study = Study(tmp_path / "study")
    shutil.copytree(checked.path, study.path, symlinks=True)
    wanted = study.fit()
    files = sorted(study.path.glob(pattern))
    damage(files[0])
    said = study.snakemake("check", ok=False)
    assert words in said
    assert str(files[0].relative_to(study.path).parent) in said
    if ".store" in pattern:  # outputs of the chunk make its visit look at the store
        files = list(study.path.glob(f"results/*/{files[0].parents[2].name}.parquet"))
    for file in files:
        file.unlink(missing_ok=True)
    study.snakemake()
    assert "nothing missing, nothing wrong" in study.snakemake("check")
    assert study.fit() == wanted


def foreign_record(path: Path) -> None:
    """A record of another plan, as a copy that went wrong leaves it."""
    path.write_text(path.read_text().replace('"plan": 2', '"plan": 7'))


@pytest.fixture
def twice(study: Study) -> Study:
    """Two plans, the second with one more chunk."""
    study.snakemake()
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 5]")
    study.snakemake()
    assert set(study.ran().values()) == {1}
    return study


@pytest.mark.parametrize("damage", [truncated, empty, foreign_record])
@pytest.mark.parametrize("copy", ["results/plan", "results/.store/records"])
def test_one_damaged_copy_of_the_plan_record_changes_nothing(
    twice: Study, copy: str, damage: Callable[[Path], None]
) -> None:
    wanted = twice.fit()
    damage(twice.path / copy / "0002.json")
    assert "plan 2 is current" in twice.snakemake()
    assert twice.fit() == wanted
    assert not twice.ran()


@pytest.mark.parametrize("damage", [truncated, empty, foreign_record])
def test_plan_record_damaged_in_both_copies_is_told_and_deleting_it_loses_nothing(
    twice: Study, damage: Callable[[Path], None]
) -> None:
    wanted = twice.fit()
    files = [twice.path / name / "0002.json" for name in ("results/plan", "results/.store/records")]
    for file in files:
        damage(file)
    for arguments in ([], ["--dry-run"], ["check"], ["--unlock"]):
        said = twice.snakemake(*arguments, ok=False)
        assert "0002.json: is damaged, or no plan record of this study. Delete it" in said
        assert "Traceback" not in said
    for file in files:
        file.unlink()
    twice.snakemake()
    assert not twice.ran()
    assert twice.fit() == wanted
    assert "nothing missing, nothing wrong" in twice.snakemake("check")


def swapped_with_its_neighbour(path: Path) -> None:
    """One chunk's file for another's."""
    other = next(p for p in sorted(path.parents[1].glob(f"*/{path.name}")) if p != path)
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("*/state.json", truncated),
        ("*/state.json", empty),
        ("*/state.json", swapped_with_its_neighbour),
        ("*/state.json", Path.unlink),
        ("*/manifest.parquet", truncated),
        ("*/manifest.parquet", swapped_with_its_neighbour),
        ("fingerprints.json", truncated),
        ("fingerprints.json", empty),
    ],
)
def test_notes_of_the_store_that_are_damaged_are_made_again_without_running_a_task(
    twice: Study, pattern: str, damage: Callable[[Path], None]
) -> None:
    wanted = twice.fit()
    damage(sorted((twice.path / "results/.store").glob(pattern))[0])
    twice.snakemake()
    if "manifest" in pattern:
        said = twice.snakemake("check", ok=False)
        found = re.findall(r"manifest.parquet: is lost, or another chunk's; delete (.*?),", said)
        assert len(found) == (2 if damage is swapped_with_its_neighbour else 1)
        for path in found:
            (twice.path / path).unlink()
        twice.snakemake()
    assert not twice.ran()
    assert twice.fit() == wanted
    assert "is current" in twice.snakemake()
    assert "nothing missing, nothing wrong" in twice.snakemake("check")


def test_chunks_whose_manifests_are_lost_do_not_mix_with_those_cut_in_their_place(
    twice: Study,
) -> None:
    for name in ("plan/chunks/*.parquet", ".store/*/manifest.parquet"):
        for path in (twice.path / "results").glob(name):
            path.unlink()
    twice.edit("config/config.yaml", "a: [1, 2, 5]", "a: [2, 5, 6]")
    assert "a damaged or foreign part of the store is now" in twice.snakemake()
    assert twice.fit() == [(a, b, a * b) for a in (2, 5, 6) for b in (10, 20)]
    assert "nothing missing, nothing wrong" in twice.snakemake("check")


@pytest.mark.parametrize("published", ["there", "lost"])
@pytest.mark.parametrize("then", ["nothing", "growth", "prune"])
def test_manifests_that_changed_places_are_not_taken_for_one_another(
    twice: Study, published: str, then: str
) -> None:
    wanted = twice.fit()
    swapped_with_its_neighbour(min((twice.path / "results/.store").glob("*/manifest.parquet")))
    if published == "lost":
        shutil.rmtree(twice.path / "results/plan/chunks")
    if then == "growth":
        twice.edit("config/config.yaml", "a: [1, 2, 5]", "a: [1, 2, 5, 6]")
        wanted = sorted([*wanted, (6, 10, 60), (6, 20, 120)])
    if then == "prune":
        twice.edit("config/config.yaml", "a: [1, 2, 5]", "a: [1, 2]")
        wanted = [row for row in wanted if row[0] != 5]
    twice.snakemake()
    if then == "prune":
        assert "removed" in twice.verb("prune", "--yes")
    assert sum(twice.ran().values()) == (2 if then == "growth" else 0)
    assert twice.fit() == wanted


@pytest.mark.parametrize("what", ["plan", "prune"])
def test_part_of_a_newer_format_is_refused_while_all_is_there(twice: Study, what: str) -> None:
    part = min((twice.path / "results/.store").glob("*/parts/*/metadata.parquet"))
    table = read(part)
    footer = {**footer_of(table.schema), "format": 99}
    if what == "prune":
        twice.edit("config/config.yaml", "a: [1, 2, 5]", "a: [2, 5]")
        twice.edit("config/config.yaml", "b: [10, 20]", "b: [10]")
        twice.snakemake()
    part.unlink()
    write(table, part, footer)
    before = {path: path.read_bytes() for path in twice.path.glob("results/**/*.parquet")}
    if what == "plan":
        twice.edit("scripts/model.py", '* params["b"]', '+ params["b"]')
        said = twice.snakemake(ok=False)
    else:
        command = [sys.executable, "-m", "snakestudy", "prune", "--yes"]
        done = subprocess.run(
            command, cwd=twice.path, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 1
        said = done.stderr
    assert "was written by a newer snakestudy (format 99" in said
    assert {path: path.read_bytes() for path in before} == before


def test_record_that_the_store_lost_is_kept_again_before_snakemake_removes_it(
    twice: Study,
) -> None:
    kept = twice.path / "results/.store/records/0002.json"
    content = json.loads(kept.read_text())
    kept.unlink()
    twice.snakemake()
    assert json.loads(kept.read_text()) == content
    twice.snakemake("-F")
    assert json.loads((twice.path / "results/plan/0002.json").read_text()) == content
    assert not twice.ran()


def test_file_beside_the_outputs_of_chunks_is_told_by_check_and_moved_by_the_next_run(
    twice: Study,
) -> None:
    wanted = twice.fit()
    shutil.copy2(twice.path / "results/fit/00000.parquet", twice.path / "results/fit/mine.parquet")
    said = twice.snakemake("check", ok=False)
    assert "results/fit/mine.parquet: is no chunk's; run snakemake: it moves it" in said
    assert "it is now results/.aside/fit/mine.parquet" in twice.snakemake()
    assert twice.fit() == wanted
    assert "nothing missing, nothing wrong" in twice.snakemake("check")
