"""What results depend on: what counts as a change, and what does not.

Long: one table of what counts and what does not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from snakestudy.config.resolve import resolve
from snakestudy.config.study import Study
from snakestudy.errors import UserError
from snakestudy.provenance.changes import changes
from snakestudy.provenance.code import imported, same_code
from snakestudy.provenance.digests import Provenance, keep_unchanged_readers, provenance_of
from snakestudy.provenance.file_hashes import FileHashes

CODE = '''\
"""What it is."""
import os


class Model:
    """A model."""

    rate = 0.5


def simulate(params):
    """Run it."""
    # the rate
    return {"y": params["a"] * Model.rate, "t": "# no comment"}
'''


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a study with some scripts and inputs."""
    monkeypatch.chdir(tmp_path)
    write("scripts/model.py", CODE)
    write("resources/in.dat", "1 2 3")
    return tmp_path


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def provenance(derive: Mapping[str, str] | None = None, **task: Any) -> Provenance:
    task = task or {"function": "scripts/model.py:simulate"}
    config = {"study": "s", "design": {"seeds": 1}, "derive": derive or {}, "task": task}
    study = Study("c.yaml", resolve("c.yaml", config), "", {})
    return provenance_of(study, study.step, FileHashes())


def changed(old: Provenance, new: Provenance, texts: Mapping[str, str] | None = None) -> list[str]:
    """What changed, in words; texts are the contents of files by their SHA-256."""
    return changes(old.components, new.components, (texts or {}).get)


def sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


# code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# the rate", "# another comment"),
        ("    # the rate\n", ""),
        ('"""What it is."""\n', ""),
        ('    """A model."""\n\n', ""),
        ('"""Run it."""', "'''Run it\n    well.'''"),
        ("import os\n\n\n", "import os\n"),
        ('params["a"] * Model.rate', "(params['a']\n        * Model.rate)"),
        ("rate = 0.5", "rate = 0.50  # half"),
        ("import os", "import os;"),
    ],
)
def test_comments_docstrings_and_formatting_are_no_change(old: str, new: str) -> None:
    assert old in CODE
    assert same_code(CODE, CODE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rate = 0.5", "rate = 0.6"),
        ('"# no comment"', '"# comment"'),
        ("import os", "import sys"),
        ("def simulate(params)", "def simulate(params, n=1)"),
        ('* Model.rate, "t"', '+ Model.rate, "t"'),
        ("    return {", "    return not {"),
        ("simulate", "simulated"),
        ("rate = 0.5", "rate = 0.5\n    'a text that is no docstring'"),
    ],
)
def test_code_is_a_change(old: str, new: str) -> None:
    assert old in CODE
    assert not same_code(CODE, CODE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"), [(None, "x"), ("x", None), (None, None), ("x = (", "x = ("), ("x\x00", "x\x00")]
)
def test_code_that_is_not_known_or_no_python_counts_as_changed(
    old: str | None, new: str | None
) -> None:
    assert not same_code(old, new)


def test_same_bytes_are_no_change_whatever_they_are() -> None:
    assert changes({"code a.sh": "1"}, {"code a.sh": "1"}, {}.get) == []


def test_changes_compare_code_by_its_texts() -> None:
    commented, other = CODE.replace("the rate", "a rate"), CODE.replace("0.5", "0.6")
    texts = {sha(text): text for text in (CODE, commented, other)}
    old = provenance()
    for text, words in [(commented, []), (other, ["scripts/model.py changed"])]:
        write("scripts/model.py", text)
        assert changed(old, provenance(), texts) == words
    assert changed(old, provenance()) == ["scripts/model.py changed"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"derive R": "a / b"}, {"derive R": "a * b"}, ["the formula of R changed"]),
        ({"derive R": "a / b"}, {"derive R": "a/b"}, []),
        ({}, {"derive R": "a / b"}, []),
        ({"derive R": "a / b"}, {}, []),
        ({"command": "1"}, {"command": "2"}, ["the command changed"]),
        ({}, {"setup": "1"}, ["the setup was added"]),
        ({"env": "1"}, {}, ["the env was removed"]),
        ({"function": "1"}, {"function": "2"}, ["the function changed"]),
        ({"input a b.dat": "1"}, {"input a b.dat": "2"}, ["input a b.dat changed"]),
        ({}, {"input a": "1", "input b": "1"}, ["input a was added", "input b was added"]),
        ({"code lib/x.py": "1"}, {}, ["lib/x.py was removed"]),
        ({"code x.py": "1"}, {"code x.py": "2"}, ["x.py changed"]),
        ({"a": "1", "command": "1"}, {"command": "1", "a": "1"}, []),
    ],
)
def test_change_in_words(old: dict, new: dict, words: list[str]) -> None:
    assert changes(old, new, {}.get) == words


# imports

DEEP = "x = " + " + ".join(5000 * "y")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"scripts/model.py": "import os, json, a", "scripts/a.py": ""}, ["scripts/a.py"]),
        ({"scripts/model.py": "from a import x as y", "scripts/a.py": ""}, ["scripts/a.py"]),
        (
            {
                "scripts/model.py": "import a",
                "scripts/a.py": "import b",
                "scripts/b.py": "import a, model",
            },
            ["scripts/a.py", "scripts/b.py"],
        ),
        (
            {
                "scripts/model.py": "import pkg.a",
                "scripts/pkg/__init__.py": "",
                "scripts/pkg/a.py": "",
            },
            ["scripts/pkg/__init__.py", "scripts/pkg/a.py"],
        ),
        (
            {
                "scripts/model.py": "from pkg import a",
                "scripts/pkg/__init__.py": "",
                "scripts/pkg/a.py": "from . import b\nfrom .c import f\nfrom .sub.d import g",
                "scripts/pkg/b.py": "",
                "scripts/pkg/c.py": "",
                "scripts/pkg/sub/__init__.py": "from ..e import h",
                "scripts/pkg/sub/d.py": "",
                "scripts/pkg/e.py": "",
                "scripts/pkg/not_imported.py": "",
            },
            [
                f"scripts/pkg/{name}.py"
                for name in ("__init__", "a", "b", "c", "e", "sub/__init__", "sub/d")
            ],
        ),
        ({"scripts/model.py": "import space.a", "scripts/space/a.py": ""}, ["scripts/space/a.py"]),
        ({"scripts/model.py": "import lib.a", "lib/a.py": ""}, ["lib/a.py"]),
        ({"scripts/model.py": "from scripts import b", "scripts/b.py": ""}, ["scripts/b.py"]),
        ({"scripts/model.py": "import a", "a.py": "", "scripts/a.py": ""}, ["scripts/a.py"]),
        ({"scripts/model.py": "def f():\n    import a", "scripts/a.py": ""}, ["scripts/a.py"]),
        ({"scripts/model.py": "import a", "scripts/a.py": "no python ("}, ["scripts/a.py"]),
        ({"scripts/model.py": "import numpy, a.b.c"}, []),
        ({"scripts/model.py": "\ufeffimport a", "scripts/a.py": ""}, ["scripts/a.py"]),
        (
            {"scripts/model.py": "# -*- coding: utf-8 -*-\nimport a, ä", "scripts/ä.py": ""},
            ["scripts/ä.py"],
        ),
        (
            {
                "scripts/model.py": "from .a import f",
                "scripts/a.py": "from . import b",
                "scripts/b.py": "",
            },
            ["scripts/a.py", "scripts/b.py"],
        ),
        ({"scripts/model.py": "import a", "scripts/a.py": DEEP}, ["scripts/a.py"]),
    ],
)
def test_imported_modules_of_the_study_are_followed(
    texts: dict[str, str], found: list[str]
) -> None:
    for name, text in texts.items():
        write(name, text)
    assert sorted(imported("scripts/model.py")) == sorted(found)
    assert sorted(imported("./scripts/model.py")) == sorted(found)


def test_relative_imports_outside_of_the_study_are_followed(tmp_path: Path) -> None:
    for name, text in {"m": "from .a import f", "a": "from . import b", "b": ""}.items():
        write(f"lib.d/pkg/{name}.py", text)
    Path("study").mkdir()
    os.chdir("study")
    assert imported("../lib.d/pkg/m.py") == ["../lib.d/pkg/a.py", "../lib.d/pkg/b.py"]
    directory = f"{tmp_path}/lib.d/pkg"
    assert imported(f"{directory}/m.py") == [f"{directory}/a.py", f"{directory}/b.py"]


def test_code_is_read_in_the_encoding_that_it_declares() -> None:
    text = "# coding: latin-1\nimport helper\nname = 'Köln'\ndef simulate(p): return {}\n"
    Path("scripts/model.py").write_bytes(text.encode("latin-1"))
    write("scripts/helper.py", "")
    assert provenance().code == ("scripts/model.py", "scripts/helper.py")
    Path("scripts/model.py").write_bytes(text.replace("latin-1", "no-such").encode())
    with pytest.raises(UserError, match="is no Python: unknown encoding: no-such"):
        provenance()
    Path("scripts/model.py").write_bytes(text.replace("latin-1", "utf-8").encode("latin-1"))
    with pytest.raises(UserError, match=r"is no Python: 'utf-?8' codec can't decode"):
        provenance()


def test_change_of_an_imported_module_is_a_change() -> None:
    write("scripts/model.py", "import helper\ndef simulate(p): return helper.f(p)\n")
    write("scripts/helper.py", "def f(p): return {'y': 1}\n")
    old = provenance()
    assert old.code == ("scripts/model.py", "scripts/helper.py")
    write("scripts/helper.py", "def f(p): return {'y': 2}\n")
    assert changed(old, provenance()) == ["scripts/helper.py changed"]


def test_modules_that_a_script_of_a_command_imports_count() -> None:
    write("scripts/run.py", "import helper\n")
    write("scripts/helper.py", "x = 1\n")
    found = provenance(command=["python", "scripts/run.py"])
    assert {"code scripts/run.py", "code scripts/helper.py"} <= found.components.keys()


# the files of a command


@pytest.mark.parametrize(
    "command",
    [
        ["python", "scripts/model.py", "{a}"],
        ["python", "./scripts/model.py"],
        "python $STUDY_DIR/scripts/model.py",
        'python "$STUDY_DIR/scripts/model.py" --x={a}',
        'python "$STUDY_DIR"/scripts/model.py',
        "python ${{STUDY_DIR}}/scripts/model.py {a}",
        'python "${{STUDY_DIR}}/scripts/model.py"',
        "python $STUDY_DIR/scripts/model.py > out.txt",
        "python $STUDY_DIR/scripts/model.py>out.txt",
        "python $STUDY_DIR/scripts/model.py; echo done",
        "python $STUDY_DIR/scripts/model.py|tee log",
        "(cd sub && python $STUDY_DIR/scripts/model.py)",
        "x=$(python $STUDY_DIR/scripts/model.py)",
        "mkdir out\npython \\\n  $STUDY_DIR/scripts/model.py\n",
        "python $STUDY_DIR/scripts/model.py  # it's a comment",
        "awk '{{print \"it's\"}}' x; python $STUDY_DIR/scripts/model.py",
    ],
)
def test_command_names_its_script(command: str | list[str]) -> None:
    assert provenance(command=command).files == {"scripts/model.py": sha(CODE)}


@pytest.mark.parametrize(
    "command",
    [["true"], ["/bin/ls", "scripts"], ["ls", "{a}/model.py"], "echo a/b", "cat /etc/hosts"],
)
def test_other_words_are_no_files_of_the_study(command: str | list[str]) -> None:
    assert provenance(command=command).files == {}


@pytest.mark.parametrize("command", [["python", "scripts/no.py"], "sh $STUDY_DIR/scripts/no.sh"])
def test_script_that_is_not_there_is_refused(command: str | list[str]) -> None:
    with pytest.raises(UserError, match=r"task\.command = .*scripts/no.*: is no file"):
        provenance(command=command)


# science_of


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ({"command": ["a"]}, {"command": ["b"]}, ["the command changed"]),
        ({"command": "a"}, {"command": "a", "setup": "x"}, ["the setup was added"]),
        ({"command": "a", "env": {"A": 1}}, {"command": "a", "env": {"A": 2}}, ["the env changed"]),
        ({"command": "a", "env": {"A": 1, "B": 2}}, {"command": "a", "env": {"B": 2, "A": 1}}, []),
        (
            {"command": "a"},
            {"command": "a", "inputs": ["resources/in.dat"]},
            ["input resources/in.dat was added"],
        ),
        (
            {"command": "a", "inputs": ["resources/in.dat"]},
            {"command": "a", "inputs": [{"path": "resources/in.dat", "rename": "b"}]},
            ["input resources/in.dat changed"],
        ),
        (
            {"command": "a", "inputs": [{"path": "resources/in.dat", "render": "jinja"}]},
            {"command": "a", "inputs": [{"path": "resources/in.dat", "render": "dollar"}]},
            ["input resources/in.dat changed"],
        ),
        (
            {"command": "a"},
            {"command": "a", "depends": ["resources/*.dat"]},
            ["resources/in.dat was added"],
        ),
        # what does not count
        ({"command": "a"}, {"command": "a", "threads": 4, "mem_mb": 5, "runtime": "1h"}, []),
        ({"command": "a"}, {"command": "a", "retries": 2, "metrics": {"m": "m.csv"}}, []),
        (
            {"command": "a", "inputs": ["resources/in.dat"]},
            {"command": "a", "inputs": [{"path": "resources/in.dat", "linkage": "copy"}]},
            [],
        ),
        (
            {"command": "a", "metrics": ["m"]},
            {"command": "a", "metrics": {"m": {"path": "x", "regex": "(?P<x>.)"}}},
            [],
        ),
    ],
)
def test_what_counts_of_a_task(one: dict, two: dict, words: list[str]) -> None:
    old, new = provenance(**one), provenance(**two)
    assert changed(old, new) == words
    assert (old.digest == new.digest) == (not words)


def test_content_of_inputs_counts_and_their_time_does_not() -> None:
    task = {"command": "a", "inputs": ["resources/in.dat"]}
    old = provenance(**task)
    os.utime("resources/in.dat", (1, 1))
    assert provenance(**task).digest == old.digest
    write("resources/in.dat", "4 5 6")
    assert changed(old, provenance(**task)) == ["input resources/in.dat changed"]


def test_input_with_a_placeholder_is_looked_at_for_each_task() -> None:
    found = provenance(command="a", inputs=["inits/{x}.dat"])
    assert "input inits/{x}.dat" in found.components
    assert found.files == {}


def test_files_that_depends_names_count() -> None:
    write("lib/a.txt", "a")
    write("lib/deep/b.py", "x = 1  # one")
    task = {"command": "a", "depends": ["lib/**/*.*"]}
    old = provenance(**task)
    assert set(old.files) == {"lib/a.txt", "lib/deep/b.py"}
    assert old.code == ("lib/deep/b.py",)
    texts = {sha("x = 1  # one"): "x = 1  # one", sha("x = 1"): "x = 1"}
    write("lib/deep/b.py", "x = 1")
    assert changed(old, provenance(**task), texts) == []
    write("lib/c.txt", "c")
    write("lib/a.txt", "b")
    assert changed(old, provenance(**task), texts) == ["lib/a.txt changed", "lib/c.txt was added"]


def test_added_formula_is_no_change_and_a_changed_one_is() -> None:
    old, new = provenance(derive={"R": "a / b"}), provenance(derive={"R": "a / b", "S": "R + 1"})
    assert changed(old, new) == []
    assert changed(new, provenance(derive={"R": "a * b"})) == ["the formula of R changed"]


def test_every_file_read_is_listed_with_its_sha256() -> None:
    found = provenance(function="scripts/model.py:simulate", inputs=["resources/in.dat"])
    assert found.files == {"scripts/model.py": sha(CODE), "resources/in.dat": sha("1 2 3")}


# metrics

READER = "def curve(path):\n    return {'x': [1]}\n"


def metrics(**metric: Any) -> dict[str, str]:
    return provenance(command="a", metrics={"m": metric}).metrics


def test_metric_that_a_task_returns_has_no_digest() -> None:
    assert provenance(function="scripts/model.py:simulate", metrics=["m"]).metrics == {"m": ""}


def test_metric_read_in_another_way_has_another_digest() -> None:
    write("scripts/read.py", READER)
    ways = [
        {"path": "a"},
        {"path": "b"},
        {"path": "a", "regex": "(?P<x>.)"},
        {"path": "a", "regex": "(?P<y>.)"},
        {"path": "a", "regex": "(?P<x>.)", "match": "all"},
        {"path": "a", "reader": "scripts/read.py:curve"},
    ]
    assert len({metrics(**way)["m"] for way in ways}) == len(ways)


def test_changed_code_of_a_reader_or_its_modules_gives_another_digest() -> None:
    write("scripts/read.py", "import helper\n" + READER)
    write("scripts/helper.py", "n = 1\n")
    how = {"path": "a", "reader": "scripts/read.py:curve"}
    digests = [metrics(**how)["m"]]
    write("scripts/helper.py", "n = 2\n")
    digests.append(metrics(**how)["m"])
    write("scripts/read.py", "import helper\n" + READER.replace("1", "2"))
    digests.append(metrics(**how)["m"])
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('"""Reads."""\n' + READER + "# the end\n", False),
        (READER.replace("1", "2"), True),
        (READER, False),
    ],
)
def test_comments_and_docstrings_of_a_reader_do_not_count(text: str, counts: bool) -> None:
    write("scripts/read.py", READER)
    task = {"command": "a", "metrics": {"m": {"path": "a", "reader": "scripts/read.py:curve"}}}
    old = provenance(**task)
    write("scripts/read.py", text)
    texts = {sha(READER): READER, sha(text): text}
    found = keep_unchanged_readers(provenance(**task), old.metrics, old.readers, texts.get)
    assert (found.metrics != old.metrics) == counts
    assert keep_unchanged_readers(old, {}, {}, {}.get) == old


# what is not there


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"function": "scripts/modell.py:f"}, ["task.function", "scripts/modell.py", "No such"]),
        ({"function": "scripts/model.py:simulat"}, ["task.function", "Did you mean simulate?"]),
        ({"function": "scripts/model.py:inner"}, ["task.function", "defines no inner"]),
        ({"function": "scripts/model.py:method"}, ["task.function", "defines no method"]),
        ({"function": "broken.py:f"}, ["task.function", "broken.py", "is no Python", "line 1"]),
        ({"function": "scripts:f.py:f"}, ["task.function", "No such"]),
        ({"command": ["python", "scripts/modell.py"]}, ["task.command", "scripts/modell.py"]),
        ({"command": "a", "inputs": ["x", "y"]}, ["task.inputs.0.path", '"x"', "No such"]),
        ({"command": "a", "inputs": ["resources"]}, ["task.inputs.0.path", "directory"]),
        ({"command": "a", "depends": ["lib/*.py"]}, ["task.depends", "lib/*.py", "no file"]),
        ({"command": "a", "depends": ["scripts"]}, ["task.depends", "no file"]),
        (
            {"command": "a", "metrics": {"m": {"path": "x", "reader": "scripts/r.py:f"}}},
            ["task.metrics.m.reader", "scripts/r.py", "No such"],
        ),
        (
            {"command": "a", "metrics": {"m": {"path": "x", "reader": "scripts/model.py:Modle"}}},
            ["task.metrics.m.reader", "Did you mean Model?"],
        ),
    ],
)
def test_what_is_not_there_is_named(task: dict, words: list[str]) -> None:
    write("broken.py", "def f(:\n")
    inner = "\ndef outer():\n    def inner(): pass\nclass Other:\n    def method(self): pass\n"
    write("scripts/model.py", CODE + inner)
    with pytest.raises(UserError) as caught:
        provenance(**task)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(
    "text",
    [
        "def f(p): pass",
        "async def f(p): pass",
        "class f: pass",
        "f = lambda p: p",
        "from os import path as f",
        "import os.path as f",
        "if True:\n    def f(p): pass",
        "try:\n    from fast import f\nexcept ImportError:\n    def f(p): pass",
        "f: object = print",
        "a, f = 1, print",
    ],
)
def test_function_may_be_anything_the_module_defines(text: str) -> None:
    write("scripts/m.py", text)
    assert provenance(function="scripts/m.py:f").files


# fingerprints

LONG_AGO = (1_000_000_000, 1_000_000_000)


def test_sha256_is_that_of_the_content() -> None:
    assert FileHashes().sha256("resources/in.dat") == sha("1 2 3")
    with pytest.raises(OSError, match="no such"):
        FileHashes().sha256("no such")


@pytest.fixture
def in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is no longer young."""
    later = time.time_ns() + 10**11
    monkeypatch.setattr(time, "time_ns", lambda: later)


def test_file_that_nobody_touched_is_not_read_again(in_a_while: None) -> None:
    first, cache = FileHashes(), Path("fingerprints.json")
    first.sha256("resources/in.dat")
    first.save(cache)
    cache.write_text(cache.read_text().replace(sha("1 2 3"), "as noted"))
    assert FileHashes.load(cache).sha256("resources/in.dat") == "as noted"


def test_file_with_its_size_and_time_put_back_is_read_again() -> None:
    os.utime("resources/in.dat", LONG_AGO)
    hashes = FileHashes()
    hashes.sha256("resources/in.dat")
    assert not hashes.was_touched("resources/in.dat")
    for content in ("7 8 9", "1 2 3"):
        write("resources/in.dat", content)
        os.utime("resources/in.dat", LONG_AGO)
        assert hashes.sha256("resources/in.dat") == sha(content)
        assert hashes.was_touched("resources/in.dat")


def test_entries_of_before_are_read_anew(in_a_while: None) -> None:
    stat = os.stat("resources/in.dat")
    old = [stat.st_size, stat.st_mtime_ns, "as noted"]
    assert FileHashes({"resources/in.dat": old}).sha256("resources/in.dat") == sha("1 2 3")


@pytest.mark.parametrize(("text", "when"), [("1 2 3 4", 1_000_000_000), ("7 8 9", 1_000_000_001)])
def test_file_with_another_size_or_time_is_read_again(text: str, when: int) -> None:
    os.utime("resources/in.dat", LONG_AGO)
    known = FileHashes()
    known.sha256("resources/in.dat")
    write("resources/in.dat", text)
    os.utime("resources/in.dat", (when, when))
    assert known.sha256("resources/in.dat") == sha(text)
    assert FileHashes(known.seen).sha256("resources/in.dat") == sha(text)


def test_young_file_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime("resources/in.dat", LONG_AGO)
    found, cache = FileHashes(), Path("fingerprints.json")
    found.sha256("resources/in.dat")
    found.save(cache)
    assert json.loads(cache.read_text())["files"] == {}
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    found.save(cache)
    assert list(json.loads(cache.read_text())["files"]) == ["resources/in.dat"]


def test_cache_holds_what_was_asked_for_and_is_written_only_if_it_differs(
    in_a_while: None,
) -> None:
    cache = Path("fingerprints.json")
    both = FileHashes()
    both.sha256("scripts/model.py")
    both.sha256("resources/in.dat")
    both.save(cache)
    again = FileHashes.load(cache)
    again.sha256("scripts/model.py")
    again.sha256("resources/in.dat")
    os.utime(cache, LONG_AGO)
    again.save(cache)
    assert cache.stat().st_mtime == LONG_AGO[0]
    fewer = FileHashes.load(cache)
    fewer.sha256("scripts/model.py")
    fewer.save(cache)
    assert list(json.loads(cache.read_text())["files"]) == ["scripts/model.py"]


@pytest.mark.parametrize("text", [None, "", "{", '{"resources/in.dat": "x"}'])
def test_cache_that_is_lost_or_broken_is_made_anew(text: str | None) -> None:
    if text is not None:
        write("fingerprints.json", text)
    found = FileHashes.load(Path("fingerprints.json"))
    assert found.sha256("resources/in.dat") == sha("1 2 3")


def test_without_a_store_nothing_is_written() -> None:
    found = FileHashes()
    os.utime("resources/in.dat", LONG_AGO)
    found.sha256("resources/in.dat")
    found.save(Path("store/fingerprints.json"))
    assert not Path("store").exists()


@pytest.mark.parametrize("render", ["jinja", "dollar"])
def test_how_a_template_is_rendered_counts(render: str) -> None:
    write("templates/in.txt", "x")
    task = {"command": "a", "inputs": [{"path": "templates/in.txt", "render": render}]}
    plain = provenance(command="a", inputs=[{"path": "templates/in.txt", "linkage": "copy"}])
    assert changed(plain, provenance(**task)) == ["input templates/in.txt changed"]
    other = {"jinja": "dollar", "dollar": "jinja"}[render]
    swapped = {"command": "a", "inputs": [{"path": "templates/in.txt", "render": other}]}
    assert changed(provenance(**task), provenance(**swapped)) == ["input templates/in.txt changed"]


def test_a_word_of_the_command_that_is_an_inputs_name_is_no_file_of_the_study() -> None:
    write("data/model.dat", "of the study")
    write("resources/other.dat", "the input")
    inputs = [{"path": "resources/other.dat", "rename": "data/model.dat"}]
    renamed = provenance(command=["cat", "data/model.dat"], inputs=inputs)
    assert "code data/model.dat" not in renamed.components
    assert "data/model.dat" not in renamed.files
    assert "code data/model.dat" in provenance(command=["cat", "data/model.dat"]).components
