"""Studies run without what shells give: standard streams, a home, a temporary place."""

from __future__ import annotations

import subprocess
from shlex import join

import pytest
from kit import SNAKEMAKE, Study, environment

MODEL = """\
import os, sys


def simulate(p):
    print("a line of the function")
    print("an error of it", file=sys.stderr)
    os.fstat(0), os.fstat(1), os.fstat(2)
    return {"stdin": sys.stdin.read(), "y": p["x"]}


if __name__ == "__main__":
    from snakestudy import get_run_params, post_run_results
    post_run_results(simulate(get_run_params()))
"""


HOW = ["function: scripts/model.py:simulate", "command: [python, scripts/model.py]"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "bare",
    [
        "{} <&-",
        "{} >&-",
        "{} <&- >&-",
        "unset HOME; {}",
        "export HOME=/proc/1 XDG_CACHE_HOME=$PWD/cache; {}",
        "export TMPDIR=/proc/1; {}",
        "unset LANG PYTHONPATH; export LC_ALL=C; {}",
    ],
)
def test_tasks_run_without(study: Study, how: str, bare: str) -> None:
    study.write("scripts/model.py", MODEL)
    study.configure(f"""\
        study: bare
        design: {{grid: {{x: [1, 2]}}}}
        task: {{{how}, metrics: [fit]}}
        chunks: {{max: 1, workers: 2}}
        """)
    line = bare.format(join([*SNAKEMAKE, "--cores", "2"]))
    done = subprocess.run(
        ["bash", "-c", line], cwd=study.path, env=environment(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    fit = study.table("fit")
    assert sorted(fit["y"]) == [1, 2]
    assert set(fit["stdin"]) == {""}
    logs = [*study.path.glob("logs/run/*"), *study.path.glob("runs/*/*/std*.log")]
    text = "".join(log.read_text() for log in logs)
    assert text.count("a line of the function") == text.count("an error of it") == 2
