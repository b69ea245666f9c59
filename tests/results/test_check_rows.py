"""Target `check` on files that can be read and are wrong (damaged ones: faults/test_damage.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from kit import Study
from pyarrow import parquet


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change an output alone: not the store's file that it is a link of."""
    table = change(parquet.read_table(path))
    path.unlink()
    parquet.write_table(table, path)


def test_doubled_row_is_told(finished: Study) -> None:
    assert "nothing missing, nothing wrong" in finished.snakemake("check")
    path = finished.path / "results/metadata/run/00000.parquet"
    rewrite(path, lambda table: pa.concat_tables([table, table.slice(1, 1)]))
    said = finished.snakemake("check", ok=False)
    doubled = parquet.read_table(path)["task_id"][1]
    assert f"results/metadata/run/00000.parquet: 1 task double: {doubled}, ..." in said
    assert "1 problem" in said


def test_types_that_differ_between_files_are_told(finished: Study) -> None:
    def as_float(table: pa.Table) -> pa.Table:
        at = table.column_names.index("y")
        field = pa.field("y", pa.float64())
        return table.set_column(at, field, table["y"].cast(pa.float64()))

    rewrite(finished.path / "results/fit/00001.parquet", as_float)
    said = finished.snakemake("check", ok=False)
    assert "fit: columns or types differ between its files" in said
    assert "mixed" in said
    assert "1 problem" in said
