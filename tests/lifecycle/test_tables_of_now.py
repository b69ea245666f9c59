"""A table is a function of the current rows: no type, column or name of earlier ones stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from kit import Study
from pyarrow import parquet

import snakestudy

CONFIG = """\
study: small
design: {grid: {x: [%s]}}
task: {function: scripts/model.py:run, metrics: [fit]}
chunks: {tasks: %s}
"""


def model(study: Study, body: str) -> None:
    lines = "\n    ".join(body.splitlines())
    study.write("scripts/model.py", f"def run(p):\n    x = p['x']\n    {lines}\n")


def table(study: Study, name: str = "fit") -> pa.Table:
    """A metric as any reader sees it; all its files have one schema."""
    paths = sorted((study.path / "results" / name).glob("*.parquet"))
    schemas = [parquet.read_schema(path).remove_metadata() for path in paths]
    assert all(schema.equals(schemas[0]) for schema in schemas), schemas
    whole = pa.concat_tables([parquet.ParquetFile(path).read() for path in paths])
    return whole.replace_schema_metadata(None)


def column(study: Study, name: str) -> tuple[str, list]:
    found = table(study)[name]
    partial = snakestudy.open(study.path).results("fit", partial=True)[name]
    frame = snakestudy.open(study.path).results("fit")[name]
    assert partial.dtype == frame.dtype
    assert sorted(map(repr, partial)) == sorted(map(repr, frame))
    return str(found.type), sorted(found.to_pylist(), key=repr)


@pytest.mark.parametrize("chunk", [1, 3])
def test_parameter_is_a_number_again_when_the_texts_have_left_the_design(
    study: Study, chunk: int
) -> None:
    model(study, "return {'y': 1}")
    for values, kind in (("1, 2", "int64"), ("1, 2, l0", "string"), ("1, 2, 10", "int64")):
        study.configure(CONFIG % (values, chunk))
        study.snakemake()
        assert column(study, "x")[0] == kind
        assert (
            str(parquet.read_schema(study.path / "results/tasks.parquet").field("x").type) == kind
        )
    reader = snakestudy.open(study.path)
    assert reader.results("fit", where="x > 1")["x"].tolist() == [2, 10]
    assert "nothing wrong" in study.snakemake("check")


def test_values_are_shown_by_the_rows_that_there_are(study: Study) -> None:
    study.configure(CONFIG % ("1, 2", 1))
    model(study, "return {'y': 'inf' if x == 2 else 1.5, 'old': x}")
    study.snakemake()
    assert column(study, "y") == ("string", ["1.5", "inf"])
    model(study, "return {'y': float('inf') if x == 2 else 1.5, 'new': x}")
    study.snakemake()
    assert column(study, "y") == ("double", [1.5, float("inf")])
    assert table(study).column_names == ["task_id", "x", "y", "new"]


@pytest.mark.parametrize("chunk", [1, 2])
def test_text_of_a_number_does_not_depend_on_the_cut(study: Study, chunk: int) -> None:
    study.configure(CONFIG % ("1, 2", chunk))
    model(study, "return {'y': [1, 2.5] if x == 1 else [1, 'x']}")
    study.snakemake()
    assert column(study, "y") == ("string", ["1", "1", "2.5", "x"])


@pytest.mark.parametrize("chunk", [1, 2])
def test_lists_of_unlike_depth_are_texts_as_json(study: Study, chunk: int) -> None:
    study.configure(CONFIG % ("1, 3", chunk))
    model(study, "import numpy as np\nreturn {'y': [np.ones((x, 2)).squeeze()]}")
    study.snakemake()
    assert column(study, "y") == ("string", ["[1.0, 1.0]", "[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]"])


@pytest.mark.parametrize("chunk", [1, 2])
def test_decimals_of_unlike_precision_are_decimals(study: Study, chunk: int) -> None:
    study.configure(CONFIG % ("1, 2", chunk))
    model(study, "from decimal import Decimal\nreturn {'y': Decimal('1.1') / x}")
    study.snakemake()
    assert column(study, "y")[0] == "decimal128(38, 2)"


@pytest.mark.parametrize("chunk", [1, 3])
def test_texts_of_files_are_numbers_where_all_are(study: Study, chunk: int) -> None:
    study.configure(
        """\
        study: small
        design: {zip: {v: ["1.9.3", "1.10", "2.0"], w: ["A01", "007", "8"], n: ["1", NA, "2"]}}
        task:
          command: "printf 'v,w,n,b\\n%%s,%%s,%%s,TRUE\\n' {v} {w} {n} > out.csv"
          metrics: {fit: out.csv}
        chunks: {tasks: CHUNK}
        """.replace("v,w,n,b", "V,W,N,B")
        .replace("%%", "%")
        .replace("CHUNK", str(chunk))
    )
    study.snakemake()
    assert column(study, "V") == ("string", ["1.10", "1.9.3", "2.0"])
    assert column(study, "W") == ("string", ["007", "8", "A01"])
    assert column(study, "N") == ("int64", [1, 2, None])
    assert column(study, "B") == ("bool", [True, True, True])


BLOCKS = """\
study: small
design: [{grid: {x: [1, 2]}}%s]
task: {function: scripts/model.py:run, metrics: [fit]}
chunks: {tasks: %s}
"""


@pytest.mark.parametrize("chunk", [1, 4])
def test_parameter_of_a_block_that_left_is_no_column_and_free_for_results(
    study: Study, chunk: int
) -> None:
    model(study, "return {'y': 1}")
    study.configure(BLOCKS % (", {grid: {x: [1], b: [5]}}", chunk))
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "b", "y"]
    assert column(study, "b") == ("int64", [5, None, None])
    study.configure(BLOCKS % ("", chunk))
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "y"]
    assert "b" not in study.tasks().columns
    model(study, "return {'y': 1, 'b': x}")
    study.snakemake()
    assert column(study, "b") == ("int64", [1, 2])
    study.configure(BLOCKS % (", {grid: {x: [3]}}", chunk))
    study.snakemake()
    assert column(study, "b") == ("int64", [1, 2, 3])


def test_columns_are_those_that_some_current_row_has(study: Study) -> None:
    study.configure(CONFIG % ("1, 2, 3", 3))
    model(study, "return {'y': None} if x == 1 else {'y': x, 'z': 0} if x == 2 else {'w': x}")
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "y", "z", "w"]
    study.configure(CONFIG % ("1, 3", 3))
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "y", "w"]
    assert column(study, "y") == ("null", [None, None])
    study.configure(CONFIG % ("3", 3))
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "w"]
    study.configure(CONFIG % ("1, 2, 3", 3))
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "y", "z", "w"]


def test_empty_tables_have_the_columns_of_the_rows_elsewhere(study: Study) -> None:
    study.configure(CONFIG % ("1, 2", 1))
    model(study, "return {'y': [0.5]} if x == 2 else {'y': [], 'z': []}")
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "y"]
    study.configure(CONFIG % ("1", 1))
    study.snakemake()
    assert table(study).column_names == ["task_id", "x", "y", "z"]
    assert len(table(study)) == 0


def test_lost_store_comes_back_from_outputs_with_the_kinds_they_tell(study: Study) -> None:
    study.configure(CONFIG % ("1, 2", 1))
    model(study, "return {'y': 'one' if x == 1 else 2}")
    study.snakemake()
    for store in (study.path / "results/.store").glob("0*"):
        if (store / "parts").exists():
            shutil.rmtree(store)
    study.configure(CONFIG % ("2", 1))
    study.snakemake()
    assert column(study, "y") == ("int64", [2])


def test_what_pandas_reads_is_one_table(study: Study, tmp_path: Path) -> None:
    study.configure(CONFIG % ("1, a", 1))
    model(study, "return {'y': x}")
    study.snakemake()
    frame = pd.read_parquet(study.path / "results/fit")
    assert sorted(frame["y"]) == sorted(frame["x"]) == ["1", "a"]


@pytest.mark.parametrize("chunk", [1, 2])
def test_rows_without_columns_are_rows_also_when_others_run_again(study: Study, chunk: int) -> None:
    study.configure(CONFIG % ("1, 2", chunk))
    model(study, "return [{}, {}]")
    study.snakemake()
    study.snakemake("--config", "redo=x == 1")
    assert table(study).column_names == ["task_id", "x"]
    assert sorted(table(study)["x"].to_pylist()) == [1, 1, 2, 2]
    assert len(snakestudy.open(study.path).results("fit", partial=True)) == 4


FAR = "datetime.datetime(9999, 12, 31) if x == 1 else np.datetime64(x, 'ns')"
LONG = "datetime.timedelta(days=200_000) if x == 1 else np.timedelta64(x, 'ns')"


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("value", [FAR, LONG])
def test_times_without_a_place_in_nanoseconds_are_texts_beside_them(
    study: Study, chunk: int, value: str
) -> None:
    study.configure(CONFIG % ("1, 2, 3", chunk))
    model(study, f"import datetime\nimport numpy as np\nreturn {{'t': {value}}}")
    study.snakemake()
    kind, values = column(study, "t")
    assert kind == "string"
    assert any(text.startswith(("9999-12-31", "200000 days")) for text in values)
    study.configure(CONFIG % ("2, 3", chunk))
    study.snakemake()
    assert column(study, "t")[0] in ("timestamp[ns]", "duration[ns]")


@pytest.mark.parametrize("other", ["l0", "[1, 2]", "{k: 1}", "99999999999999999999"])
def test_value_of_a_task_that_left_says_nothing_to_check_or_to_readers(
    study: Study, other: str
) -> None:
    model(study, "return {'y': 1}")
    study.configure(CONFIG % (f"1, {other}", 2))
    study.snakemake()
    study.configure(CONFIG % ("1", 2))
    study.snakemake()
    assert column(study, "x") == ("int64", [1])
    assert "nothing wrong" in study.snakemake("check")
