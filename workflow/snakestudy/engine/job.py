"""The job in which a process runs: when it ends, how often it may still be repeated."""

from __future__ import annotations

import os

_REPEATS = "SNAKESTUDY_REPEATS"  # told to jobs by their environment


def tell_repeats(repeats: int) -> None:
    """Tell jobs how often Snakemake repeats one that fails (`--retries`)."""
    os.environ[_REPEATS] = str(repeats)


def repeats_left(attempt: int) -> int:
    """How often a job may still be repeated; attempt: 1 for its first."""
    return max(0, int(os.environ.get(_REPEATS, 0)) + 1 - attempt)


def of_this_job() -> float | None:
    """Seconds since the epoch; None if the job has no limit, or it is not known.

    STUDY_DEADLINE tells it where the job's environment has it; SLURM is asked.
    """
    told, job = os.environ.get("STUDY_DEADLINE"), os.environ.get("SLURM_JOB_ID")
    if told is None and job:
        import subprocess  # a visit on a laptop does without

        ask = ["squeue", "--noheader", "--jobs", job, "--format", "%e"]
        environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
        try:
            told = subprocess.run(
                ask, env=environment, capture_output=True, timeout=60, encoding="utf-8"
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
    try:
        return float(told or "")
    except ValueError:
        return None
