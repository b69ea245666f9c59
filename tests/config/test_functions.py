"""Functions of the study's own files: each file is one module, which pickle finds again."""

from __future__ import annotations

import importlib
import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest
from kit import Study

from snakestudy.config import functions
from snakestudy.config.functions import load_function

MODEL = """\
    from __future__ import annotations

    from dataclasses import dataclass


    class Value:
        pass


    @dataclass
    class Row:
        value: Value


    def make():
        return Row(Value())
    """

READER = """\
    from __future__ import annotations

    import multiprocessing
    import pickle
    from dataclasses import dataclass
    from typing import get_type_hints

    FACTOR = {factor}


    class Number(int):
        pass


    @dataclass
    class Row:
        y: Number


    def scaled(row):
        return Row(Number(FACTOR * row.y))


    def read(path):
        assert get_type_hints(Row)["y"] is Number
        row = pickle.loads(pickle.dumps(Row(Number(path.read_text()))))
        results = []
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(1) as pool:
                results += pool.map(scaled, [row])
        assert all(type(result) is Row for result in results)
        return [{{"y": int(result.y)}} for result in results]
    """


@pytest.fixture
def fresh(study: Study, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """A study of which nothing was imported."""
    monkeypatch.setattr(functions, "_MODULES", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(sys.modules)
    yield study
    for name in sys.modules.keys() - before:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_files_of_one_stem_are_two_modules_with_their_own_classes(fresh: Study) -> None:
    makers = []
    for directory in ("a", "b", "c.d"):
        path = fresh.write(f"{directory}/twin.py", MODEL)
        makers.append(load_function(f"{path}:make", fresh.path))
    rows = [type(make()) for make in makers]
    assert len(set(rows)) == 3
    for row in rows:
        assert get_type_hints(row)["value"].__module__ == row.__module__
        assert pickle.loads(pickle.dumps(row)) is row
    assert [row.__module__ for row in rows[:2]] == ["twin", "b.twin"]


def test_file_that_others_import_by_its_plain_name_is_one_module(fresh: Study) -> None:
    fresh.write("scripts/leaf.py", MODEL)
    user = fresh.write("scripts/user.py", "import leaf\n\ndef get():\n    return leaf.Row\n")
    later = fresh.write("scripts/late.py", "def get():\n    import leaf\n    return leaf.Row\n")
    get = load_function(f"{user}:get", fresh.path)
    make = load_function(f"{fresh.path}/scripts/leaf.py:make", fresh.path)
    assert type(make()) is get() is load_function(f"{later}:get", fresh.path)()


def test_file_loaded_first_is_what_others_import_by_its_plain_name(fresh: Study) -> None:
    path = fresh.write("scripts/leaf.py", MODEL)
    user = fresh.write("scripts/user.py", "import leaf\n\ndef get():\n    return leaf.Row\n")
    make = load_function(f"{path}:make", fresh.path)
    assert type(make()) is load_function(f"{user}:get", fresh.path)()


def test_file_named_as_a_module_of_python_leaves_that_module_alone(fresh: Study) -> None:
    path = fresh.write("scripts/random.py", MODEL)
    make = load_function(f"{path}:make", fresh.path)
    assert sys.modules["random"] is random
    assert pickle.loads(pickle.dumps(type(make()))) is type(make())


def test_error_of_a_file_is_its_own_each_time_it_is_loaded(fresh: Study) -> None:
    path = fresh.write("scripts/broken.py", "def f():\n    pass\n\nraise ValueError('oh')\n")
    for _ in range(2):
        with pytest.raises(ValueError, match="oh"):
            load_function(f"{path}:f", fresh.path)


def test_readers_of_one_stem_pickle_in_a_task_and_in_processes_that_it_starts(study: Study) -> None:
    for directory, factor in (("first", 10), ("second", 100)):
        study.write(f"{directory}/reader.py", READER.format(factor=factor))
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2]}}
        task:
          command: "echo {a} > y.txt"
          metrics:
            one: {path: y.txt, reader: "first/reader.py:read"}
            two: {path: y.txt, reader: "second/reader.py:read"}
        chunks: {tasks: 2}  # the first reader runs again after the second was loaded
        """)
    study.snakemake()
    assert [*study.table("one")["y"].sort_values()] == [10, 10, 20, 20]
    assert [*study.table("two")["y"].sort_values()] == [100, 100, 200, 200]


def test_relative_and_absolute_path_of_a_file_are_one_module(
    fresh: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.write("scripts/leaf.py", MODEL)
    monkeypatch.chdir(fresh.path)
    relative = load_function("scripts/leaf.py:make", Path.cwd())
    assert relative is load_function(f"{fresh.path}/scripts/leaf.py:make", fresh.path)
