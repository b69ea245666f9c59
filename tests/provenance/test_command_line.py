"""What a command names of the study beside scripts: modules of Python, directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kit import Study

from snakestudy.provenance.changes import changes
from snakestudy.provenance.command_line import (
    Command,
    command_directories,
    command_modules,
    files_below,
)

MODULE = ["src/pkg/__init__.py", "src/pkg/mod.py", "src/pkg/h.py"]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a study with a package, a directory to be copied, one to be filled."""
    monkeypatch.chdir(tmp_path)
    study = Study(tmp_path)
    study.write("src/pkg/__init__.py", "")
    study.write("src/pkg/__main__.py", "import pkg.h\n")
    study.write("src/pkg/mod.py", "from . import h\n")
    study.write("src/pkg/h.py", "import numpy\n")
    study.write("scripts/m.py", "")
    for name in ("a", "sub/b", ".git/x", "__pycache__/y", "sub/.hidden"):
        study.write(f"resources/case/{name}", name)
    study.write("out/x", "")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "search_path", "found"),
    [
        ("cd $STUDY_DIR/src && python -m pkg.mod --x={x}", "", MODULE),
        ("cd $STUDY_DIR/src; python3.12 -u -X utf8 -W error -m pkg.mod", "", MODULE),
        ("PYTHONPATH=$STUDY_DIR/src:$PYTHONPATH python -mpkg.mod", "", MODULE),
        ("export PYTHONPATH=${{STUDY_DIR}}/src\nmpirun -n 4 python -m pkg.mod", "", MODULE),
        (("python", "-m", "pkg.mod"), "$STUDY_DIR/src", MODULE),
        (("srun", "/usr/bin/python3", "-m", "pkg.mod"), "/usr/lib:{cwd}/src", MODULE),
        (("bash", "-c", "cd $STUDY_DIR/src && python -m pkg.mod"), "", MODULE),
        (
            ("python", "-m", "pkg"),
            "$STUDY_DIR/src",
            ["src/pkg/__init__.py", "src/pkg/__main__.py", "src/pkg/h.py"],
        ),
        (("python", "-m", "scripts.m"), "", ["scripts/m.py"]),
        (("python", "-m", "numpy"), "$STUDY_DIR/src", []),
        (("python", "x.py", "-m", "pkg.mod"), "$STUDY_DIR/src", []),
        (("tool", "-m", "pkg.mod"), "$STUDY_DIR/src", []),
        (("python", "-m"), "", []),
        (("python", "-m", "{a}"), "", []),
        (None, "", []),
    ],
)
def test_modules_of_the_study_count_as_files(
    command: Command, search_path: str, found: list[str]
) -> None:
    search_path = search_path.replace("{cwd}", os.getcwd())
    assert command_modules([None, command], search_path) == found


def test_search_path_may_be_set_before() -> None:
    assert command_modules(["export PYTHONPATH=$STUDY_DIR/src", "python -m pkg.mod"]) == MODULE


@pytest.mark.parametrize(
    ("command", "read", "others"),
    [
        ("cp -r $STUDY_DIR/resources/case/. .", ["resources/case"], []),
        ("cp -r \\\n  $STUDY_DIR/resources/case .\npython x", ["resources/case"], []),
        ('if true; then cp -r "${{STUDY_DIR}}/resources/case" .; fi', ["resources/case"], []),
        ("rsync -a $STUDY_DIR/resources/case/ ./ > log 2>&1", ["resources/case"], []),
        ("A=1 ln -s $STUDY_DIR/resources/case c", ["resources/case"], []),
        (("bash", "-c", "cp -r $STUDY_DIR/resources/case ."), ["resources/case"], []),
        ("mkdir -p $STUDY_DIR/out; cp -r $STUDY_DIR/resources/case .", ["resources/case"], ["out"]),
        ("cp x $STUDY_DIR/out # it's\nls", [], ["out"]),
        ("cp x $STUDY_DIR/out 2> log", [], ["out"]),
        ("cp -t $STUDY_DIR/out x y", [], ["out"]),
        ("mv x $STUDY_DIR/out && true", [], ["out"]),
        ("cd $STUDY_DIR/src", [], ["src"]),
        ("cp -r $STUDY_DIR/. . && ls $STUDY_DIR", [], []),
        ("cp -r $STUDY_DIR/results/x . && cp y $STUDY_DIR/runs", [], []),
        ("cp $STUDY_DIR/no/such .", [], []),
        ("cp -r $STUDY_DIR/{a} .", [], []),
        (("cp", "-r", "resources/case", "."), [], []),
    ],
)
def test_directory_that_is_copied_counts_and_another_is_told(
    command: Command, read: list[str], others: list[str]
) -> None:
    (Path("results/x")).mkdir(parents=True)
    Path("runs").mkdir()
    assert command_directories(command) == (read, others)


def test_files_of_a_directory_are_all_below_but_caches_and_history() -> None:
    Path("resources/case/broken").symlink_to("nowhere")
    names = ("a", "sub/.hidden", "sub/b")
    assert files_below("resources/case") == [f"resources/case/{name}" for name in names]


@pytest.mark.parametrize("kind", ["module", "directory"])
def test_what_was_not_known_of_a_command_is_no_change(kind: str) -> None:
    """A study that was planned before these counted does not run again for it."""
    assert changes({}, {f"{kind} a": "1"}, {}.get) == []
    assert changes({f"{kind} a": "1"}, {}, {}.get) == []
    what = {"module": "a", "directory": "the directory a"}[kind]
    assert changes({f"{kind} a": "1"}, {f"{kind} a": "2"}, {}.get) == [f"{what} changed"]


def test_comment_in_a_module_is_no_change() -> None:
    texts = {"1": "x = 1", "2": "x = 1  # one", "3": "x = 2"}
    assert changes({"module a": "1"}, {"module a": "2"}, texts.get) == []
    assert changes({"module a": "1"}, {"module a": "3"}, texts.get) == ["a changed"]


def test_tasks_run_again_with_an_edited_directory_and_module(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    study.write("case/sub/in.txt", "1\n")
    study.write(
        "src/model.py", "open('out.csv', 'w').write('y\\n' + open('case/sub/in.txt').read())\n"
    )
    study.configure("""\
        study: directories
        design: {grid: {x: [1, 2]}}
        task:
          setup: export PYTHONPATH=$STUDY_DIR/src
          command: cp -r $STUDY_DIR/case . && mkdir -p $STUDY_DIR/seen && python -m model
          metrics: {y: out.csv}
        """)
    (study.path / "seen").mkdir()
    output = study.snakemake()
    assert "task.command names the directory seen, whose content does not count" in output
    assert "plan 1 is current" in study.planned()
    study.write("seen/x", "")
    assert "plan 1 is current" in study.planned()
    study.write("case/sub/in.txt", "2\n")
    assert "the directory case changed since plan 1: 2 tasks" in study.planned()
    study.snakemake()
    assert study.table("y")["y"].tolist() == [2, 2]
    study.write("case/new.txt", "2\n")
    assert "the directory case changed since plan 2: 2 tasks" in study.planned()
    (study.path / "case/new.txt").unlink()
    study.edit("src/model.py", "read()", "read() + '3'")
    assert "src/model.py changed since plan 2: 2 tasks" in study.planned()
