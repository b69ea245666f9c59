"""When the job in which this process runs ends."""

from __future__ import annotations

import os


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
                ask, env=environment, capture_output=True, text=True, timeout=60
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
    try:
        return float(told or "")
    except ValueError:
        return None
