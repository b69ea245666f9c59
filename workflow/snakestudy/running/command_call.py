"""A task that is a command: run as a program of its own, here.

Where commands run elsewhere one day (in a container), what `argv_of` gives is what a launcher
would wrap, in `CommandCall`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.bash import bash_text, setup_text
from snakestudy.config.templates import fill
from snakestudy.running import process
from snakestudy.running.environment import configured_environment, task_environment, values_of
from snakestudy.running.result import ERROR_LENGTH
from snakestudy.values import as_text

if TYPE_CHECKING:
    from snakestudy.config.study import Task
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext
    from snakestudy.running.result import Result

_TAIL, _LONG_TAIL = 4096, 262_144  # bytes of a log in which its last line is looked for
_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What is written over itself, or looks like what tqdm, pip, rich and wget draw.
_PROGRESS = re.compile(
    r"\r|\d%\||[|\[][=#>\-.\s█▏▎▍▌▋▊▉]{3,}[|\]]|[━╸╺]{3}|\d\s?(?:it/s|s/it)\b|^\s*\d{1,3}(?:\.\d+)?\s?%\s*$"
)


class CommandCall:
    """Runs the study's command in the working directory of this process.

    Args:
        environment: what every command finds (`shared_environment`).
    """

    def __init__(self, context: RunContext, environment: Mapping[str, str]) -> None:
        self._context = context
        self._environment = environment

    def __call__(
        self, spec: TaskSpec, directory: Path | None, attempt: int, result: Result
    ) -> None:
        """Run the command, its output to logs in its run directory; note how it ended.

        Raises:
            OSError: if it cannot be started.
        """
        assert directory is not None, "a command has a run directory"
        task = self._context.task
        values = values_of(task, spec)
        stdout, stderr = directory / "stdout.log", directory / "stderr.log"
        found = {**self._environment, **task_environment(spec, directory, attempt)}
        configured = configured_environment(task, values, found)
        environment = {**found, **configured, **_bash_variables(task, values)}
        argv = argv_of(task, values, self._context.study)
        ended = process.run_program(argv, environment, stdout, stderr, task.runtime)
        result.exit_code, result.max_rss_mb = ended.exit_code, ended.max_rss_mb
        if ended.timed_out:
            result.error = f"ran longer than its runtime of {task.runtime:g} s"
        elif ended.exit_code:
            words = _last_words(stderr, stdout)
            how = process.how_it_ended(ended.exit_code)
            result.error = f"{how}: {words}" if words else how


def argv_of(task: Task, values: Mapping[str, Any], study: Path) -> list[str]:
    """The program and its arguments; values are words of their own, never code."""
    setup = setup_text(task.setup, frozenset(values))[0] if task.setup else None
    if isinstance(task.command, str):
        lines = [*([setup] if setup else []), bash_text(task.command)[0]]
        return ["bash", "-eo", "pipefail", "-c", "\n".join(lines)]
    argv = []
    for word in task.command or ():
        is_file = "/" in word and "{" not in word and os.path.isfile(study / word)
        argv.append(str(study / word) if is_file else fill(word, values))
    if setup:
        return ["bash", "-eo", "pipefail", "-c", f'{setup}\nexec "$@"', "bash", *argv]
    return argv


def _bash_variables(task: Task, values: Mapping[str, Any]) -> dict[str, str]:
    """The values that lines of bash read."""
    texts = [setup_text(task.setup, frozenset(values))] if task.setup else []
    if isinstance(task.command, str):
        texts.append(bash_text(task.command))
    names = [pair for _, variables in texts for pair in variables.items()]
    return {variable: as_text(values[name]) for name, variable in names}


def _last_words(*logs: Path) -> str:
    """The last line of the first log that has one; of a progress bar only if there is no other."""
    bars = []
    for log in logs:
        for size in (_TAIL, _LONG_TAIL):
            lines = _lines(log, size)
            words = [line for line in lines if not _PROGRESS.search(line)]
            if words:
                return words[-1].strip()[:ERROR_LENGTH]
        bars += lines[-1:]
    return bars[0].strip("\r ").split("\r")[-1][:ERROR_LENGTH] if bars else ""


def _lines(path: Path, size: int) -> list[str]:
    """The lines at the end of a file that are not empty, each as it was left."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        text = _COLORS.sub("", file.read().decode(errors="replace"))
    lines = (line.strip(" \t") for line in text.replace("\r\n", "\n").split("\n"))
    return [line for line in lines if line.strip()]
