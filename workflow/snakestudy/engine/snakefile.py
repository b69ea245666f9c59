"""What the Snakefile needs to declare its rules; imports little, as every process parses it."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakestudy.engine import internals
from snakestudy.engine.internals import CommandLine, spare_rate_of_jobs
from snakestudy.engine.job import tell_repeats
from snakestudy.engine.resources import requests
from snakestudy.engine.site import read_site, submitted_site, tell_site
from snakestudy.engine.slurm import guard
from snakestudy.errors import UserError, for_users
from snakestudy.layout import CHUNK, Layout, metadata_table, python_path, rule_name
from snakestudy.planning.prepare import ParsedPlan, announce, last_planned, prepare
from snakestudy.storage.location import StudyLocation


@dataclass(frozen=True)
class StepRule:
    """What the rule of one step declares; resources are what a job asks for beside threads."""

    step: str
    name: str
    metrics: list[str]
    threads: int
    resources: dict[str, Any]


@dataclass(frozen=True)
class SnakefileContext:
    """The plan as rules see it."""

    workflow: Any
    prepared: ParsedPlan
    layout: Layout
    site: dict[str, Any] | None

    @property
    def directories(self) -> tuple[Path, Path, Path]:
        return self.layout.results, self.layout.runs, self.layout.logs

    @property
    def plan(self) -> int:
        return self.prepared.plan

    @property
    def publishes(self) -> tuple[str, ...]:
        return self.prepared.publishes

    @property
    def proposal(self) -> str:
        return str(self.prepared.proposal or "")

    @property
    def steps(self) -> list[StepRule]:
        """What the rule of each step declares."""
        chunks, site = self.prepared.chunks, self.site
        rules = []
        for step in self.prepared.steps:
            asked = requests(step.task, self.prepared.config, chunks, site)
            resources = {**asked, "attempt": self._attempt}
            threads = self.prepared.config["chunks"]["workers"] * step.task.threads
            metrics = [metric.name for metric in step.task.metrics]
            rules.append(StepRule(step.name, rule_name(step.name), metrics, threads, resources))
        return rules

    @property
    def on_failure(self) -> str:
        return self.prepared.config["on_failure"]

    def _attempt(self, wildcards: Any, attempt: int) -> int:
        """Which try of its job this is; tells all jobs how many there may be."""
        if internals.is_main(self.workflow, None):  # Snakemake knows `--retries` only when parsed
            tell_repeats(internals.retries_of(self.workflow))
        return attempt


@dataclass(frozen=True)
class Invocation:
    """What this process was started for.

    Attributes:
        command_line: what it was asked, if Snakemake was started by one.
        plans: whether it runs jobs or says which; nested processes, and all that only look at
            the study or clean up, take what was planned last.
        dry_run: whether nothing may be written.
    """

    command_line: CommandLine | None
    plans: bool
    dry_run: bool

    @classmethod
    def of(cls, workflow: Any) -> Invocation:
        command_line = CommandLine.of_this_process()
        if not internals.is_main(workflow, command_line):
            return cls(command_line, plans=False, dry_run=False)
        plans = command_line is None or command_line.asks_for_run()
        return cls(command_line, plans, internals.is_dry_run(workflow, command_line))


def prepared(workflow: Any) -> SnakefileContext:
    """Decide in the main process of a run; elsewhere take what was planned last.

    A UserError ends the process with its one message.
    """
    invocation, layout = Invocation.of(workflow), internals.layout_of(workflow)
    try:
        if invocation.plans:
            context = _planned(workflow, layout, invocation)
        else:
            context = SnakefileContext(workflow, last_planned(layout), layout, submitted_site())
        _apply(context, invocation)
    except UnicodeEncodeError as error:
        sys.exit(f"snakestudy: {error.object!a}: no file can have this name in this locale")
    except (UserError, OSError) as error:
        sys.exit(f"snakestudy: {for_users(error)}")
    return context


def _planned(workflow: Any, layout: Layout, invocation: Invocation) -> SnakefileContext:
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        internals.warn(
            f"the locale's encoding is {encoding}: names of files are looked for in it, and Python "
            "that the design calls reads texts in it; say export PYTHONUTF8=1"
        )
    configfile, overrides = _configuration(workflow, invocation.command_line)
    capacity = internals.capacity_of(workflow)
    site = read_site() if capacity.jobs else None
    with _leaving_no_bytecode(invocation.dry_run):
        plan = prepare(configfile, overrides, layout, capacity, invocation.dry_run)
    return SnakefileContext(workflow, plan, layout, site)


def _apply(context: SnakefileContext, invocation: Invocation) -> None:
    """What a decision changes in this process, for its jobs, and for those who look on."""
    os.environ["PYTHONPATH"] = python_path()
    guard()
    if invocation.plans:
        if context.site is not None:
            tell_site(context.site)
        if not invocation.dry_run:
            StudyLocation.of_this_code(context.layout).note()
        print(announce(context.prepared), file=sys.stderr, flush=True)
    gc.freeze()  # looking for garbage in what was imported takes a fifth of an empty Snakefile


@contextmanager
def _leaving_no_bytecode(dry_run: bool) -> Iterator[None]:
    """Within this, a study's own Python leaves no __pycache__ in a dry run."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, dry_run or sys.dont_write_bytecode
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def outputs(context: SnakefileContext) -> list[str]:
    """The files that all chunks of the plan leave."""
    tables = [name for s in context.steps for name in (*s.metrics, metadata_table(s.step))]
    chunks = context.prepared.chunks
    return [f"<results>/{table}/{chunk}.parquet" for chunk in chunks for table in tables]


def command(verb: str, *arguments: Any) -> str:
    """The command line of a verb, run by the Python that runs Snakemake; text of a rule's shell.

    As `params` it would cost half a second a run: Snakemake imports pandas to look at params.
    """
    words = (sys.executable, "-m", "snakestudy", verb, *arguments)
    return shlex.join(map(str, words)).replace("{", "{{").replace("}", "}}")


def _configuration(workflow: Any, command_line: CommandLine | None) -> tuple[str, dict[str, Any]]:
    """The configuration file, relative to the study, and the keys given by --config."""
    paths, overrides = internals.configuration_of(workflow, command_line)
    files = [os.path.relpath(path) for path in paths]
    if len(files) > 1:
        raise UserError(
            "more than one file", key="--configfile", value=files, fix="Name one study at a time."
        )
    return (files[0] if files else "config/config.yaml"), overrides


__all__ = ["CHUNK", "SnakefileContext", "command", "outputs", "prepared", "spare_rate_of_jobs"]
