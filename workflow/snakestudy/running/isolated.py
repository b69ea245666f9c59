"""Tasks that have a process of their own each (`task.isolation: process`).

The worker imports the study's function and runs nothing of it: each task runs in a fork, which
hands over what came of it in a file. How it ends is its own affair.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from snakestudy.errors import Stopped
from snakestudy.running import process
from snakestudy.running.result import Result
from snakestudy.running.run_directory import note_killed
from snakestudy.running.runner import Runner
from snakestudy.running.signals import Interrupted, end_interrupted
from snakestudy.running.streams import restore_streams

if TYPE_CHECKING:
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext
    from snakestudy.running.scratch import Scratch


class IsolatedRunner(Runner):
    """Runs each task in a fork of this process.

    Args:
        results: a file for what forks hand over.
        begin: called in a fork before its task.
    """

    def __init__(
        self,
        context: RunContext,
        scratch: Scratch,
        results: BinaryIO,
        begin: Callable[[], None],
    ) -> None:
        super().__init__(context, scratch)
        self._results, self._begin = results, begin

    def run(self, spec: TaskSpec, attempt: int) -> Result:
        """Run a task once, as `Runner.run` does, in a process of its own.

        Raises:
            Stopped: if its own input files changed since the plan.
        """
        self.prepare(spec)
        restore_streams()  # what its module printed is not printed again by each
        self._results.seek(0)
        self._results.truncate()
        started, begin = time.time(), time.perf_counter()
        pid = process.fork()
        if not pid:
            self._run_here(spec, attempt)
        ended = process.wait_or_kill(pid)
        seconds = time.perf_counter() - begin
        self._results.seek(0)
        if ended.exit_code == 0 and self._results.read(1):
            self._results.seek(0)
            result = pickle.load(self._results)
            if isinstance(result, str):
                raise Stopped(result)
        else:
            code = ended.exit_code
            error = f"its process ended: {process.how_it_ended(code)}"
            result = Result(started, seconds, attempt, code, error, digest=spec.digest)
            note_killed(self.context, spec, result)
        result.max_rss_mb = ended.max_rss_mb
        return result

    def _run_here(self, spec: TaskSpec, attempt: int) -> None:
        """Run a task in this fork, and end it."""
        status = 1
        try:
            self._begin()
            try:
                came: Result | str = super().run(spec, attempt)
            except Stopped as reason:
                came = str(reason)
            pickle.dump(came, self._results)
            self._results.flush()
            status = 0
        except Interrupted:
            end_interrupted()
        finally:
            os._exit(status)
