"""Text tables: which line is the header, which files they may be, nothing lost in silence.

Long: one table of files.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rows_kit import Columns, as_lists, same

from snakestudy.config.study import Input, Metric
from snakestudy.errors import RowError
from snakestudy.running.metrics import read_metric
from snakestudy.tables.pieces import Tokens

FORCES = """\
# Forces
# Time        forces(pressure viscous) moment(pressure viscous)
0.1 ((1 2 3) (4 5 6))
0.2 ((1 2 3) (4 5 -6e-1))
"""

PANDAS = ",t,y\n0,a,1\n1,b,2\n"
R_CSV = '"","t","y"\n"1","a",1\n"2","b",NA\n'
R_TABLE = '"t" "y"\n"1" "a b" 1\n"2" "c" TRUE\n'


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Columns]:
    """Write text or bytes to a file, then read it as a metric."""

    def read(name: str, content: str | bytes, **how: Any) -> Columns:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return as_lists(read_metric(Metric("m", name, **how), tmp_path, tmp_path, {"beta"}))[1]

    return read


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        # white space: a first line of names over numbers
        ("m.dat", "t E(eV)\n1 2\n", {"t": [1], "E(eV)": [2]}),
        ("m.dat", "# t file\n1 a.txt\n", {"t": [1], "file": ["a.txt"]}),
        ("m.dat", " # t y\n1 2\n # a b\n3 4\n# converged early\n", {"t": [1, 3], "y": [2, 4]}),
        ("m.dat", "t y\n1 NA\n2 3\n", {"t": [1, 2], "y": [None, 3]}),
        ("m.dat", "# name x\na NA\nb 2\n", {"name": ["a", "b"], "x": [None, 2]}),
        ("m.dat", "# made by\nt x\n1 2\n", {"t": [1], "x": [2]}),
        ("m.dat", "t y\nr1 a 1\nr2 b 2\n", {"index": ["r1", "r2"], "t": ["a", "b"], "y": [1, 2]}),
        # no names: rows
        ("m.dat", "10 file.txt\n11 b.txt\n", {"c0": [10, 11], "c1": ["file.txt", "b.txt"]}),
        ("m.dat", "NA 1\n2 3\n", {"c0": [None, 2], "c1": [1, 3]}),
        ("m.dat", "nan true\n1 false\n", {"c0": [math.nan, 1], "c1": [True, False]}),
        ("m.dat", "2024-01-02 12:00\n", {"c0": ["2024-01-02"], "c1": ["12:00"]}),
        ("m.dat", "# run 7\n1 2\n", {"c0": [1], "c1": [2]}),
        ("forces.dat", FORCES, {"c0": [0.1, 0.2], "c3": [3, 3], "c6": [6.0, -0.6]}),
        # comments
        ("m.dat", "# t x\n# and more words\n1 2\n", {"t": [1], "x": [2]}),
        ("m.dat", "# name city\nalice paris\n", {"name": ["alice"], "city": ["paris"]}),
        ("m.dat", "a\u00a0b 1\nc 2\n", {"c0": ["a\u00a0b", "c"], "c1": [1, 2]}),
        ("m.dat", "t x\r\n1 2\r\n", {"t": [1], "x": [2]}),
        ("m.dat", "t x\r1 2\r", {"t": [1], "x": [2]}),
        ("m.dat", R_TABLE.replace("TRUE", "2"), {"index": [1, 2], "t": ["a b", "c"], "y": [1, 2]}),
        # csv
        ("m.csv", "# t, y\n1,2\n", {"t": [1], "y": [2]}),
        ("m.csv", "#t,y\n", {"t": [], "y": []}),
        ("m.csv", "# it's made \"so\n# by, me\nt,y\n1,2\n", {"t": [1], "y": [2]}),
        ("m.csv", "a,b\nx,y\n", {"a": ["x"], "b": ["y"]}),
        ("m.csv", "2theta,I\n1,2\n", {"2theta": [1], "I": [2]}),
        ("m.csv", "t;y\n1;2.5\n", {"t": [1], "y": [2.5]}),
        ("m.csv", "t;y\n1;'a,b'\n", {"t": [1], "y": ["'a,b'"]}),
        ("m.csv", "t\ty\n1\t2\n", {"t": [1], "y": [2]}),
        ("m.csv", "# t;y\n1;2\n", {"t": [1], "y": [2]}),
        ("m.csv", "path\na;b\n", {"path": ["a;b"]}),
        ("m.csv", PANDAS, {"t": ["a", "b"], "y": [1, 2]}),
        ("m.csv", PANDAS.replace("\n1,", "\n7,"), {"index": [0, 7], "t": ["a", "b"], "y": [1, 2]}),
        ("m.csv", ",0,1\n0,5,6\n", {"0": [5], "1": [6]}),
        ("m.csv", R_CSV, {"index": [1, 2], "t": ["a", "b"], "y": [1, None]}),
        ("m.csv", "t,y\nr1,1,2\nr2,3,4\n", {"index": ["r1", "r2"], "t": [1, 3], "y": [2, 4]}),
        ("m.csv", "t,y,\n1,2,\n", {"t": [1], "y": [2]}),
        ("m.csv", "v\n1.9.3\n1.10\n", {"v": ["1.9.3", "1.10"]}),
        ("m.csv", "v,b\n1, NA\n , TRUE\n", {"v": [1, None], "b": [None, True]}),
        ("m.csv", "t,y\r1,2\r", {"t": [1], "y": [2]}),
        ("m.csv", "x\n" + "9" * 5000 + "\n", {"x": ["9" * 5000]}),
        ("m.csv", "t\na\u2028b\n", {"t": ["a\u2028b"]}),
        ("m.tsv", "t\ty\n1\ta,b\n", {"t": [1], "y": ["a,b"]}),
        # JSON
        ("m.json", "3.5", {"value": [3.5]}),
        ("m.json", '{"x": {"0": 1, "1": 2}, "y": {"0": "", "1": 3}}', {"x": [1, 2], "y": ["", 3]}),
        ("m.json", '{"x": {"3": 1, "5": 2}}', {"index": [3, 5], "x": [1, 2]}),
        ("m.json", '{"0": 1, "1": 2}', {"value": [1, 2]}),
        ("m.json", '{"columns": ["x"], "index": [4], "data": [[1]]}', {"index": [4], "x": [1]}),
        ("m.json", '{"x": {"k": 1}}', {"x": [{"k": 1}]}),
        ("m.json", '[{"x": {"k": 1, "l": 2}}]', {"x": [{"k": 1, "l": 2}]}),
    ],
)  # fmt: skip
def test_file_is_read_whole(read: Callable, name: str, text: str, wanted: Columns) -> None:
    found = read(name, text)
    assert same({key: found[key] for key in wanted}, wanted)
    assert len(found) == len(wanted) or name == "forces.dat"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("m.dat", "t file\n1 a.txt\n", "may be a header or a row"),
        ("m.dat", "name x\na NA\nb 2\n", "may be a header or a row"),
        ("m.dat", "A01 failed\nA02 3\n", "may be a header or a row"),
        ("m.dat", "% t y\n1 2\n", "may be a comment or a row"),
        ("m.dat", "1 2\n@ title\n", "may be a comment or a row"),
        ("m.csv", "t|y\n1|2\n", "separated by '\\|'"),
        ("m.tsv", "t,y\n1,2\n", "separated by ','"),
        ("m.dat", "t, y\n3, 4\n", "separated by commas; call the file .csv"),
        ("m.dat", "1;2\n3;4\n", "separated by semicolons; call the file .csv"),
        ("m.dat", "alice paris\nbob london\n", "may be a header or a row; write `columns"),
        ("m.dat", "node17 ok\n", "the first line may be a header or a row"),
        ("m.dat", "t x\n1 2\n3\n", "row 2 has 1 fields, the header 2; write `columns"),
        ("m.dat", "1 2\n3 4 5\n", "row 2 has 3 fields, the header 2"),
        ("m.csv", "1,2\n3,4\n", "it needs a header line; .* '1' is no name: write"),
        ("m.csv", "alice,3\nbob,4\n", "'3' is no name"),
        ("m.csv", "2024-01-01,a\n", "'2024-01-01' is no name"),
        ("m.csv", "t,y\n1,2,3\n2,4,5\n", "row 1 has 3 fields, the header 2"),
        ("m.dat", "t y\n1 2 3\n", "row 1 has 3 fields, the header 2"),
        ("m.csv", "t,y\na,2,3\na,4,5\n", "row 1 has 3 fields, the header 2"),
        ("m.csv", "t,y\n1,2,\n3,4,\n", "the lines end with a separator and the header does not"),
        ("m.csv", "t;y\n1;2,5\n", "numbers have commas for points"),
        ("m.csv", "t y\n1 2\n", "columns are separated by spaces"),
        ("m.csv", ",a,b\n,min,max\n0,1,2\n", "a second header line"),
        ("m.csv", ",index\n5,1\n", "column 'index' is doubled"),
        ("m.csv", "x\n" + "9" * 5000 + "z\udcff\n", "is no UTF-8 text"),
        ("m.csv", "x\ty\n\ufeff".encode("utf-16"), "is no UTF-8 text"),
        ("m.json", '{"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 4}}', "may be columns, rows"),
        ("m.json", '{"0": {"x": 1}, "1": {"x": 2}}', r'to_json\(orient="records"\)'),
        ("m.json", "[[1, 2]]", "a list is no rows"),
        ("m.json", '{"x": "\\ud800"}', r"column 'x': '\\ud800' is no text"),
        ("m.json", '{"\\ud800": 1}', "is no text"),
        ("m.json", '{"x": ' + "[" * 500 + "]" * 500 + "}", "column 'x': nested too deep"),
        ("m.json", "[" * 10**5, "is nested too deep"),
        ("m.csv.gz", gzip.compress(b"x\n1\n", mtime=0)[:-9], "cannot be read: EOFError"),
        ("m.csv.xz", b"x\n1\n", "cannot be read: LZMAError"),
        ("m.csv.zst", b"x\n1\n", "cannot be read: OSError"),
        ("m.npy", b"\x93NUMPY\x01\x00", "cannot be read: ValueError"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_refused(
    read: Callable, name: str, text: str | bytes, words: str
) -> None:
    data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    with pytest.raises(RowError, match=rf"^metric m: .*{words}"):
        read(name, data)


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("m.dat", "alice paris\nbob london\n", {"t": ["alice", "bob"], "y": ["paris", "london"]}),
        ("m.dat", "t y\n1 2\n", {"t": [1], "y": [2]}),
        ("m.dat", "# a b\n1 2\n", {"t": [1], "y": [2]}),
        ("m.csv", "1,2\n3,4\n", {"t": [1, 3], "y": [2, 4]}),
        ("m.csv", "t, y\n1,2\n", {"t": [1], "y": [2]}),
        ("m.csv", "1;2\n", {"t": [1], "y": [2]}),
        ("m.csv", "", {"t": [], "y": []}),
        ("m.tsv", "1\t2\n", {"t": [1], "y": [2]}),
    ],
)
def test_columns_names_columns(read: Callable, name: str, text: str, wanted: Columns) -> None:
    assert same(read(name, text, columns=("t", "y")), wanted)


@pytest.mark.parametrize("name", ["m.dat", "m.csv"])
def test_columns_that_say_otherwise_than_the_file_are_refused(read: Callable, name: str) -> None:
    text = "time y\n1 2\n" if name == "m.dat" else "time,y\n1,2\n"
    with pytest.raises(RowError, match=r"the first line names \['time', 'y'\]"):
        read(name, text, columns=("t", "y"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"columns": ["x", "y"], "index": [], "data": []}', {"x": [], "y": []}),
        ('{"columns": [["a", "b"], ["a", "c"]], "data": [[1, 2]]}', {"a_b": [1], "a_c": [2]}),
        ('{"schema": {}, "data": [{"index": 0, "x": 5}]}', {"x": [5]}),
        ('{"schema": {}, "data": [{"index": 3, "x": 5}]}', {"index": [3], "x": [5]}),
    ],
)
def test_json_of_pandas_is_its_frame(read: Callable, text: str, wanted: Columns) -> None:
    assert same(read("m.json", text), wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"columns": ["x", "x"], "data": [[1, 2]]}', "'x'"),
        ('{"columns": ["index"], "index": [4], "data": [[1]]}', "'index'"),
        ('{"a": {"mean": 1.5}, "b": {"mean": 2.5}}', "may be columns, rows or values"),
    ],
)
def test_json_that_is_not_sure_is_refused(read: Callable, text: str, words: str) -> None:
    with pytest.raises(RowError, match=words):
        read("m.json", text)


def test_pattern_takes_no_file_that_the_task_did_not_write(tmp_path: Path) -> None:
    study, run = tmp_path / "study", tmp_path / "run"
    for name in ("study/obs.csv", "study/case/in.csv", "run/obs.csv", "run/case/in.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n1\n", encoding="utf-8")
    (run / "params.json").write_text('{"x": 1}', encoding="utf-8")
    inputs = [Input(name, "copy", None, None) for name in ("obs.csv", "case")]
    for pattern in ("*.csv", "**/*.csv", "*.json"):
        with pytest.raises(RowError, match="the task wrote no file"):
            read_metric(Metric("m", pattern), run, study, set(), {}, inputs)
    (run / "case/out.csv").write_text("x\n2\n", encoding="utf-8")
    rows = read_metric(Metric("m", "**/*.csv"), run, study, set(), {}, inputs)
    assert same(as_lists(rows)[1], {"x": [2]})
    assert read_metric(Metric("m", "params.json"), run, study, set(), {}, inputs)[0] == 1


def test_columns_must_be_as_many_as_fields(read: Callable) -> None:
    with pytest.raises(RowError, match="row 1 has 3 fields, the header 2"):
        read("m.dat", "1 2 3\n", columns=("t", "y"))


COMPRESSED = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_compressed_file_is_read_as_what_it_holds(read: Callable, suffix: str) -> None:
    pack = COMPRESSED[suffix]
    assert read(f"m.csv{suffix}", pack(b"t,y\n1,a\n")) == {"t": [1], "y": ["a"]}
    assert read(f"m.dat{suffix.upper()}", pack(b"1 2\n")) == {"c0": [1], "c1": [2]}
    assert read(f"m.log{suffix}", pack(b"E = 2\n"), regex=(r"E = (?P<e>\d)",)) == {"e": [2]}
    assert read(f"m.json{suffix}", pack(b'{"x": 1}')) == {"x": [1]}


@pytest.mark.parametrize(
    ("array", "columns", "wanted"),
    [
        (np.array([1, 2]), (), {"value": [1, 2]}),
        (np.array([[1, 2], [3, 4]]), (), {"c0": [1, 3], "c1": [2, 4]}),
        (np.array([[1, 2], [3, 4]]), ("t", "y"), {"t": [1, 3], "y": [2, 4]}),
        (np.array([(1, "x")], [("a", int), ("t", "U1")]), (), {"a": [1], "t": ["x"]}),
        (np.array(0.5), (), {"value": [0.5]}),
    ],
)
def test_npy_file_is_rows(
    read: Callable, tmp_path: Path, array: Any, columns: tuple, wanted: dict
) -> None:
    np.save(tmp_path / "a.npy", array)
    assert read("m.npy", (tmp_path / "a.npy").read_bytes(), columns=columns) == wanted
    if columns:
        with pytest.raises(RowError, match="the array has 2 columns, `columns` names 1"):
            read("m.npy", (tmp_path / "a.npy").read_bytes(), columns=columns[:1])


@pytest.mark.parametrize("index", [None, [3, 4], ["a", "b"]])
def test_what_pandas_writes_by_default_is_read_as_the_frame(
    read: Callable, tmp_path: Path, index: list | None
) -> None:
    frame = pd.DataFrame({"x": [1, 2], "t": ["a", "b,c"]}, index=index)
    wanted = {**({"index": index} if index else {}), **frame.to_dict(orient="list")}
    assert read("m.csv", frame.to_csv()) == wanted
    assert read("m.tsv", frame.to_csv(sep="\t")) == wanted
    assert read("m.csv", frame.to_csv(sep=";")) == wanted
    if index != ["a", "b"]:
        assert read("m.json", frame.to_json()) == wanted
        series = read("m.json", frame["x"].to_json())
        assert series == {**({"index": index} if index else {}), "value": [1, 2]}
    else:
        with pytest.raises(RowError, match="may be columns, rows"):
            read("m.json", frame.to_json())
    assert read("m.json", frame.to_json(orient="split")) == wanted
    frame.to_parquet(tmp_path / "a.parquet")
    assert read("m.parquet", (tmp_path / "a.parquet").read_bytes()) == wanted
    table = json.loads(frame.to_json(orient="table"))
    assert read("m.json", json.dumps(table))["x"] == [1, 2]


def test_texts_of_a_column_travel_undecided_unless_python_writes_its_numbers_so(
    tmp_path: Path,
) -> None:
    def pieces(text: str) -> dict:
        (tmp_path / "m.csv").write_text(text, encoding="utf-8")
        return read_metric(Metric("m", "m.csv"), tmp_path, tmp_path, set())[1]

    found = pieces("a,b,c,d,e,f\n1,2.5,1.10,007,NA,1e3\n2,,2.0,1,1,2\n")
    assert {name: type(piece) for name, piece in found.items()} == {
        **dict.fromkeys("ab", list),
        **dict.fromkeys("cdef", Tokens),
    }
    assert found["a"] == [1, 2]
    assert found["b"] == [2.5, None]
    assert found["c"] == ["1.10", "2.0"]


@pytest.mark.parametrize(
    ("files", "path", "wanted"),
    [
        ({"b_a.csv": "x\n2\n", "a_a.csv": "x\n1\n", "c.csv": "x\n9\n"}, "*_a.csv", {"x": [1, 2]}),
        ({"1/m.csv": "x\n1", "2/m.csv": "x,y\n2,a\n"}, "*/m.csv", {"x": [1, 2], "y": [None, "a"]}),
        ({"1.csv": "v\n1\n", "2.csv": "v\n1.10\n"}, "[12].csv", {"v": [1.0, 1.1]}),
        ({"1.csv": "v\n1\n", "2.csv": "v\n1.9.3\n"}, "?.csv", {"v": ["1", "1.9.3"]}),
        ({"o/x=2/m.csv": "y\n1\n", "o/x=3/m.csv": "y\n2\n"}, "o/x={x}/m.csv", {"y": [1]}),
        ({"o/a[1]_0.csv": "y\n1\n", "o/a1_0.csv": "y\n2\n"}, "o/{t}_*.csv", {"y": [1]}),
        ({"a[1].csv": "y\n1\n", "a1.csv": "y\n2\n"}, "a[1].csv", {"y": [1]}),
        ({"a{b}.csv": "y\n1\n"}, "a{{b}}.csv", {"y": [1]}),
        ({"a/b/c.csv": "y\n1\n"}, "**/c.csv", {"y": [1]}),
    ],
)  # fmt: skip
def test_path_may_have_placeholders_and_patterns(
    tmp_path: Path, files: dict, path: str, wanted: Columns
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    values = {"x": 2, "t": "a[1]", "up": "../a"}
    rows = read_metric(Metric("m", path), tmp_path, tmp_path, set(), values)
    assert same(as_lists(rows)[1], wanted)


def test_pattern_that_fits_no_file_or_a_bad_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(RowError, match=r"metric m: the task wrote no file 2/\*\.csv"):
        read_metric(Metric("m", "{x}/*.csv"), tmp_path, tmp_path, set(), {"x": 2})
    (tmp_path / "b.csv").write_text("x,x\n", encoding="utf-8")
    with pytest.raises(RowError, match=r"metric m: .*b\.csv.*'x' is doubled"):
        read_metric(Metric("m", "*.csv"), tmp_path, tmp_path, set())
    with pytest.raises(RowError, match=r"metric m: the path \.\./b\.csv goes up"):
        read_metric(Metric("m", "{x}/b.csv"), tmp_path / "sub", tmp_path, set(), {"x": ".."})
