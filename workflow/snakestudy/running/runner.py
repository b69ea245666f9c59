"""One task, from its run directory to the rows of its metrics."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.inputs import inputs_digest, is_per_task
from snakestudy.errors import RowError, Stopped
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.running.command_call import CommandCall
from snakestudy.running.environment import shared_environment, task_environment, values_of
from snakestudy.running.function_call import DebugHook, FunctionCall
from snakestudy.running.metrics import TaskMetrics
from snakestudy.running.result import FIELDS, Result, error_line
from snakestudy.running.run_directory import (
    ended_well,
    is_made_by,
    note_result,
    open_directory,
    read_note,
)
from snakestudy.running.signals import Interrupted
from snakestudy.running.staging import stage
from snakestudy.values import nest

if TYPE_CHECKING:
    from snakestudy.provenance.file_hashes import FileHashes
    from snakestudy.running.batch import TaskSpec
    from snakestudy.running.context import RunContext
    from snakestudy.running.scratch import Scratch


class Runner:
    """Runs tasks, one after another, in this process or in one of its own each.

    Args:
        scratch: where functions without a run directory run; None if all have one.
        debug: as of `FunctionCall`.

    Attributes:
        environment: what every task finds in its environment.
        is_told: set once tasks were told that their job is about to end.
    """

    def __init__(
        self, context: RunContext, scratch: Scratch | None = None, debug: DebugHook | None = None
    ) -> None:
        self.context = context
        self.environment = shared_environment(context)
        self.is_told = threading.Event()
        self._scratch = scratch
        is_function = context.task.function is not None
        self._call = (
            FunctionCall(context, self.environment, debug)
            if is_function
            else CommandCall(context, self.environment)
        )
        self._metrics = TaskMetrics(context)
        self._groups: set[str] | None = None  # the directories below runs/, of tasks that begin so
        self._file_hashes: FileHashes | None = None

    def prepare(self, spec: TaskSpec) -> None:
        """Import the study's function, if it can be, before a task that runs in a fork."""
        if isinstance(self._call, FunctionCall) and not self._call.is_loaded:
            with suppress(BaseException):  # then it is the failure of each
                self._call.load(task_environment(spec, None, 1))

    def may_start(self) -> bool:
        """Whether a task that starts now can end, or be told to, before its job ends."""
        task, deadline = self.context.task, self.context.deadline
        if not deadline:
            return True
        limit = None if self.context.continues else task.runtime
        return time.time() + (limit or task.grace) <= deadline

    def run(self, spec: TaskSpec, attempt: int) -> Result:
        """Run a task once. This process stays in the directory where it ran.

        Raises:
            Stopped: if its own input files changed since the plan.
        """
        result = Result(time.time(), attempt=attempt, digest=spec.digest)
        begin, seconds = time.perf_counter(), 0.0
        directory = None
        try:
            if self.context.has_directory:
                opened = open_directory(self.context, spec, attempt)
                directory, result.attempt, seconds = opened
                self._prepare(spec, directory)
            place = directory or self._enter_scratch(attempt)
            returned = self._call(spec, directory, result.attempt, result)
            if result.error is None:
                self._read(result, returned, place, spec)
        except (Stopped, Interrupted):
            raise
        except RowError as error:
            result.error = str(error)
        except BaseException as error:
            traceback.print_exc()
            result.error = error_line(error)
        result.seconds = seconds + time.perf_counter() - begin
        if directory:
            note_result(self.context, spec, result, directory)
        elif self.context.run_dirs == "auto":
            self._keep_left(spec, result)
        return result

    def reread(self, spec: TaskSpec) -> Result | None:
        """A task's metrics from its kept run directory, if that is what made its row.

        So also of a task that ended well, and of which a metric could not be read before.
        """
        directory = self.context.run_directory(spec.task_id)
        note = read_note(directory)
        if not note or not spec.reread or self.context.task.function:
            return None
        if not ended_well(note) or not is_made_by(note, spec.reread):
            return None
        os.chdir(directory)  # as it was when they were read first
        as_then = {name: note[name] for name in FIELDS}
        result = Result(**{**as_then, "error": None, "digest": spec.reread})
        try:
            self._read(result, None, directory, spec)
        except RowError as error:
            result.error = str(error)
        note_result(self.context, spec, result, directory)
        return result

    def _keep_left(self, spec: TaskSpec, result: Result) -> None:
        """Make a run directory of what a function left, if it did; what it left before goes."""
        assert self._scratch is not None, "a function has it, or a run directory"
        if self._groups is None:
            runs = self.context.runs
            self._groups = set(os.listdir(runs)) if runs.is_dir() else set()
        is_there = spec.task_id[:2] in self._groups  # else nothing was left by any of its fellows
        if not is_there and self._scratch.is_empty():
            return
        directory = self.context.run_directory(spec.task_id)
        try:
            shutil.rmtree(directory, ignore_errors=True)
            if self._scratch.move_to(directory):
                self._groups.add(spec.task_id[:2])
                note_result(self.context, spec, result, directory)
        except OSError as error:
            result.error = result.error or error_line(error)

    def _read(self, result: Result, returned: Any, directory: Path, spec: TaskSpec) -> None:
        """Take the rows of each metric; one that cannot be read is the task's failure."""
        result.metrics, unread = self._metrics.rows(returned, directory, spec)
        if unread:
            result.error = "; ".join(dict.fromkeys(unread.values()))
            result.digest = str(RowDigest.parse(result.digest).with_unread(unread))

    def _enter_scratch(self, attempt: int) -> Path:
        assert self._scratch is not None, "a function has it, or a run directory"
        if attempt > 1:
            self._scratch.empty()  # of the try before
        self._scratch.enter()
        return self._scratch.path

    def _prepare(self, spec: TaskSpec, directory: Path) -> None:
        """Enter a run directory, and put there what the task finds.

        Raises:
            Stopped: if its own input files changed since the plan.
            UserError, OSError, jinja2.TemplateError: what hinders this.
        """
        context = self.context
        os.chdir(directory)  # for functions, which run here, and for programs, started from here
        (directory / "params.json").write_text(json.dumps(nest(spec.values)), encoding="utf-8")
        values = values_of(context.task, spec)
        shared = context.runs / "shared"
        files, continues = context.files, context.continues
        stage(context.task, directory, context.study, shared, files, values, continues)
        if not context.fixed_directory:
            self._check_inputs(spec, values)

    def _check_inputs(self, spec: TaskSpec, values: Mapping[str, Any]) -> None:
        """End the visit if what was staged is not what was planned with."""
        if not any(map(is_per_task, self.context.task.inputs)):
            return
        if self._file_hashes is None:
            from snakestudy.provenance.file_hashes import FileHashes

            self._file_hashes = FileHashes()
        hashes, study = self._file_hashes, self.context.study
        digest = inputs_digest(self.context.task, values, lambda p: hashes.sha256(str(study / p)))
        if digest != RowDigest.parse(spec.digest).inputs:
            raise Stopped(f"input files of task {spec.task_id} changed since the plan")
