"""Fixtures: small real studies in temporary directories."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from kit import CONFIG, MODEL, WARM, Study

collect_ignore = ["careless.py", "warm.py"]  # programs

# Who starts the suite by nohup, or in the background, has some of these ignored; what it starts
# would ignore them, too, and tests of how programs end would tell of that.
for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        handler = signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL
        signal.signal(_number, handler)


def pytest_sessionfinish() -> None:
    for started in WARM:
        started.close()


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Four tasks in two chunks; scripts/model.py notes its runs in ran.txt, fails at a == 3."""
    small = Study(tmp_path / "study")
    small.write("scripts/model.py", MODEL)
    small.configure(CONFIG)
    return small


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study of `study`, run; not to be changed."""
    small = Study(tmp_path_factory.mktemp("template") / "study")
    small.write("scripts/model.py", MODEL)
    small.configure(CONFIG)
    small.snakemake()
    assert sorted(small.ran().values()) == [1, 1, 1, 1]
    return small


@pytest.fixture
def finished(template: Study, tmp_path: Path) -> Study:
    """`study` after its run: chunks 00000 (a = 1) and 00001 (a = 2)."""
    return template.copy(tmp_path / "study")


@pytest.fixture
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Eight tasks in four chunks, with an input file each."""
    study = Study(tmp_path_factory.mktemp("checked"))
    study.write("scripts/model.py", "def simulate(p):\n    return {'y': p['a'] * p['b']}\n")
    for a in (1, 2):
        study.write(f"inits/{a}.dat", str(a))
    study.configure("""\
        study: small
        design: {grid: {a: [1, 2], b: [10, 20, 30, 40]}}
        task:
          function: scripts/model.py:simulate
          inputs: ["inits/{a}.dat"]
          metrics: [fit]
        chunks: {tasks: 2}
        """)
    study.snakemake()
    return study
