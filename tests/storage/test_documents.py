"""Files of an older format are read as what they would be now; those of a newer one refused.

data/format-0.tar.xz is a study that the version before format numbers left: six tasks with
an input file each, two of them failed; its code changed, which `on_change: keep` accepted.
data/format-1.tar.xz is one whose outputs kept the types and columns of a task that had left:
x was once a text, and y and the column old with it; one of its three tasks failed.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest
from kit import Study

import snakestudy
from snakestudy.storage.documents import FORMAT
from snakestudy.tables.arrow import FOOTER

DATA = Path(__file__).with_name("data")


def unpacked(name: str, directory: Path) -> Study:
    with tarfile.open(DATA / name) as archive:
        archive.extractall(directory, filter="data")
    return Study(directory)


@pytest.fixture
def old(tmp_path: Path) -> Study:
    return unpacked("format-0.tar.xz", tmp_path / "study")


def test_a_study_of_format_0_is_read_and_goes_on_without_running_what_is_done(old: Study) -> None:
    assert "success 4  failure 2  pending 0  of 6" in old.verb("status")
    assert len(snakestudy.open(old.path).completed_task_ids()) == 4
    output = old.snakemake("-n")
    assert "2 failed tasks tried again" in output
    assert "to run: 2 tasks in 1 chunk" in output
    old.edit("config/config.yaml", "b: [10, 20]", "b: [10, 20, 30]")
    old.snakemake(ok=False)
    ran = old.ran()
    failed = set(snakestudy.open(old.path).failures()["task_id"])
    table = old.table("tasks.parquet")
    new = set(table[table["b"] == 30]["task_id"])
    assert set(ran) == failed | new  # the failures of before are among them
    assert [(a, b, y) for a, b, y in old.fit()] == [
        (a, b, a * b) for a in (1, 2) for b in (10, 20, 30)
    ]
    assert (
        old.table("fit")["s"].tolist() == (old.table("fit")["a"] + old.table("fit")["b"]).tolist()
    )


def test_check_finds_nothing_wrong_in_a_study_of_format_0(old: Study) -> None:
    assert "nothing missing, nothing wrong" in old.snakemake("check")


def test_tables_of_format_1_are_functions_of_their_rows_once_there_is_a_plan(
    tmp_path: Path,
) -> None:
    study = unpacked("format-1.tar.xz", tmp_path / "study")
    assert study.table("fit").dtypes.astype(str).to_dict()["y"] != "float64"
    assert "success 2  failure 1  pending 0  of 3" in study.verb("status")
    study.edit("config/config.yaml", "1, 2, 4", "1, 2, 3")
    study.snakemake()
    table = study.table("fit").sort_values("x")
    assert len(study.ran()) == 1
    assert list(table.columns) == ["task_id", "x", "y"]
    assert list(zip(table["x"], table["y"], strict=True)) == [(1, 0.5), (2, 1.0), (3, 1.5)]
    assert table["x"].dtype == "int64"
    assert "nothing missing, nothing wrong" in study.snakemake("check")


def test_a_record_written_now_says_its_format_and_the_older_ones_stay(old: Study) -> None:
    old.snakemake(ok=False)
    formats = [
        json.loads(path.read_text()).get("format", 0)
        for path in sorted((old.path / "results/.store/records").glob("*.json"))
    ]
    assert formats == [0, 0, FORMAT]


def newer_json(path: Path) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "format": FORMAT + 1}))


def newer_footer(path: Path) -> None:
    """The file as a later version would write it: its footer says so."""
    table = pyarrow.parquet.ParquetFile(path).read()
    text = re.sub(rb'"format": \d+', b'"format": %d' % (FORMAT + 1), table.schema.metadata[FOOTER])
    path.unlink()
    pyarrow.parquet.write_table(table.replace_schema_metadata({FOOTER: text}), path)


@pytest.mark.parametrize(
    ("pattern", "make_newer", "also"),
    [
        ("results/.store/records/0001.json", newer_json, ("results/plan/0001.json",)),
        ("results/.store/*/state.json", newer_json, ()),
        ("results/plan/chunks/*.parquet", newer_footer, ()),
    ],
    ids=["record", "state", "manifest"],
)
def test_what_a_newer_version_wrote_is_refused_and_left_alone(
    study: Study, pattern: str, make_newer: Callable[[Path], None], also: tuple[str, ...]
) -> None:
    study.snakemake()
    paths = [min(study.path.glob(pattern)), *(study.path / name for name in also)]
    for path in paths:
        make_newer(path)
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    before = {path: path.read_bytes() for path in study.path.glob("results/**/*") if path.is_file()}
    output = study.snakemake(ok=False)
    assert f"was written by a newer snakestudy (format {FORMAT + 1}" in output
    assert "Traceback" not in output
    after = {path: path.read_bytes() for path in study.path.glob("results/**/*") if path.is_file()}
    assert after == before


def test_a_part_that_a_newer_version_wrote_is_not_set_aside_as_damaged(study: Study) -> None:
    study.snakemake()
    part = min(study.path.glob("results/.store/*/parts/*/fit.parquet"))
    newer_footer(part)
    study.edit("scripts/model.py", 'params["b"]}', 'params["b"] + 1}')
    output = study.snakemake(ok=False)
    assert "was written by a newer snakestudy" in output
    assert part.exists()
