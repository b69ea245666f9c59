"""Where this package leans on what Snakemake and a plugin do not document.

Seen in Snakemake 9.27.1 and snakemake-executor-plugin-slurm 2.8.0. Each use is behind a check:
where something is gone or has another form, a warning says so and the study runs without it.

| what | where | for | without it |
| --- | --- | --- | --- |
| the file name that a Snakefile is compiled with | workflow/Snakefile | finding this package | Snakemake has put its directory on sys.path |
| `workflow.default_target` is set | Snakefile | `all` is the target, included or not | - |
| `workflow.pathvars.apply` | `layout_of` | <results>, <runs>, <logs> | results, runs, logs |
| `workflow.resource_settings.cores`, `.nodes` | `capacity_of` | cutting chunks | 1 core |
| `workflow.resource_settings.resources` | `capacity_of` | refusing workers that use more than there is | nothing is refused |
| `workflow.is_main_process` | `is_main` | nested processes do not plan | `--mode` of the command line |
| `workflow.config_settings.configfiles`, `.config` | `configuration_of` | --configfile, --config | config/config.yaml alone |
| `args.config`: KEY=VALUE as it was typed | `CommandLine.overrides` | nested values that are no texts | what Snakemake makes of --config |
| `workflow.output_settings.dryrun` | `is_dry_run` | writing nothing | `--dry-run` of the command line |
| `workflow.execution_settings.retries` | `retries_of` | how often a job is repeated | 0 |
| `args`, `parser` in `snakemake.cli.args_to_api` | `CommandLine` | only runs plan | every invocation plans |
| `workflow.local_exec`, `workflow.scheduler.job_rate_limiter` | `spare_rate_of_jobs` | a second less a run (snakemake#3744) | that second |
| `query_job_status`, `query_job_status_squeue`, `Executor.sleep`, `.wait`, `.additional_general_args`, `.array_jobs` of the SLURM plugin | engine/slurm.py | seeing how jobs end (snakemake-executor-plugin-slurm#38, #319, #467) | as the plugin does |
"""  # noqa: E501

from __future__ import annotations

import argparse
import inspect
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from snakestudy.config.load import override
from snakestudy.engine.options import AFTER_RUN, OTHER_OPTIONS, RUN_OPTIONS
from snakestudy.layout import Layout
from snakestudy.planning.model import Capacity

_warned: set[str] = set()


def warn(text: str) -> None:
    """Say it on stderr, once a process."""
    if text not in _warned:
        _warned.add(text)
        print(f"snakestudy: warning: {text}", file=sys.stderr, flush=True)


def attribute(workflow: Any, path: str, otherwise: Any) -> Any:
    """An attribute of the workflow, or one of an attribute (`a.b`); warns where it is gone.

    Args:
        otherwise: what is taken then.
    """
    value = workflow
    for name in path.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            warn(f"this Snakemake has no workflow.{path}; the study runs without it")
            return otherwise
    return value


def has_form(owner: Any, name: str, parameters: tuple[str, ...], is_async: bool) -> bool:
    """Whether a function is there and takes just these; warns if it is not."""
    function = getattr(owner, name, None)
    place = f"{owner.__name__}.{name}"
    if function is None:
        warn(f"{place} is gone, and what it was guarded against may happen")
        return False
    try:
        actual = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        actual = ()
    if actual != parameters or inspect.iscoroutinefunction(function) != is_async:
        warn(f"{place} is not as it was, and what it was guarded against may happen")
        return False
    return True


def layout_of(workflow: Any) -> Layout:
    """The directories of the study, as pathvars of the workflow name them."""
    apply = attribute(workflow, "pathvars.apply", None)
    if apply is None:
        return Layout()
    return Layout(*(Path(apply(path)) for path in ("<results>", "<runs>", "<logs>")))


def capacity_of(workflow: Any) -> Capacity:
    cores = attribute(workflow, "resource_settings.cores", 1)
    nodes = attribute(workflow, "resource_settings.nodes", None)
    resources = attribute(workflow, "resource_settings.resources", {})
    pairs = getattr(resources, "items", tuple)()
    return Capacity(cores or 1, nodes, {n: getattr(value, "value", value) for n, value in pairs})


def configuration_of(
    workflow: Any, command_line: CommandLine | None
) -> tuple[list[Path], dict[str, Any]]:
    """The files of --configfile and the keys of --config.

    Raises:
        UserError: for a value of --config that is no YAML.
    """
    files = attribute(workflow, "config_settings.configfiles", ())
    typed = command_line.overrides() if command_line else None
    if typed is None:
        typed = dict(attribute(workflow, "config_settings.config", None) or {})
    return list(files or ()), typed


def _as_utf8(argument: str) -> str:
    """An argument of the command line, whatever encoding the locale has."""
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        return argument


def is_main(workflow: Any, command_line: CommandLine | None) -> bool:
    """Whether this process schedules jobs, and is none that a job started."""
    mode = getattr(command_line.args, "mode", None) if command_line else None
    return attribute(workflow, "is_main_process", getattr(mode, "name", "DEFAULT") == "DEFAULT")


def is_dry_run(workflow: Any, command_line: CommandLine | None) -> bool:
    """Whether nothing is to be done nor written."""
    args = command_line.args if command_line else None
    asked = attribute(workflow, "output_settings.dryrun", getattr(args, "dryrun", False))
    return asked or getattr(args, "executor", None) == "dryrun"


def retries_of(workflow: Any) -> int:
    """How often a job that fails is repeated; known only once everything is parsed."""
    return attribute(workflow, "execution_settings.retries", 0) or 0


def spare_rate_of_jobs(workflow: Any) -> None:
    """Let the end of a local run wait for no rate of jobs.

    Snakemake looks again a second after every look for what a rate of jobs may allow, and
    waits for that in the end; local cores have no such rate.
    """
    if not attribute(workflow, "local_exec", False):
        return
    if attribute(workflow, "scheduler.job_rate_limiter", None) is not None:
        workflow.scheduler.job_rate_limiter = None


@dataclass(frozen=True)
class CommandLine:
    """What the command line and the profiles of a running Snakemake say.

    Attributes:
        args, parser: as Snakemake itself read them.
    """

    args: argparse.Namespace
    parser: argparse.ArgumentParser

    @classmethod
    def of_this_process(cls) -> CommandLine | None:
        """None where Snakemake was started by its API; it tells nothing then."""
        frame, is_cli = sys._getframe(), False
        while frame is not None:
            if frame.f_globals.get("__name__") == "snakemake.cli":
                is_cli = True
                args, parser = frame.f_locals.get("args"), frame.f_locals.get("parser")
                if isinstance(args, argparse.Namespace) and parser is not None:
                    return cls(args, parser)
            frame = frame.f_back
        if is_cli:
            warn("this Snakemake does not tell what it was asked for; a run is taken for it")
        return None

    def overrides(self) -> dict[str, Any] | None:
        """What --config says, by the rules by which the configuration is read.

        Snakemake makes texts of all numbers within lists and mappings, and takes quotes away.

        Returns:
            None where Snakemake does not tell what was typed.

        Raises:
            UserError: for what is no YAML.
        """
        typed = getattr(self.args, "config", None) or []
        if not isinstance(typed, list) or not all("=" in str(word) for word in typed):
            warn("this Snakemake does not tell --config as it was typed")
            return None
        pairs = (_as_utf8(str(word)).partition("=") for word in typed)
        return {key: override(key, text) for key, _, text in pairs}

    def asks_for_run(self) -> bool:
        """Whether Snakemake was asked to run jobs (or to say which), and for nothing else."""
        given = self._others
        if getattr(self.args, "report_after_run", False):
            given = given - AFTER_RUN
        for name in sorted(given - OTHER_OPTIONS):
            option = name.replace("_", "-")
            warn(f"--{option} of this Snakemake is not known to go with a run; nothing is planned")
        return not given and getattr(self.args, "executor", None) != "touch"

    @cached_property
    def _others(self) -> frozenset[str]:
        """The options given that are not known to go with a run."""
        return frozenset(
            action.dest
            for group in self.parser._action_groups
            if not (group.title or "").endswith("plugin settings")
            for action in group._group_actions
            if action.dest not in RUN_OPTIONS and self._is_given(action)
        )

    def _is_given(self, action: argparse.Action) -> bool:
        default = action.default
        if isinstance(default, str) and callable(action.type):
            default = action.type(default)  # as argparse does
        return getattr(self.args, action.dest, default) != default
