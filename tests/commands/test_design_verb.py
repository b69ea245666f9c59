"""`python -m snakestudy design` in one process: bad configurations in one message, tables."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from designs import design
from kit import Study

from snakestudy.__main__ import main
from snakestudy.commands.design import counts

TASK = "task: {function: scripts/model.py:simulate, metrics: [fit]}\n"


def sampled(values: str, more: str = "n: 4") -> str:
    return f"design: {{sample: {{{more}, parameters: {{k: {values}}}}}}}"


@pytest.fixture
def here(study: Study, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The small study, as the current directory."""
    study.write("scripts/bad.py", "def f():\n    print('said')\n    raise ValueError('oh')\n")
    study.write("scripts/syntax.py", "x = 1\ndef f(:\n")
    study.write("scripts/prints.py", "def f():\n    print('said')\n    yield {'a': 1}\n")
    monkeypatch.chdir(study.path)
    return study


def said(capsys: pytest.CaptureFixture, text: str, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the verb on a configuration."""
    Path("config/config.yaml").write_text(f"study: small\n{text}\n{TASK}")
    code = main(["design", "--cores", "2", *arguments])
    return code, *capsys.readouterr()


def shape(output: str) -> str:
    """The last block of the output."""
    return output.split("\n\n")[-1].rstrip("\n")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (sampled("{uniform: [0, 1]}", "n: 0"), "sample.n = 0", "must be at least 1"),
        (sampled("{uniform: [0, 1]}", "n: 1.5"), "sample.n = 1.5", "must be of type integer"),
        (sampled("{uniform: [0, 1]}", "n: many"), 'sample.n = "many"', "must be of type integer"),
        (sampled("{uniform: [0, 1]}", "n: true"), "sample.n = true", "must be of type integer"),
        (sampled("{uniform: [0, 1]}", "seed: 1"), "sample", "the key n is missing. How many"),
        (sampled("{uniform: [0, 1]}", "n: 3, seed: -1"), "sample.seed = -1", "at least 0"),
        (sampled("{uniform: [0, 1]}", "n: 3, methd: lhs"), 'sample.methd = "lhs"', "mean method?"),
        (sampled("{uniform: [0, 1]}", "n: 3, method: sobel"), 'sample.method = "sobel"', "sobol?"),
        (sampled("{uniform: [0, 1]}", "n: 3, method: sobol"), "sample.n = 3", "Write 2 or 4, or"),
        ("design: {sample: {n: 3}}", "sample", "the key parameters is missing"),
        ("design: {sample: {n: 3, parameters: {}}}", "sample.parameters = {}", "is empty"),
        (sampled("[0, 1]"), "sample.parameters.k = [0, 1]", "is no distribution. Write"),
        (sampled("{unform: [0, 1]}"), 'sample.parameters.k = "unform"', "Did you mean uniform?"),
        (sampled("{uniform: [0, .inf]}"), "sample.parameters.k.uniform = [0, ", "finite numbers"),
        (sampled("{uniform: [.nan, 1]}"), "sample.parameters.k.uniform = [", "finite numbers"),
        (sampled("{uniform: [1, 0]}"), "sample.parameters.k.uniform = [1, 0]", "low bound below"),
        ("design: {star: {base: {a: 1}}}", "star", "the key vary is missing. What to vary"),
        ("design: {star: {vary: {a: [1]}}}", "star", "the key base is missing"),
        ("design: {star: {base: {a: 1}, vary: {b: 1}}}", "star.vary.b", "Write its base value"),
        ("design: {star: {base: {a: 1}, vary: [a]}}", 'star.vary = ["a"]', "of type mapping"),
        ("design: {star: {base: {a: 1}, vary: {a: 2}, label: 3}}", "star.label = 3", "type string"),
        ("design: {star: {base: {a: 1}, vary: {a: 2}, label: ''}}", 'star.label = ""', "is empty"),
        ("design: {star: {base: {a: 1}, vary: {a: 2}, lable: v}}", 'star.lable = "v"', "label?"),
        ("design: {python: scripts/no.py:f}", 'python = "scripts/no.py"', "is no file. Write a"),
        ("design: {python: scripts/model.py:f}", 'python = "f"', "model.py defines no f"),
        ("design: {python: scripts/model.py}", 'python = "scripts/model.py"', "name a function"),
        ("design: {python: [1]}", "python = [1]", "must be of type string"),
        ("design: {python: scripts/syntax.py:f}", 'python = "scripts/syntax.py"', "line 2"),
        ("design: {table: no.csv}", 'table = "no.csv"', "is no file. Write a path relative to"),
        ("design: {values_from: {columns: [a]}}", "values_from", "the key metric is missing"),
        ("design: {values_from: {metric: fit}}", "values_from", "the key columns is missing"),
        (
            "design: {values_from: {metric: fit, columns: []}}",
            "values_from.columns = []",
            "is empty",
        ),
        ("design: {values_from: {metric: ft, columns: [a]}}", 'values_from.metric = "ft"', "fit?"),
        (
            "design: {values_from: {metric: fit, columns: [a], where: 'y >'}}",
            "values_from.where",
            "'y >' is no expression",
        ),
        ("design: {seeds: 3000000}", "seeds", "more than design_limit (2,000,000). If that is"),
        ("design: {grid: {a: 1}, stars: 1}", "stars = 1", "Did you mean star?"),
    ],
)
def test_bad_block_is_one_message_with_file_key_and_value(
    here: Study, capsys: pytest.CaptureFixture, text: str, place: str, words: str
) -> None:
    code, out, err = said(capsys, text)
    assert (code, out) == (1, "")
    assert err.startswith(f"snakestudy: config/config.yaml: design.{place}")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("defaults: {p: null}", "defaults.p: ", "null is the default anyway. Take it out."),
        ("defaults: {p: .nan}", "defaults.p: ", "nan is no parameter value"),
        ("defaults: [p]", 'defaults = ["p"]: ', "must be of type mapping"),
        ("defaults: {seq: 1}", 'design = "seq": ', "is a reserved name. Rename"),
        ("defaults: {r: 1}\nderive: {r: a}", 'design = "r": ', "is a parameter and derived"),
        ("design_limit: 0", "design_limit = 0: ", "must be at least 1"),
        ("design_limit: all", 'design_limit = "all": ', "must be of type integer"),
        ("design_limit: 2", "design", "more than design_limit (2). If that is meant, write"),
        ("derive: {r: 1 / (a - 1)}", "derive.r: ", 'gives inf for {"a": 1'),
        ("derive: {r: r + 1}", 'derive.r = "r + 1": ', "reads what it writes"),
        ("derive: {r: q, q: r}", 'derive = ["q", "r"]: ', "read each other in a circle"),
    ],
)
def test_bad_key_beside_the_design_is_one_message(
    here: Study, capsys: pytest.CaptureFixture, text: str, place: str, words: str
) -> None:
    code, out, err = said(capsys, f"design: {{grid: {{a: [1, 2, 3]}}}}\n{text}")
    assert (code, out) == (1, "")
    assert err.startswith(f"snakestudy: config/config.yaml: {place}")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("where", ["b >", "open(b)"])
def test_bad_where_of_a_block_that_has_no_set_yet_is_refused_at_once(
    here: Study, capsys: pytest.CaptureFixture, where: str
) -> None:
    found = "{metric: fit, columns: [a]}"
    text = f"design:\n  - seeds: 2\n  - {{values_from: {found}, grid: {{b: 1}}, where: '{where}'}}"
    code, _, err = said(capsys, text)
    assert code == 1
    assert "config/config.yaml: design.1.where" in err


def test_traceback_of_a_callable_follows_the_message(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    code, out, err = said(capsys, "design: {python: scripts/bad.py:f}")
    assert (code, out) == (1, "")
    first, second, traceback, file, *_, last = err.splitlines()
    assert first == "said"
    assert second == 'snakestudy: config/config.yaml: design.python = "scripts/bad.py:f": fails:'
    assert traceback == "Traceback (most recent call last):"
    assert file == f'  File "{here.path}/scripts/bad.py", line 3, in f'
    assert last == "ValueError: oh"


def test_what_a_callable_prints_is_not_part_of_the_table(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    code, out, err = said(capsys, "design: {python: scripts/prints.py:f}")
    assert (code, err) == (0, "said\n")
    assert "said" not in out
    assert shape(out) == "a\n1"


@pytest.mark.parametrize(("written", "plain"), [("n: 1e1", "n: 10"), ("n: 4.0", "n: 4")])
def test_whole_number_of_points_may_be_written_as_a_float(
    here: Study, capsys: pytest.CaptureFixture, written: str, plain: str
) -> None:
    outputs = [said(capsys, sampled("{uniform: [0, 1]}", n)) for n in (written, plain)]
    assert outputs[0] == outputs[1]


def test_seed_1_and_1_0_are_one(here: Study, capsys: pytest.CaptureFixture) -> None:
    outputs = [said(capsys, sampled("{uniform: [0, 1]}", f"n: 2, seed: {s}")) for s in ("1", "1.0")]
    assert outputs[0] == outputs[1]


def test_limit_written_as_a_float_is_a_whole_number(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    assert said(capsys, "design: {python: scripts/prints.py:f}\ndesign_limit: 1e7")[0] == 0
    err = said(capsys, "design: {seeds: 20000000}\ndesign_limit: 1e7")[2]
    assert "design_limit (10,000,000)" in err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--head", "1"], " a    b\n 1  0.5\n... 3 more"),
        (["--head", "4"], " a    b\n 1  0.5\n 1    x\n     0.5\n       x"),
        (["--head", "99"], " a    b\n 1  0.5\n 1    x\n     0.5\n       x"),
        (["--by", "a"], "a  sets  new\n1     2    2\n      2    2"),
        (["--by", "r"], "r  sets  new\ntrue     2    2\nfalse     2    2"),
        (["--by", "b", "--head", "1"], "a    b\n1  0.5\n... 3 more"),
    ],
)
def test_tables_show_sets_and_counts(
    here: Study, capsys: pytest.CaptureFixture, arguments: list[str], wanted: str
) -> None:
    derive = "\nderive: {r: b == 0.5}" if "r" in arguments else ""
    code, out, _ = said(
        capsys, f"design: {{grid: {{a: [1, null], b: [0.5, x]}}}}{derive}", *arguments
    )
    assert code == 0
    assert [line.split() for line in shape(out).splitlines()] == [
        line.split() for line in wanted.splitlines()
    ]


@pytest.mark.parametrize("head", ["0", "-1"])
def test_no_head_shows_only_the_summary(
    here: Study, capsys: pytest.CaptureFixture, head: str
) -> None:
    code, out, _ = said(capsys, "design: {grid: {a: [1, 2]}}", "--head", head)
    assert code == 0
    assert out.splitlines() == [
        "small: 2 parameter sets",
        "  design: 2 = grid 2",
        "  new 2, known 0",
        "  2 chunks of 1 task on 2 slots",
    ]


def test_blocks_are_shown_with_the_size_of_each_part(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    Path("t.csv").write_text("t\n1\n2\n")
    text = """\
design:
  - grid: {a: [1, 2], b: [1, 2, 3]}
    seeds: 2
    where: a + b + seed > 2
  - sample: {n: 4, method: sobol, parameters: {k: {uniform: [0, 1]}}}
    table: t.csv
  - star: {base: {a: 1, b: 1}, vary: {a: [2, 3]}}
    zip: [{x: [1, 2], y: [3, 4]}, {z: [1]}]
  - python: scripts/prints.py:f
    rows: [{q: 1}, {q: 2}]"""
    out = said(capsys, text, "--head", "0")[1]
    assert out.splitlines()[:5] == [
        "small: 27 parameter sets",
        "  design.0: 11 = grid 6 x seeds 2, 1 removed by where",
        "  design.1: 8 = table 2 x sample 4",
        "  design.2: 6 = zip 2 x star 3",
        "  design.3: 2 = rows 2 x python 1",
    ]


def test_counts_tell_the_new_sets_from_those_known() -> None:
    found = counts(design({"grid": {"a": [1, 2]}, "seeds": 2}), numpy.array([3]), "a")
    assert [line.split() for line in found.splitlines()] == [
        ["a", "sets", "new"],
        ["1", "2", "0"],
        ["2", "2", "1"],
    ]


@pytest.mark.parametrize("arguments", [["nowhere"], ["--by", "k"], ["--configfile", "no.yaml"]])
def test_misuse_is_one_message_and_status_1(
    here: Study, capsys: pytest.CaptureFixture, arguments: list[str]
) -> None:
    code, out, err = said(capsys, "design: {grid: {a: [1, 2]}}", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("snakestudy: ")
    assert arguments[-1] in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--head", "x"], ["--cores", "two"], ["--heads", "1"]])
def test_misuse_of_options_shows_the_usage(
    here: Study, capsys: pytest.CaptureFixture, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["design", *arguments])
    assert caught.value.code == 2
    assert "usage: python -m snakestudy design" in capsys.readouterr().err


def test_another_directory_and_configuration_can_be_named(
    here: Study, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write("config/other.yaml", f"study: other\ndesign: {{seeds: 7}}\n{TASK}")
    monkeypatch.chdir(tmp_path)
    assert main(["design", "study", "--configfile", "config/other.yaml", "--head", "0"]) == 0
    assert capsys.readouterr().out.startswith("other: 7 parameter sets\n")
