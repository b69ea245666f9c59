"""A task that is a function: called in this process."""

from __future__ import annotations

import copy
import os
import resource
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from snakestudy.config.functions import load_function
from snakestudy.running import process
from snakestudy.running.clean_place import CleanPlace
from snakestudy.running.environment import configured_environment, task_environment, values_of
from snakestudy.running.result import error_line
from snakestudy.running.signals import Interrupted
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
        environment: what every task finds (`shared_environment`).
        debug: called with the traceback of what the function raises, before it is noted.
    """

    def __init__(
        self,
        context: RunContext,
        environment: Mapping[str, str],
        debug: DebugHook | None = None,
    ) -> None:
        self._context = context
        self._environment = environment
        self._debug = debug
        self._function: Callable[..., Any] | None = None
        self._place: CleanPlace | None = None  # as it is once the function's module is there
        self._memory = _PeakMemory()
        self._is_fork = False  # of this process, made by the task that runs
        os.register_at_fork(after_in_child=self._note_fork)

    def __call__(self, spec: TaskSpec, directory: Path | None, attempt: int, result: Result) -> Any:
        """What the function returns; what it prints goes to its run directory, if it has one.

        How it fails is noted in the result.

        Raises:
            Interrupted: if this process is to end.
        """
        if not directory or self._context.fixed_directory:
            return self._returned(spec, directory, attempt, result)
        with prints_to(directory):
            return self._returned(spec, directory, attempt, result)

    def _returned(
        self, spec: TaskSpec, directory: Path | None, attempt: int, result: Result
    ) -> Any:
        place, self._is_fork = self._place, False
        try:
            if place is None:
                place = self.load(task_environment(spec, directory, attempt))
            self._put_environment(place, spec, directory, attempt)
            assert self._function is not None
            return place.call(self._called, _own(spec.values), spec.task_id)
        except Interrupted:
            raise
        except BaseException as error:
            if self._debug and isinstance(error, Exception):
                self._debug(error.__traceback__)
            restore_streams()
            traceback.print_exc()
            result.error = error_line(error)
        finally:
            restore_streams()
            if self._is_fork:  # it came back
                os._exit(1 if result.error else 0)
            if place is not None:
                place.restore()
            result.max_rss_mb = self._memory.peak_mb()
        return None

    def _note_fork(self) -> None:
        self._is_fork = True

    def _called(self, values: dict[str, Any]) -> Any:
        assert self._function is not None
        return settled(self._function(values))

    def _put_environment(
        self, place: CleanPlace, spec: TaskSpec, directory: Path | None, attempt: int
    ) -> None:
        task = self._context.task
        own = task_environment(spec, directory, attempt)
        if task.env:
            found = {**self._environment, **own}
            own |= configured_environment(task, values_of(task, spec), found)
        for name, value in own.items():
            place.put(name, value)

    @property
    def is_loaded(self) -> bool:
        return self._place is not None

    def load(self, environment: Mapping[str, str]) -> CleanPlace:
        """Import the study's function; the place is what that leaves.

        Args:
            environment: what its module may read of the task that comes first.
        """
        os.environ.update(environment)
        study = self._context.study
        self._function = load_function(str(study / str(self._context.task.function)), study)
        self._place = CleanPlace()
        return self._place


_PLAIN = {int, float, str, bool, type(None)}


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters for one task: lists and mappings, which it may change, are its own."""
    if _PLAIN.issuperset(map(type, values.values())):
        return nest(values)
    return nest(copy.deepcopy(dict(values)))


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
