"""A small real study in a temporary directory, and real snakemake on it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]

MODEL = """\
import os
from pathlib import Path


def simulate(params):
    with open(os.environ["STUDY_DIR"] + "/ran.txt", "a") as file:
        file.write(f"{os.environ['STUDY_TASK_ID']}\\n")
    if params["a"] == 3 and not Path(os.environ["STUDY_DIR"], "fixed").exists():
        raise ValueError("three is too much")
    return {"y": params["a"] * params["b"]}
"""

CONFIG = """\
study: small
design:
  grid:
    a: [1, 2]
    b: [10, 20]
task:
  function: scripts/model.py:simulate
  metrics: [fit]
chunks: {tasks: 2}
"""


@dataclass
class Study:
    """A study's directory."""

    path: Path

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def configure(self, text: str) -> None:
        self.write("config/config.yaml", text)

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.path / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def snakemake(self, *arguments: str, ok: bool | None = True) -> str:
        """Run snakemake here; its whole output. ok: the exit status expected, None for any."""
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
        done = subprocess.run(
            [*command, "--cores", "2", *arguments],
            cwd=self.path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert ok is None or (done.returncode == 0) == ok, done.stdout
        return done.stdout

    def verb(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "snakestudy", *arguments]
        return subprocess.run(
            command, cwd=self.path, env=environment(), capture_output=True, text=True, check=True
        ).stdout

    def table(self, name: str) -> pd.DataFrame:
        """results/{name} read as one table, sorted by task."""
        return pd.read_parquet(self.path / "results" / name).sort_values("task_id")

    def fit(self) -> list[tuple]:
        """The rows of metric fit, sorted: (a, b, y)."""
        return sorted(self.table("fit")[["a", "b", "y"]].itertuples(index=False, name=None))

    def ran(self) -> Counter:
        """How often each task ran since the last call."""
        file = self.path / "ran.txt"
        lines = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return Counter(lines)


def environment() -> dict[str, str]:
    """What a user's shell has, with the package where `python -m snakestudy` finds it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT / "workflow"), "LANG": "C.UTF-8"}
