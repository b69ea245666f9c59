"""Damaged, swapped, foreign and deleted files: found by `check`, mended by `snakemake`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import Study
from pyarrow import parquet

from snakestudy._tables import footer_of, read, write


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
