"""A small real study in a temporary directory, and real snakemake on it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from snakestudy.errors import UserError, for_users
from snakestudy.layout import Layout
from snakestudy.planning.model import Capacity
from snakestudy.planning.prepare import announce, prepare

ROOT = Path(__file__).parents[1]
SNAKEMAKE = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]

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
        status, output = self.exit(*arguments)
        assert ok is None or (status == 0) == ok, output
        return output

    def exit(self, *arguments: str) -> tuple[int, str]:
        """Run snakemake here; its exit status and its whole output."""
        return warm(tuple(environment().items())).run(
            self.path.absolute(), "--cores", "2", *arguments
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """snakemake at work here, leader of its process group, output in output.txt."""
        with (self.path / "output.txt").open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*SNAKEMAKE, "--cores", "2", *arguments],
                cwd=self.path,
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                encoding="utf-8",
            )
        try:
            yield process
        finally:
            kill_group(process)

    def planned(
        self, configfile: str = "config/config.yaml", *, dry_run: bool = True, **overrides: Any
    ) -> str:
        """What `snakemake -n --config ...` says of the plan, or how it is refused; no process."""
        with chdir(self.path):
            try:
                plan = prepare(configfile, overrides, Layout(), Capacity(2), dry_run=dry_run)
            except (UserError, OSError) as error:
                return f"snakestudy: {for_users(error)}"
        return announce(plan)

    def verb(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "snakestudy", *arguments]
        return subprocess.run(
            command,
            cwd=self.path,
            env=environment(),
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout

    def copy(self, path: Path) -> Study:
        """The same study elsewhere: times, symbolic and hard links as they are."""
        subprocess.run(["cp", "-a", self.path, path], check=True)
        return Study(path)

    def metadata(self) -> pd.DataFrame:
        return self.table("metadata/run")

    def tasks(self) -> pd.DataFrame:
        """The task table, in its order."""
        return pd.read_parquet(self.path / "results/tasks.parquet")

    def run_directory(self, task_id: str) -> Path:
        return self.path / "runs" / task_id[:2] / task_id

    def table(self, name: str) -> pd.DataFrame:
        """results/{name} read as one table, sorted by task."""
        return pd.read_parquet(self.path / "results" / name).sort_values("task_id")

    def fit(self) -> list[tuple]:
        """The rows of metric fit, sorted: (a, b, y)."""
        return sorted(self.table("fit")[["a", "b", "y"]].itertuples(index=False, name=None))

    def ran(self) -> Counter:
        """How often each task ran since the last call."""
        file = self.path / "ran.txt"
        lines = file.read_text(encoding="utf-8").split() if file.exists() else []
        file.unlink(missing_ok=True)
        return Counter(lines)


def environment() -> dict[str, str]:
    """What a user's shell has, with the package where `python -m snakestudy` finds it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT / "workflow"), "LANG": "C.UTF-8"}


WARM: list[Warm] = []  # all that were started


class Warm:
    """Runs snakemake in forks of a process that has imported it (see warm.py)."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.server = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "warm.py")],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # so that select sees every line
        )

    def run(self, cwd: Path, *arguments: str, timeout: float = 300) -> tuple[int, str]:
        """Exit status (-N for signal N) and output of `snakemake -s OURS arguments`."""
        with tempfile.NamedTemporaryFile("r+", encoding="utf-8") as output:
            request = {
                "arguments": [*SNAKEMAKE[3:], *arguments],
                "cwd": str(cwd),
                "env": self.env,
                "output": output.name,
            }
            self.server.stdin.write(json.dumps(request).encode() + b"\n")
            self.server.stdin.flush()
            pid = int(self.server.stdout.readline())
            if not select.select([self.server.stdout], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                raise TimeoutError(f"after {timeout} s: {output.read()}")
            return int(self.server.stdout.readline()), output.read()

    def close(self) -> None:
        self.server.communicate()  # ends with its input


@cache
def warm(env: tuple[tuple[str, str], ...]) -> Warm:
    made = Warm(dict(env))
    WARM.append(made)
    return made


def kill_group(process: subprocess.Popen) -> None:
    """Kill what was started as the leader of a process group, and all of that group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Until it holds; fails if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in {seconds} s"
        time.sleep(0.05)
