"""What tasks find in their environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.templates import fill_with_variables
from snakestudy.errors import error_context
from snakestudy.layout import python_path

if TYPE_CHECKING:
    from snakestudy.config.study import Task
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext

_THREADS = (  # what numeric libraries read; Snakemake sets them for a job, which may run many tasks
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def shared_environment(context: RunContext) -> dict[str, str]:
    """What every task finds, with what this process was started with."""
    threads = str(context.task.threads)
    deadline = {"STUDY_DEADLINE": str(int(context.deadline))} if context.deadline else {}
    posted = [metric.name for metric in context.task.metrics if not metric.path]
    return {
        "PYTHONUTF8": "1",  # texts are UTF-8, also of Python programs under another locale
        **os.environ,
        **dict.fromkeys(_THREADS, threads),
        "STUDY_METRICS": json.dumps(posted),  # for post_run_results
        "PYTHONPATH": python_path(),
        "STUDY_DIR": str(context.study),
        "STUDY_THREADS": threads,
        **deadline,
    }


def task_environment(spec: TaskSpec, directory: Path | None, attempt: int) -> dict[str, str]:
    """What tells one task from the next. directory: its run directory, if it has one."""
    environment = {"STUDY_TASK_ID": spec.task_id, "STUDY_ATTEMPT": str(attempt)}
    if directory:
        environment["STUDY_PARAMS"] = str(directory / "params.json")
    return environment


def configured_environment(
    task: Task, values: Mapping[str, Any], found: Mapping[str, str]
) -> dict[str, str]:
    """The study's `env`.

    Args:
        values: as `values_of`.
        found: what the task finds without it, for $NAME.

    Raises:
        UserError: for a $NAME that is not there.
    """
    configured = {}
    for name, template in task.env:
        with error_context(f"task.env.{name}"):
            configured[name] = fill_with_variables(template, values, found)
    return configured


def values_of(task: Task, spec: TaskSpec) -> dict[str, Any]:
    """What placeholders stand for: parameters, and what is known beside them."""
    return {"threads": task.threads, "task_id": spec.task_id, **spec.values}
