"""Whatever lies in a task's files gives rows or an error of that task."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet
from rows_kit import as_columns, check

from snakestudy.config.study import Metric
from snakestudy.errors import RowError
from snakestudy.running.metrics import by_metric, read_metric
from snakestudy.running.posted import read_posted
from snakestudy.tables.formats import FORMATS
from snakestudy.tables.pieces import Buffer

searched = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def samples() -> dict[str, bytes]:
    """Good content of every format, for damage."""
    table = pa.table({"x": [1, 2], "t": ["a", None], "l": [[1], []]})
    found = {".csv": b"x,t\n1,a\n2,b\n", ".tsv": b"x\tt\n1\ta\n", ".dat": b"# x t\n1 a\n2 b\n"}
    found |= {".json": b'{"x": [1, 2]}', ".jsonl": b'{"x": 1}\n{"x": [2]}\n'}
    for suffix in (".feather", ".arrow"):
        with io.BytesIO() as file:
            feather.write_feather(table, file)
            found[suffix] = file.getvalue()
    with io.BytesIO() as file:
        parquet.write_table(table, file)
        found[".parquet"] = file.getvalue()
    for suffix, save in (
        (".npz", lambda f: np.savez(f, x=[1, 2])),
        (".npy", lambda f: np.save(f, [1, 2])),
    ):
        with io.BytesIO() as file:
            save(file)
            found[suffix] = file.getvalue()
    found[".csv.gz"] = gzip.compress(found[".csv"])
    found[".parquet.bz2"] = bz2.compress(found[".parquet"])
    found[".json.zst"] = pa.compress(found[".json"], codec="zstd", asbytes=True)
    assert set(found) >= set(FORMATS)
    return found


SAMPLES = samples()


@pytest.mark.parametrize("suffix", SAMPLES)
@searched
@given(data=st.data())
def test_any_file_gives_rows_or_an_error(suffix: str, data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(SAMPLES[suffix])
    if data.draw(st.booleans()):
        text = st.text(st.sampled_from('01.,;\t \n"#-+eE[]{}:()xTNA\0é\r'), max_size=40)
        content = bytearray(data.draw(st.one_of(st.binary(max_size=60), text.map(str.encode))))
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([None, len(content) // 2, -1]))]
    (tmp_path / f"m{suffix}").write_bytes(content)
    try:
        rows = read_metric(Metric("m", f"m{suffix}"), tmp_path, tmp_path, {"taken"})
    except RowError as error:
        str(error).encode()
        return
    check(dict(rows[1]))


KEYS = "snakestudy-rows metrics bytes x rows columns kind at valid shape arrow datetime mapping"
content = st.recursive(
    st.one_of(
        st.none(), st.integers(), st.text(max_size=3), st.sampled_from([[0, 8], "int64", "bool"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5),
    ),
    max_leaves=12,
)


@searched
@given(content=content)
def test_any_results_json_gives_rows_or_an_error(tmp_path: Path, content: Any) -> None:
    metrics = {"x": {"rows": 1, "columns": {"c": content}}}
    (tmp_path / "b").write_bytes(bytes(range(100)))
    for posted in (content, {"snakestudy-rows": 1, "bytes": "b", "metrics": metrics}):
        (tmp_path / "results.json").write_text(json.dumps(posted), encoding="utf-8")
        with suppress(RowError):
            for rows in by_metric(read_posted(tmp_path), ["x"]).values():
                check(rows)


@pytest.mark.parametrize(
    "buffer",
    [
        *(
            Buffer(kind, b"12345678")
            for kind in ("decimal", "int32", "timestamp[h]", "duration[s]")
        ),
        Buffer("timestamp[us, tz=Nowhere/X]", b"12345678"),
        Buffer("int64", b"12345"),
        Buffer("bool", b"12", b"1"),
        Buffer("date32", b"1234", None, (0,)),
        Buffer("double", b"12345678" * 3, None, (2,)),
    ],
)
def test_buffer_that_is_none_is_refused(buffer: Buffer) -> None:
    with pytest.raises(RowError, match="column 'x': bytes that are no buffer of"):
        as_columns({"x": buffer})
