"""Rows of metrics: every form a task may return or write, and what is wrong with others.

Long: one table of forms and of what is wrong with them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet
from rows_kit import Columns, as_columns, as_lists, same

from snakestudy.config.study import Metric
from snakestudy.errors import RowError
from snakestudy.running.metrics import by_metric, read_metric

# as_columns


@pytest.mark.parametrize(
    ("rows", "count", "wanted"),
    [
        ({"x": 1, "t": "abc", "n": None}, 1, {"x": [1], "t": ["abc"], "n": [None]}),
        ({"x": np.float64(0.5), "y": 2}, 1, {"x": [0.5], "y": [2]}),
        ({"i": np.int64(3), "b": np.bool_(True)}, 1, {"i": [3], "b": [True]}),
        ({"x": np.array(1.5)}, 1, {"x": [1.5]}),
        ({"x": [1, 2], "y": ("a", None)}, 2, {"x": [1, 2], "y": ["a", None]}),
        ({"x": range(3), "y": [1, 2, 3]}, 3, {"x": [0, 1, 2], "y": [1, 2, 3]}),
        ({"x": range(3)}, 3, {"x": [0, 1, 2]}),
        ({"x": np.arange(3), "y": np.zeros(3)}, 3, {"x": [0, 1, 2], "y": [0.0, 0.0, 0.0]}),
        ({"x": np.array([[1, 2], [3, 4]])}, 2, {"x": [[1, 2], [3, 4]]}),
        ({"x": [np.float64(1), np.array([2.0])]}, 2, {"x": [1.0, [2.0]]}),
        ({"x": pd.Series([1, 2]), "y": pa.array(["a", "b"])}, 2, {"x": [1, 2], "y": ["a", "b"]}),
        ({"x": []}, 0, {"x": []}),
        ({}, 1, {}),
        ([], 0, {}),
        ([{"x": 1}, {"y": "a", "x": None}], 2, {"x": [1, None], "y": [None, "a"]}),
        (({"x": np.int8(1)}, {"x": np.float32(0.5)}), 2, {"x": [1, 0.5]}),
        ([{"x": [1, 2]}, {"x": np.array([3])}], 2, {"x": [[1, 2], [3]]}),
        ([{}, {"x": 1}], 2, {"x": [None, 1]}),
        ({"x": {"k": 1}}, 1, {"x": [{"k": 1}]}),
    ],
)
def test_rows_become_columns_of_python_values(rows: Any, count: int, wanted: Columns) -> None:
    assert same(as_columns(rows, set()), (count, wanted))


@pytest.mark.parametrize(
    ("series", "wanted"),
    [
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([1.5, math.nan]), [1.5, math.nan]),
        (pd.Series([True, False]), [True, False]),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series(["a", None], dtype=object), ["a", None]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (pd.array([0.5, None], dtype="Float64"), [0.5, None]),
        (pd.array([True, None], dtype="boolean"), [True, None]),
        (pd.array(["a", None], dtype="string"), ["a", None]),
        (pd.array([1, None], dtype="int64[pyarrow]"), [1, None]),
        (pd.array([0.5, None], dtype="float64[pyarrow]"), [0.5, None]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (pd.Series([[1, 2], None]), [[1, 2], None]),
        (pd.Series([np.array([1.0]), np.array([2.0])]), [[1.0], [2.0]]),
        (pd.Series([1, "a", 0.5], dtype=object), [1, "a", 0.5]),
    ],
)
def test_pandas_column_becomes_python_values(series: Any, wanted: list) -> None:
    found = as_columns(pd.DataFrame({"x": series}), set())
    assert same(found, (len(wanted), {"x": wanted}))


DAY = datetime(2024, 1, 1)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (pd.DataFrame({"t": pd.to_datetime(["2024-01-01", None])}), [DAY, None]),
        (pd.DataFrame({"t": [pd.Timedelta(days=1), pd.NaT]}), [timedelta(days=1), None]),
        ({"t": pd.to_datetime(pd.Series(["2024-01-01", None]))}, [DAY, None]),
        ({"t": pd.Timestamp("2024-01-01", tz="UTC")}, [DAY.replace(tzinfo=UTC)]),
        ({"t": pd.Timedelta(days=1)}, [timedelta(days=1)]),
        ({"t": pd.NaT}, [None]),
        ([{"t": pd.Timestamp("2024-01-01")}, {"t": date(2024, 1, 1)}], [DAY, date(2024, 1, 1)]),
        (pa.table({"t": pa.array([DAY, None], pa.timestamp("ms"))}), [DAY, None]),
        ({"t": np.array(["2024-01-01"], dtype="datetime64[us]")}, [DAY]),
    ],
)
def test_dates_and_durations_become_pythons_own(rows: Any, wanted: list) -> None:
    _, columns = as_columns(rows, set())
    assert columns["t"] == wanted
    assert list(map(type, columns["t"])) == list(map(type, wanted))


def test_instance_of_a_class_of_the_studys_own_is_refused_whatever_it_derives_from() -> None:
    for kind in (datetime, timedelta, Decimal, bytes, int, str):
        own = type("Own", (kind,), {})
        value = own(2024, 1, 1) if kind is datetime else own()
        with pytest.raises(RowError, match="a Own is no value of a table"):
            as_columns({"x": value}, set())


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        (None, ["x"]),
        (pd.RangeIndex(2), ["x"]),
        (pd.RangeIndex(1, 3), ["index", "x"]),
        (pd.Index(["a", "b"]), ["index", "x"]),
        (pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]), ["level_0", "level_1", "x"]),
        (pd.Index([3, 4], name="t"), ["t", "x"]),
        (pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["t", "u"]), ["t", "u", "x"]),
    ],
)
def test_index_of_pandas_that_is_not_the_default_becomes_columns(
    index: Any, wanted: list[str]
) -> None:
    count, columns = as_columns(pd.DataFrame({"x": [1, 2]}, index=index), set())
    assert (count, list(columns)) == (2, wanted)


def test_empty_frame_has_no_rows() -> None:
    assert as_columns(pd.DataFrame({"x": pd.Series([], dtype=float)}), set()) == (0, {"x": []})
    assert as_columns(pa.table({"x": pa.array([], pa.int64())}), set()) == (0, {"x": []})


def test_polars_frame_becomes_columns() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": [1, None], "y": ["a", "b"], "z": [[1], [2, 3]]})
    wanted = {"x": [1, None], "y": ["a", "b"], "z": [[1], [2, 3]]}
    assert same(as_columns(frame, set()), (2, wanted))


def test_polars_series_are_sequences() -> None:
    polars = pytest.importorskip("polars")
    assert as_columns({"x": polars.Series([1, 2])}, set()) == (2, {"x": [1, 2]})


@pytest.mark.parametrize("kind", [pa.Table, pa.RecordBatch])
def test_pyarrow_table_becomes_columns(kind: Any) -> None:
    rows = kind.from_pydict({"x": [1, None], "y": [[0.5], []]})
    assert same(as_columns(rows, set()), (2, {"x": [1, None], "y": [[0.5], []]}))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "a NoneType is no rows"),
        ("text", "a str is no rows"),
        ([1, 2], "a list is no rows"),
        ([{"x": 1}, 2], "a list is no rows"),
        (np.zeros((1, 1, 1)), "an array of 3 dimensions is no rows"),
        (iter([1]), "a list is no rows"),
        ({"x": [1, 2], "y": [1]}, r"unequal length: {'x': 2, 'y': 1}"),
        ({"x": [1, 2], "y": 1}, "'y' is a scalar beside sequences"),
        ({"x": [1, 2], "y": "ab"}, "'y' is a scalar beside sequences"),
        ({True: 2}, "the column name True is no text"),
        ({1: 2, "1": 3}, "column '1' is doubled"),
        ({"": 2}, "the column name '' is no text"),
        ([{None: 2}], "the column name None is no text"),
        (pd.DataFrame([[1]], columns=[None]), "the column name"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "column 'x' is doubled"),
        (pd.DataFrame({"x": [1]}, index=pd.Index([1], name="x")), "x"),
        ({"x": 1, "beta": 2}, "the column 'beta' has the name of a parameter; rename"),
        ([{"beta": 2}], "the column 'beta' has the name of a parameter"),
        (pa.table({"task_id": [1]}), "the column 'task_id' has the name of a parameter"),
        (pd.DataFrame({"x": [1]}, index=pd.Index([1], name="beta")), "the column 'beta' has"),
    ],
)
def test_misuse_is_a_metric_error(rows: Any, words: str) -> None:
    with pytest.raises(RowError, match=words):
        as_columns(rows, {"beta", "task_id"})


# by_metric


@pytest.mark.parametrize(
    ("returned", "metrics", "wanted"),
    [
        ({"rmse": 1.0}, ["fit"], {"fit": {"rmse": 1.0}}),
        ({"fit": {"rmse": 1.0}}, ["fit"], {"fit": {"rmse": 1.0}}),
        ({"fit": [{"a": 1}]}, ["fit"], {"fit": [{"a": 1}]}),
        ({"fit": 0.5}, ["fit"], {"fit": {"fit": 0.5}}),
        ([{"a": 1}], ["fit"], {"fit": [{"a": 1}]}),
        ({"b": {"x": 1}, "a": []}, ["a", "b"], {"a": [], "b": {"x": 1}}),
        (None, [], {}),
        ({}, [], {}),
    ],
)
def test_returned_value_by_metric(returned: Any, metrics: list[str], wanted: dict) -> None:
    assert by_metric(returned, metrics) == wanted


@pytest.mark.parametrize("value", [0.5, np.float64(0.5), np.int64(3), np.array(0.5), [0.5, 1.5]])
def test_column_may_have_the_name_of_the_only_metric(value: Any) -> None:
    """`return {"result": x.mean()}`, with the default metrics."""
    rows = by_metric({"result": value}, ["result"])["result"]
    assert as_columns(rows, set())[1] == {"result": np.atleast_1d(value).tolist()}


@pytest.mark.parametrize(
    ("returned", "metrics", "words"),
    [
        ({"a": []}, ["a", "b"], r"returned \['a'\]; the metrics are \['a', 'b'\]"),
        ({"a": [], "b": [], "c": []}, ["a", "b"], r"returned \['a', 'b', 'c'\]"),
        ([{"x": 1}], ["a", "b"], "returned list; the metrics are"),
        (None, ["a", "b"], r"returned nothing \(None\); the metrics are \['a', 'b'\]"),
        (None, ["a"], "returned nothing"),
        (1, [], r"returned int; the metrics are \[\]"),
    ],
)
def test_return_that_fits_no_metric_is_refused(returned: Any, metrics: list, words: str) -> None:
    with pytest.raises(RowError, match=words):
        by_metric(returned, metrics)


# read_metric

Read = Callable[..., tuple[int, Columns]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a text to a file in the run directory, then read it as metric m."""

    def read(name: str, text: str | None = None, **how: Any) -> tuple[int, Columns]:
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.write_text(text, encoding="utf-8")
        taken = {"task_id", "beta"}
        metric = Metric("m", name, **how)
        return as_lists(read_metric(metric, tmp_path / "run", tmp_path, taken))

    return read


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("m.csv", "x,t\n1,a\n2.5,\n", {"x": [1, 2.5], "t": ["a", None]}),
        ("m.CSV", "\ufeffx, y\n1.0D-03,2\n", {"x": [0.001], "y": [2]}),
        ("sub/m.csv", 't\n"a, ""b""\nc"\n', {"t": ['a, "b"\nc']}),
        ("m.csv", "x,b\n1,True\n2,false\n", {"x": [1, 2], "b": [True, False]}),
        ("m.csv", "x\nnan\ninf\n", {"x": [math.nan, math.inf]}),
        ("m.csv", "x\r\n1\r\n", {"x": [1]}),
        ("m.csv", "x,y\n", {"x": [], "y": []}),
        ("m.tsv", "x\ty z\n1\ta b\n", {"x": [1], "y z": ["a b"]}),
        ("m.json", '{"x": 1, "t": null}', {"x": [1], "t": [None]}),
        ("m.json", '{"x": [1, 2.5]}', {"x": [1, 2.5]}),
        ("m.json", '[{"x": 1}, {"y": "ü"}]', {"x": [1, None], "y": [None, "ü"]}),
        ("m.jsonl", '{"x": 1}\n\n{"x": 2, "y": [3]}\n', {"x": [1, 2], "y": [None, [3]]}),
        ("m.jsonl", '{"x": "a\u2028b\x85"}\n', {"x": ["a\u2028b\x85"]}),
        ("m.jsonl", "", {}),
        ("m.dat", "1 2\n3 4.5\n", {"c0": [1, 3], "c1": [2, 4.5]}),
        ("m.dat", "t  x\n1\t2\n", {"t": [1], "x": [2]}),
        ("m.dat", "# made by me\n# t x\n1 2\n\n3 1.0D+01\n", {"t": [1, 3], "x": [2.0, 10.0]}),
        ("m.dat", "#t x\n1 2\n# end\n", {"t": [1], "x": [2]}),
        ("m.dat", "# name x\na 1\nb 2\n", {"name": ["a", "b"], "x": [1, 2]}),
        ("m.out", "1\n2\n", {"c0": [1, 2]}),
    ],
)
def test_file_is_read_by_its_suffix(read: Read, name: str, text: str, wanted: Columns) -> None:
    count = len(next(iter(wanted.values()), []))
    assert same(read(name, text), (count, wanted))


@pytest.mark.parametrize("text", ["", "# t x\n", "\n\n"])
def test_white_space_file_without_a_line_has_no_rows(read: Read, text: str) -> None:
    assert read("m.dat", text)[0] == 0


def test_binary_files_are_read(read: Read, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    table = pa.table({"x": [1, None], "t": ["a", "b"]})
    parquet.write_table(table, tmp_path / "run/m.parquet")
    feather.write_feather(table, tmp_path / "run/m.feather")
    np.savez(tmp_path / "run/m.npz", x=np.array([1, 2]), y=np.array([[1.0], [2.0]]))
    np.savez(tmp_path / "run/s.npz", x=np.float64(0.5), y=np.int64(2))
    assert read("m.parquet") == read("m.feather") == (2, table.to_pydict())
    assert read("m.npz") == (2, {"x": [1, 2], "y": [[1.0], [2.0]]})
    assert read("s.npz") == (1, {"x": [0.5], "y": [2]})


def test_pickled_arrays_are_not_loaded(read: Read, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    np.savez(tmp_path / "run/m.npz", x=np.array([object()]))
    with pytest.raises(RowError, match=r"metric m: m\.npz cannot be read"):
        read("m.npz")


LOG = """\
step 1  E = -1.5D+00  name=a
step 2  E = 2
done  step 3  E = 1e3  name=
"""


@pytest.mark.parametrize(
    ("patterns", "match", "wanted"),
    [
        ([r"E = (?P<e>\S+)"], "last", {"e": [1000.0]}),
        ([r"E = (?P<e>\S+)"], "first", {"e": [-1.5]}),
        ([r"E = (?P<e>\S+)"], "all", {"e": [-1.5, 2.0, 1000.0]}),
        ([r"^step (?P<n>\d)"], "all", {"n": [1, 2]}),
        ([r"(?P<n>\d)  E = (?P<e>\S+)"], "last", {"n": [3], "e": [1000.0]}),
        ([r"E = (?P<e>\S+)", r"step (?P<n>\d)"], "all", {"e": [-1.5, 2.0, 1000.0], "n": [1, 2, 3]}),
        ([r"E = (?P<e>\S+)", r"(?P<done>done)"], "last", {"e": [1000.0], "done": ["done"]}),
        ([r"E = \S+ ( name=(?P<t>\w*))?"], "all", {"t": ["a", None]}),
        ([r"name=(?P<t>\w*)$"], "all", {"t": ["a", None]}),
    ],
)
def test_named_groups_become_columns(
    read: Read, patterns: list[str], match: str, wanted: Columns
) -> None:
    count, columns = read("stdout.log", LOG, regex=tuple(patterns), match=match)
    assert same(columns, wanted)
    assert count == len(next(iter(wanted.values())))


def test_log_that_is_no_utf8_is_searched(read: Read, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/a.log").write_bytes(b"\xff\xfe E = 2\n")
    assert read("a.log", regex=(r"E = (?P<e>\S+)",)) == (1, {"e": [2]})
    with pytest.raises(RowError, match=r"column 'e': '\\udcff\\udcfe' is no text of Unicode"):
        read("a.log", regex=(r"^(?P<e>\S+)",))


@pytest.mark.parametrize(
    ("name", "text", "how", "words"),
    [
        ("m.csv", None, {}, "the task wrote no file m.csv"),
        ("sub/m.csv", None, {}, "the task wrote no file sub/m.csv"),
        ("m.csv", "x,beta\n1,2\n", {}, "the column 'beta' has the name of a parameter"),
        ("m.json", '{"task_id": 1}', {}, "the column 'task_id' has the name"),
        ("m.csv", "x,x\n1,2\n", {}, "m.csv cannot be read: ValueError: column 'x' is doubled"),
        ("m.csv", "x,y\n1\n", {}, "row 1 has 1 fields, the header 2"),
        ("m.csv", "", {}, "it needs a header line"),
        ("m.csv", 'x\n"1"2\n', {}, "m.csv cannot be read"),
        ("m.tsv", "x\t\n1\t2\n", {}, "a column has no name"),
        ("m.dat", "1 2\n3\n", {}, "row 2 has 1 fields, the header 2"),
        ("m.json", "{", {}, "m.json cannot be read: JSONDecodeError"),
        ("m.json", "[1, 2]", {}, "a list is no rows"),
        ("m.json", '{"x": [1], "y": 2}', {}, "'y' is a scalar beside sequences"),
        ("m.jsonl", "{}\n[1]\n", {}, "is no rows"),
        ("m.parquet", "text", {}, "m.parquet cannot be read"),
        ("m.npz", "text", {}, "m.npz cannot be read"),
        ("a.log", "x", {"regex": (r"(?P<e>\d)",)}, r"a.log has nothing that matches '\(\?P<e>"),
        (
            "a.log",
            "E = 1\nE = 2\nT = 3\n",
            {"regex": (r"E = (?P<e>\d)", r"T = (?P<t>\d)"), "match": "all"},
            r"different numbers of times: {'e': 2, 't': 1}",
        ),
        ("a.log", "1", {"regex": (r"(?P<beta>\d)",)}, "'beta' has the name of a parameter"),
    ],
)
def test_bad_file_is_a_metric_error_that_names_the_metric(
    read: Read, name: str, text: str | None, how: dict, words: str
) -> None:
    with pytest.raises(RowError, match=rf"^metric m: .*{words}"):
        read(name, text, **how)


def test_directory_is_no_metric_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "run/m.csv").mkdir(parents=True)
    with pytest.raises(RowError, match="wrote no file"):
        read("m.csv")


READERS = """\
import helper
def rows(path):
    return helper.double([int(word) for word in path.read_text().split()])
def fails(path):
    raise KeyError("no such thing")
def taken(path):
    return {"beta": 1}
"""


def test_reader_is_called_with_the_path(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))  # undone afterwards, with what readers add
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/readers.py").write_text(READERS)
    (tmp_path / "scripts/helper.py").write_text(
        "def double(v):\n    return {'x': [2 * i for i in v]}\n"
    )
    assert read("a.out", "1 2", reader="scripts/readers.py:rows") == (2, {"x": [2, 4]})
    for name, words in [
        ("fails", r"metric m: a\.out cannot be read: KeyError: 'no such thing'"),
        ("taken", "metric m: the column 'beta' has the name of a parameter"),
        ("gone", "metric m: .*gone"),
    ]:
        with pytest.raises(RowError, match=words):
            read("a.out", reader=f"scripts/readers.py:{name}")


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_what_pandas_writes_is_read_back(read: Read, tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": [0.1, math.nan], "t": ["a,b", 'say "hi"']})
    (tmp_path / "run").mkdir()
    if suffix == "csv":
        frame.to_csv(tmp_path / "run/m.csv", index=False)
    else:
        (tmp_path / "run/m.json").write_text(
            json.dumps(json.loads(frame.to_json(orient="records")))
        )
    wanted = {"x": [1, 2], "y": [0.1, None], "t": ["a,b", 'say "hi"']}
    assert same(read(f"m.{suffix}"), (2, wanted))
