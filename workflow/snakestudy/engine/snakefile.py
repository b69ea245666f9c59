"""What the Snakefile needs to declare its rules; imports little, as every process parses it."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakestudy.engine.job import tell_repeats
from snakestudy.engine.resources import requests
from snakestudy.engine.site import read_site, submitted_site
from snakestudy.engine.slurm import guard
from snakestudy.errors import UserError, for_users
from snakestudy.layout import CHUNK, Layout, metadata_table, python_path, rule_name
from snakestudy.planning.model import Capacity
from snakestudy.planning.prepare import ParsedPlan, announce, last_planned, prepare

# At parse these look like a run; they must neither plan nor fail on a bad configuration.
_NOT_RUNS = {"--lint", "--unlock", "--cleanup-metadata", "--list-rules", "--list", "-l"}


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
        if self.workflow.is_main_process:  # Snakemake knows `--retries` only once it has parsed
            tell_repeats(self.workflow.execution_settings.retries)
        return attempt


def prepared(workflow: Any) -> SnakefileContext:
    """Plan in the main process of a run; elsewhere take what was planned last.

    A UserError ends the process with its one message.
    """
    results, runs, logs = (
        Path(workflow.pathvars.apply(path)) for path in ("<results>", "<runs>", "<logs>")
    )
    layout = Layout(results, runs, logs)
    os.environ["PYTHONPATH"] = python_path()
    settings = workflow.resource_settings
    slots = Capacity(settings.cores or 1, settings.nodes)
    guard()
    plans = workflow.is_main_process and not _NOT_RUNS & set(sys.argv)
    try:
        if plans:
            configfile, overrides = _configuration(workflow)
            place = read_site() if slots.jobs else None
            found = prepare(configfile, overrides, layout, slots, workflow.output_settings.dryrun)
        else:
            found = last_planned(layout)
            place = submitted_site()
    except (UserError, OSError) as error:
        sys.exit(f"snakestudy: {for_users(error)}")
    if plans:
        print(announce(found), file=sys.stderr, flush=True)
    gc.freeze()  # looking for garbage in what was imported takes a fifth of an empty Snakefile
    return SnakefileContext(workflow, found, layout, place)


def outputs(study: SnakefileContext) -> list[str]:
    """The files that all chunks of the plan leave."""
    tables = [name for s in study.steps for name in (*s.metrics, metadata_table(s.step))]
    chunks = study.prepared.chunks
    return [f"<results>/{table}/{chunk}.parquet" for chunk in chunks for table in tables]


def command(verb: str, *arguments: Any) -> str:
    """The command line of a verb, run by the Python that runs Snakemake; text of a rule's shell.

    As `params` it would cost half a second a run: Snakemake imports pandas to look at params.
    """
    words = (sys.executable, "-m", "snakestudy", verb, *arguments)
    return shlex.join(map(str, words)).replace("{", "{{").replace("}", "}}")


def _configuration(workflow: Any) -> tuple[str, dict[str, Any]]:
    """The configuration file, relative to the study, and the keys given by --config."""
    files = [os.path.relpath(file) for file in workflow.overwrite_configfiles]
    if len(files) > 1:
        raise UserError(
            "more than one file", key="--configfile", value=files, fix="Name one study at a time."
        )
    given = dict(workflow.config_settings.config)
    return (files[0] if files else "config/config.yaml"), given


__all__ = ["CHUNK", "SnakefileContext", "command", "outputs", "prepared"]
