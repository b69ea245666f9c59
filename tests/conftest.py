"""Fixtures: small real studies in temporary directories."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit import CONFIG, MODEL, Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Four tasks in two chunks; scripts/model.py notes its runs in ran.txt, fails at a == 3."""
    small = Study(tmp_path / "study")
    small.write("scripts/model.py", MODEL)
    small.configure(CONFIG)
    return small


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
