"""One task: its run directory, what it runs, what it hands over."""

from __future__ import annotations

import json
import os
import resource
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.bash import bash_text
from snakestudy.config.functions import load_function
from snakestudy.config.inputs import inputs_digest, is_per_task
from snakestudy.config.study import Task
from snakestudy.config.templates import fill
from snakestudy.errors import RowError, Stopped
from snakestudy.files import read_json
from snakestudy.layout import Layout, aside, python_path
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.running import process
from snakestudy.running.metrics import by_metric, read_metric
from snakestudy.running.result import Result
from snakestudy.running.scratch import Scratch
from snakestudy.running.staging import stage
from snakestudy.running.streams import prints_to, restore_streams
from snakestudy.storage.documents import ManifestSpec
from snakestudy.tables.rows import as_columns
from snakestudy.values import as_text, nest

if TYPE_CHECKING:
    from snakestudy.provenance.file_hashes import FileHashes
    from snakestudy.running.batch import TaskSpec

ERROR_LENGTH = 500
THREADS = (  # what numeric libraries read; Snakemake sets them for a job, which may run many tasks
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Runner:
    """Runs the tasks of one chunk.

    Attributes:
        study, runs: absolute directories.
        scratch: where functions without a run directory run; None if all have one.
        own: the directory, there and empty, of a task that runs by itself in the foreground.
        deadline: when the job ends, in seconds since the epoch, if that is known.
        told: whether tasks were told that their job is about to end.
    """

    spec: ManifestSpec
    step: str
    parameters: Sequence[str]
    study: Path
    runs: Path
    plan: int
    scratch: Scratch | None = None
    own: Path | None = None
    deadline: float | None = None
    told: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def task(self) -> Task:
        return self.spec.steps[self.step].task

    @cached_property
    def has_directory(self) -> bool:
        return self.spec.run_dirs != "none" or bool(self.task.command or self.task.inputs)

    @cached_property
    def reserved_columns(self) -> set[str]:
        """Column names that metrics may not use."""
        return {"task_id", *self.parameters}

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The study's function, imported by the first task that needs it."""
        return load_function(str(self.study / self.task.function), self.study)

    @cached_property
    def handed(self) -> list[str]:
        """The metrics whose rows the task returns or posts."""
        return [metric.name for metric in self.task.metrics if not metric.path]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What every task finds in its environment, beside what its worker was started with."""
        threads = str(self.task.threads)
        return {
            **os.environ,
            **dict.fromkeys(THREADS, threads),
            "PYTHONPATH": python_path(),
            "STUDY_DIR": str(self.study),
            "STUDY_THREADS": threads,
            **({"STUDY_DEADLINE": str(int(self.deadline))} if self.deadline else {}),
        }

    def may_start(self) -> bool:
        """Whether a task that starts now can end, or be told to, before its job ends."""
        if not self.deadline:
            return True
        limit = self.task.runtime if self.task.restart == "fresh" else None
        return time.time() + (limit or self.task.grace) <= self.deadline

    def directory(self, task_id: str) -> Path:
        return Layout(runs=self.runs).run_directory(task_id)

    def reread(self, item: TaskSpec) -> Result | None:
        """The task's metrics from its kept run directory, if that is what made its row."""
        directory = self.directory(item.task_id)
        noted = _noted(directory)
        if not noted:
            return None
        same = noted["digest"].split(" ")[0] == item.reread.split(" ")[0]
        if not same or noted["status"] != "success" or self.task.function:
            return None
        names = ("started", "seconds", "attempt", "exit_code", "max_rss_mb", "host")
        result = Result(**{name: noted[name] for name in names}, digest=item.reread)
        try:
            result.metrics = self._metrics(None, directory)
        except RowError as error:
            result.error = str(error)
        self._note(item, result, directory, result.attempt)
        return result

    def run(self, item: TaskSpec, attempt: int) -> Result:
        """Run a task once.

        Raises:
            Stopped: if its own input files changed since the plan.
        """
        result = Result(time.time(), attempt=attempt, digest=item.digest)
        begin = time.perf_counter()
        directory = self.scratch.path if self.scratch else None
        try:
            if self.has_directory:
                directory, attempt = self._enter(item, attempt)
                (directory / "params.json").write_text(json.dumps(nest(item.values)))
                values = {**self._extra(item), **item.values}
                files, shared = self.spec.steps[self.step].files, self.runs / "shared"
                stage(self.task, directory, self.study, shared, files, values, self.continues)
                self._check_inputs(item, values)
            run = self._call if self.task.function else self._execute
            returned = run(item, directory, attempt, result)
            if result.error is None:
                result.metrics = self._metrics(returned, directory)
        except Stopped:
            raise
        except RowError as error:
            result.error = str(error)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            result.error = _one_line(error)
        result.seconds = time.perf_counter() - begin
        if self.has_directory:
            self._note(item, result, directory, attempt)
        return result

    @cached_property
    def _file_hashes(self) -> FileHashes:
        from snakestudy.provenance.file_hashes import FileHashes

        return FileHashes()

    def _check_inputs(self, item: TaskSpec, values: Mapping[str, Any]) -> None:
        """End the visit if what was staged is not what was planned with."""
        if self.own or not any(map(is_per_task, self.task.inputs)):
            return

        def sha256(path: str) -> str:
            return self._file_hashes.sha256(str(self.study / path))

        if inputs_digest(self.task, values, sha256) != RowDigest.parse(item.digest).inputs:
            raise Stopped(f"input files of task {item.task_id} changed since the plan")

    @property
    def continues(self) -> bool:
        """Whether a task finds what an earlier try left."""
        return self.task.restart == "continue"

    def _enter(self, item: TaskSpec, attempt: int) -> tuple[Path, int]:
        """The task's run directory, and which try this is of those that continue each other."""
        directory = self.own or self.directory(item.task_id)
        if not self.continues:
            return self.own or fresh_directory(directory), attempt
        noted = _noted(directory)
        if noted.get("digest", "").split(" ")[0] != item.digest.split(" ")[0]:
            noted = {}
        if noted.get("status") in ("running", "failure"):
            attempt = noted["attempt"] + 1
            (directory / "results.json").unlink(missing_ok=True)
        elif not self.own:
            fresh_directory(directory)
        running = {"status": "running", "attempt": attempt, "digest": item.digest}
        (directory / "task.json").write_text(json.dumps(running))
        return directory, attempt

    def _call(self, item: TaskSpec, directory: Path, attempt: int, result: Result) -> Any:
        """Call the function; what it prints goes to the run directory, if there is one."""
        if self.has_directory:
            os.chdir(directory)
        else:
            self.scratch.enter()
        has = self._has_environment
        for name, value in self._task_environment(item, directory, attempt).items():
            if has.get(name) != value:
                os.environ[name] = has[name] = value  # `update` takes three times as long
        if self.task.env:
            os.environ.update(self._env(item))
        if self.own or not self.has_directory:
            return self._returned(item, result)
        with prints_to(directory):
            return self._returned(item, result)

    @cached_property
    def _has_environment(self) -> dict[str, str]:
        """What was last put into this process's environment for a task."""
        return {}

    def _returned(self, item: TaskSpec, result: Result) -> Any:
        """What the function returns; how it fails is noted in the result."""
        try:
            return self.function(nest(item.values))
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            result.error = _one_line(error)
        finally:
            restore_streams()
            result.max_rss_mb = self._peak()
        return None

    def _peak(self) -> float:
        """The peak of this process's memory in MB; looked at every millisecond at most."""
        now = time.monotonic()
        looked, peak = self._looked
        if now - looked > 0.001:
            peak = process.rss_mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            self._looked[:] = now, peak
        return peak

    @cached_property
    def _looked(self) -> list[float]:
        return [0.0, 0.0]

    def _execute(self, item: TaskSpec, directory: Path, attempt: int, result: Result) -> None:
        """Run the command in its directory."""
        stdout, stderr = directory / "stdout.log", directory / "stderr.log"
        own = self._task_environment(item, directory, attempt) | self._env(item)
        env = self.environment | own | self._variables(item)
        argv = argv_of(self.task, {**self._extra(item), **item.values}, self.study)
        ended = process.run(argv, directory, env, stdout, stderr, self.task.runtime)
        result.exit_code, result.max_rss_mb = ended.exit_code, ended.max_rss_mb
        if ended.timed_out:
            result.error = f"ran longer than its runtime of {self.task.runtime:g} s"
        elif ended.exit_code:
            last = _last_line(stderr) or _last_line(stdout)
            how = process.how_it_ended(ended.exit_code)
            result.error = f"{how}: {last}" if last else how

    def _metrics(self, returned: Any, directory: Path) -> dict[str, tuple[int, dict]]:
        """The rows of every metric: handed over, or read from files."""
        handed = self.handed
        if self.task.command and handed:
            posted = directory / "results.json"
            if not posted.is_file():
                raise RowError("the task posted no rows (see post_run_results)")
            returned = json.loads(posted.read_text(encoding="utf-8"))
        rows = by_metric(returned, handed) if handed or self.task.function else {}
        found = {}
        for metric in self.task.metrics:
            if metric.path:
                found[metric.name] = read_metric(
                    metric, directory, self.study, self.reserved_columns
                )
                continue
            try:
                found[metric.name] = as_columns(rows[metric.name], self.reserved_columns)
            except RowError as error:
                raise RowError(f"metric {metric.name}: {error}") from None
        return found

    def _note(self, item: TaskSpec, result: Result, directory: Path, attempt: int) -> None:
        """Leave task.json in the run directory: what made it, and how it went."""
        noted = {
            "task_id": item.task_id,
            "status": "failure" if result.error else "success",
            "chunk": self.spec.chunk,
            "plan": self.plan,
            **{name: getattr(result, name) for name in Result.__slots__ if name != "metrics"},
            "attempt": attempt,
        }
        (directory / "task.json").write_text(json.dumps(noted))

    def _variables(self, item: TaskSpec) -> dict[str, str]:
        """The values that a line of bash reads."""
        if not isinstance(self.task.command, str):
            return {}
        values = self._extra(item) | item.values
        _, variables = bash_text(self.task.command)
        return {variable: as_text(values[name]) for name, variable in variables.items()}

    def _extra(self, item: TaskSpec) -> dict[str, Any]:
        return {"threads": self.task.threads, "task_id": item.task_id}

    def _env(self, item: TaskSpec) -> dict[str, str]:
        if not self.task.env:
            return {}
        values = {**self._extra(item), **item.values}
        return {name: fill(value, values) for name, value in self.task.env}

    def _task_environment(self, item: TaskSpec, directory: Path, attempt: int) -> dict[str, str]:
        own = {"STUDY_TASK_ID": item.task_id, "STUDY_ATTEMPT": str(attempt)}
        if self.has_directory:
            own["STUDY_PARAMS"] = str(directory / "params.json")
        return own


def argv_of(task: Task, values: Mapping[str, Any], study: Path) -> list[str]:
    """The program and its arguments; values are words of their own, never code."""
    if isinstance(task.command, str):
        lines = [*([task.setup] if task.setup else []), bash_text(task.command)[0]]
        return ["bash", "-eo", "pipefail", "-c", "\n".join(lines)]
    argv = []
    for word in task.command:
        plain = "/" in word and "{" not in word and os.path.isfile(study / word)
        argv.append(str(study / word) if plain else fill(word, values))
    if task.setup:
        return ["bash", "-eo", "pipefail", "-c", f'{task.setup}\nexec "$@"', "bash", *argv]
    return argv


def fresh_directory(directory: Path) -> Path:
    """An empty run directory; the earlier one stands aside, unless one does already."""
    try:
        directory.mkdir()
        return directory
    except FileNotFoundError:
        directory.mkdir(parents=True)
        return directory
    except FileExistsError:
        pass
    if aside(directory).exists():  # the earlier visit ended before its row was kept
        shutil.rmtree(directory)
    else:
        directory.rename(aside(directory))
    directory.mkdir()
    return directory


def _noted(directory: Path) -> dict[str, Any]:
    """What a run directory's task.json says; nothing if there is none."""
    return read_json(directory / "task.json", {})


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")[:ERROR_LENGTH]


def _last_line(path: Path) -> str:
    """The last line of a file that is not empty, from its last kilobytes."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:ERROR_LENGTH] if lines else ""
