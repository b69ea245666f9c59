"""The study that the repository holds: it runs as it is, and finds what is known."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from kit import ROOT

PARTS = ("Snakefile", "workflow", "config", "scripts", "resources", "profiles")
DAYS = 14


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy as a user makes one, without anything that was computed."""
    directory = tmp_path / "flu"
    directory.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, directory / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, directory)
    return directory


def plain_snakemake(directory: Path) -> str:
    """`snakemake`, nothing else, in a shell that knows nothing of this repository."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {"PATH": path, "HOME": os.environ["HOME"], "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["snakemake"],
        cwd=directory,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_default_study_succeeds_and_finds_the_known_reproduction_number(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name for path in copy.iterdir()}
    output = plain_snakemake(copy)

    # All tasks succeeded, and the closing words name every table.
    tasks = pd.read_parquet(copy / "results/tasks.parquet")
    count = len(tasks)
    assert 1000 <= count <= 2000
    assert set(tasks["status"]) == {"success"}
    assert tasks["task_id"].is_unique
    assert f"{count:,} tasks, all succeeded" in output
    closing = output[output.index("all succeeded") :]
    for table in ("results/curve/", "results/fit/", "results/tasks.parquet", "results/metadata"):
        assert table in closing
    assert f"{count:,} rows" in closing
    assert f"{count * DAYS:,} rows" in closing
    outcome = json.loads((copy / "results/outcome.json").read_text())
    assert (outcome["success"], outcome["failure"]) == (count, 0)
    assert {path.name for path in copy.iterdir()} - before <= {
        *("results", "runs", "logs", ".snakemake"),
    }

    # One row a task in fit, one a day in curve, parameters beside results.
    fit = pd.read_parquet(copy / "results/fit")
    curve = pd.read_parquet(copy / "results/curve")
    assert sorted(fit["task_id"]) == sorted(tasks["task_id"])
    assert len(curve) == DAYS * count
    assert set(curve.groupby("task_id")["day"].apply(tuple)) == {tuple(range(DAYS))}
    assert {"beta", "gamma", "seed", "R0"} <= set(fit.columns) & set(curve.columns)
    assert fit["attack_rate"].between(0, 1).all()
    assert fit["attack_rate"].nunique() > 100
    assert (abs(fit["R0"] - fit["beta"] / fit["gamma"]) < 1e-12).all()
    assert len(fit.groupby(["beta", "gamma"])) * fit["seed"].nunique() == count

    # The literature has R0 = 3.7 for this outbreak.
    for average in ("mean", "median"):
        rmse = fit.groupby(["beta", "gamma"])["rmse"].agg(average)
        beta, gamma = rmse.idxmin()
        assert 3.4 <= beta / gamma <= 4.2, average
        assert rmse.min() < rmse.max() / 2

    # The same seed gives the same rows.
    monkeypatch.chdir(copy / "resources")
    spec = importlib.util.spec_from_file_location("default_sir", copy / "scripts/sir.py")
    sir = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sir)
    for row in fit.sample(5, random_state=1).to_dict("records"):
        again = sir.simulate({name: row[name] for name in ("beta", "gamma", "seed")})
        assert again["fit"] == {name: row[name] for name in again["fit"]}
        own = curve[curve["task_id"] == row["task_id"]].sort_values("day")
        assert list(again["curve"]["infected"]) == list(own["infected"])

    # Once more: there is nothing to do.
    assert "is current" in plain_snakemake(copy)
