"""The package as a wheel: all that it needs is in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from kit import ROOT, Study, environment

from snakestudy import __version__


def pip(*arguments: str | Path, where: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built without the net from a copy of what it is built from."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "workflow", source / "workflow", ignore=skipped)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    pip("wheel", *options, "--wheel-dir", source / "dist", ".", where=source)
    (built,) = (source / "dist").iterdir()
    return built


def test_wheel_has_every_module_the_schema_and_the_mark_of_types(wheel: Path) -> None:
    assert f"-{__version__}-" in wheel.name
    package = ROOT / "workflow" / "snakestudy"
    modules = {f"snakestudy/{path.relative_to(package)}" for path in package.rglob("*.py")}
    data = {"snakestudy/py.typed", "snakestudy/schemas/config.schema.yaml"}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == modules | data


def test_design_of_a_study_runs_from_a_wheel(wheel: Path, study: Study) -> None:
    target = study.path.parent / "installed"
    pip(
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        "--target",
        target,
        wheel,
        where=target.parent,
    )
    path = {**environment(), "PYTHONPATH": str(target)}
    command = [sys.executable, "-m", "snakestudy", "design"]
    done = subprocess.run(command, cwd=study.path, env=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "4 parameter sets" in done.stdout
    study.edit("config/config.yaml", "metrics", "metrcis")
    done = subprocess.run(command, cwd=study.path, env=path, capture_output=True, text=True)
    assert "Did you mean metrics?" in done.stderr
    assert not (target / "schemas").exists()
