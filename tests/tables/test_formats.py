"""Formats of tables: documented, read by suffix, a new one is a line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy
import pyarrow as pa
import pytest
from designs import design, refused, rows
from kit import ROOT
from pyarrow import feather, parquet

from snakestudy.config.schema import schema
from snakestudy.config.study import Metric
from snakestudy.running.metrics import read_metric
from snakestudy.tables.formats import FORMATS, Format, read_file
from snakestudy.tables.pieces import as_list
from snakestudy.tables.rows import as_columns

COLUMNS = {"a": [1, 2], "b": [0.5, 1.5]}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One table in every format."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,b\n1,0.5\n2,1.5\n")
    Path("t.tsv").write_text("a\tb\n1\t0.5\n2\t1.5\n")
    Path("t.json").write_text('{"a": [1, 2], "b": [0.5, 1.5]}')
    Path("t.jsonl").write_text('{"a": 1, "b": 0.5}\n\n{"a": 2, "b": 1.5}\n')
    Path("t.dat").write_text("# a b\n1 0.5\n2 1.5\n")
    parquet.write_table(pa.table(COLUMNS), "t.parquet")
    for name in ("t.feather", "t.arrow"):
        feather.write_feather(pa.table(COLUMNS), name)
    records = list(zip(*COLUMNS.values(), strict=True))
    numpy.save("t.npy", numpy.array(records, dtype=[("a", "i8"), ("b", "f8")]))
    numpy.savez("t.npz", allow_pickle=False, **{n: numpy.array(v) for n, v in COLUMNS.items()})


@pytest.mark.parametrize("suffix", [*FORMATS, ".dat"])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_table_reads_the_same_in_every_format(suffix: str, case) -> None:
    path = Path(f"t{suffix}").rename(f"u{case(suffix)}")
    count, pieces = as_columns(read_file(path), set())
    assert (count, {name: as_list(piece) for name, piece in pieces.items()}) == (2, COLUMNS)


@pytest.mark.parametrize("suffix", [*FORMATS, ".dat"])
def test_design_takes_the_formats_that_are_for_designs(suffix: str) -> None:
    if suffix in FORMATS and FORMATS[suffix].for_designs:
        assert rows(design({"table": f"t{suffix}"})) == [(1, 0.5), (2, 1.5)]
    else:
        words = "is of no known kind. Use csv, tsv, json, jsonl, feather, parquet."
        assert refused({"table": f"t{suffix}"}).endswith(words)


def test_formats_are_documented() -> None:
    readme = (ROOT / "config/README.md").read_text(encoding="utf-8")
    told = re.search(r"a file the task writes: ([\w, ]+);", readme)
    assert told is not None
    assert {f".{name}" for name in told[1].split(", ")} == set(FORMATS)
    described = schema()["$defs"]["block"]["properties"]["table"]["description"]
    names = [suffix[1:] for suffix, kind in FORMATS.items() if kind.for_designs]
    assert f"({', '.join(names)})" in described


def test_new_format_is_read_from_designs_and_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Format(lambda file: {"x": [float(word) for word in file.read().split(b";")]})
    monkeypatch.setitem(FORMATS, ".toy", toy)
    Path("t.toy").write_text("1;2.5")
    assert rows(design({"table": "t.toy"})) == [(1.0,), (2.5,)]
    metric = Metric("fit", path="t.toy")
    assert read_metric(metric, Path.cwd(), Path.cwd(), set()) == (2, {"x": [1.0, 2.5]})
