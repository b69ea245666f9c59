"""A task that is a function: called in this process."""

from __future__ import annotations

import os
import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from snakestudy.config.functions import load_function
from snakestudy.running import process
from snakestudy.running.environment import configured_environment, task_environment, values_of
from snakestudy.running.result import error_line
from snakestudy.running.streams import prints_to, restore_streams
from snakestudy.tables.settled import settled
from snakestudy.values import nest

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext
    from snakestudy.running.result import Result

DebugHook = Callable[[TracebackType | None], None]


class FunctionCall:
    """Calls the study's function in the working directory of this process.

    Args:
        debug: called with the traceback of what the function raises, before it is noted.
    """

    def __init__(self, context: RunContext, debug: DebugHook | None = None) -> None:
        self._context = context
        self._debug = debug
        self._function: Callable[..., Any] | None = None
        self._put: dict[str, str] = {}  # into the environment, for the task before
        self._memory = _PeakMemory()

    def __call__(self, spec: TaskSpec, directory: Path | None, attempt: int, result: Result) -> Any:
        """What the function returns; what it prints goes to its run directory, if it has one.

        How it fails is noted in the result.
        """
        task, put = self._context.task, self._put
        for name, value in task_environment(spec, directory, attempt).items():
            if put.get(name) != value:
                os.environ[name] = put[name] = value  # `update` takes three times as long
        if task.env:
            os.environ.update(configured_environment(task, values_of(task, spec)))
        if not directory or self._context.fixed_directory:
            return self._returned(spec, result)
        with prints_to(directory):
            return self._returned(spec, result)

    def _returned(self, spec: TaskSpec, result: Result) -> Any:
        try:
            function = self._function or self._load()
            return settled(function(nest(spec.values)))
        except (Exception, SystemExit) as error:
            if self._debug and isinstance(error, Exception):
                self._debug(error.__traceback__)
            traceback.print_exc()
            result.error = error_line(error)
        finally:
            restore_streams()
            result.max_rss_mb = self._memory.peak_mb()
        return None

    def _load(self) -> Callable[..., Any]:
        """Import the study's function, for the first task that needs it."""
        study = self._context.study
        self._function = load_function(str(study / str(self._context.task.function)), study)
        return self._function


class _PeakMemory:
    """The peak of this process's memory; looked at every millisecond at most."""

    def __init__(self) -> None:
        self._looked, self._peak = 0.0, 0.0

    def peak_mb(self) -> float:
        seconds = time.monotonic()
        if seconds - self._looked > 0.001:
            self._looked = seconds
            self._peak = process.rss_mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return self._peak
