"""Guards around snakemake-executor-plugin-slurm, where it would let a study wait for ever.

Of plugin 2.8, as seen on SLURM 22.05: states of more than a word ("CANCELLED by 0", what sacct
says after scancel) count as running; so does a preempted job that SLURM does not begin again,
and a job that has left the queue where squeue is asked; where accounting is switched off, sacct
fails at every look (snakemake-executor-plugin-slurm#38). Looks come ever more rarely, up to three
minutes apart, whatever `seconds-between-status-checks` says (#319); the end of a run, and of one
that was interrupted, waits until the next look is due. A job starts a Snakemake that starts a step
with srun that starts a Snakemake (#467): seconds of each job, a request to slurmctld, and tasks
that call srun themselves find the job's CPUs taken.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from snakestudy.engine.internals import has_form, warn

_ENDS = {"PREEMPTED": "CANCELLED", "REVOKED": "CANCELLED"}  # words that the plugin takes for an end
_MISSED = 30  # seconds after which a job that was there is gone
_BEGAN = time.monotonic()

Answer = tuple[dict[str, str] | None, Any]  # states of jobs, and how long that took


def guard() -> None:
    """Make the plugin see every end of a job; does nothing where it is not loaded."""
    plugin: Any = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is None or getattr(plugin, "guarded", False):
        return
    plugin.guarded = True
    if has_form(plugin, "query_job_status", ("command", "logger"), is_async=True):
        plugin.query_job_status = _Looks(plugin, plugin.query_job_status)
    executor = getattr(plugin, "Executor", None)
    if executor is None:
        return warn(f"{plugin.__name__} has no Executor; ends of jobs may be seen late")
    if has_form(executor, "sleep", ("self",), is_async=True):
        executor.sleep = _sleep_until_look
    if has_form(executor, "additional_general_args", ("self",), is_async=False):
        executor.additional_general_args = _without_step(executor.additional_general_args)
    return None


def _without_step(arguments: Callable[[Any], str]) -> Callable[[Any], str]:
    def additional_general_args(self: Any) -> str:
        # Jobs of an array find out in their step what to run.
        arrays = getattr(self, "array_jobs", True)
        return arguments(self) if arrays else "--executor local --jobs 1"

    return additional_general_args


async def _sleep_until_look(self: Any) -> None:
    """Until the next look: a tenth of the run's time so far, for short runs should end soon."""
    most = self.workflow.remote_execution_settings.seconds_between_status_checks
    end = time.monotonic() + min(max(2, (time.monotonic() - _BEGAN) / 10), most)
    while getattr(self, "wait", True) and time.monotonic() < end:
        await asyncio.sleep(0.2)


class _Looks:
    """Asks for the states of a run's jobs, in the plugin's words."""

    def __init__(self, plugin: Any, ask: Any) -> None:
        self.ask = ask
        # Asked where accounting does not answer.
        fits = has_form(plugin, "query_job_status_squeue", ("runid",), is_async=False)
        self.queue_of = plugin.query_job_status_squeue if fits else None
        self.seen: set[str] = set()
        self.missed: dict[str, float] = {}  # since when a job that was seen is not there

    async def __call__(self, command: str, logger: Any) -> Answer:
        states, seconds = await self.ask(command, logger)
        if states is None and command.startswith("sacct") and self.queue_of:
            run = command.split()[-1]
            states, seconds = await self.ask(self.queue_of(run), logger)
        if states is None:
            return states, seconds
        first_words: dict[str, str] = {
            job: state.split()[0] for job, state in states.items() if state
        }
        moment = time.monotonic()
        self.seen |= set(first_words)
        missing = self.seen - set(first_words)
        self.missed = {job: self.missed.get(job, moment) for job in missing}
        # Snakemake looks for the outputs of a job in this state, and takes it for failed without.
        gone = {job: "UNKNOWN" for job, since in self.missed.items() if moment - since >= _MISSED}
        return {job: _ENDS.get(word, word) for job, word in first_words.items()} | gone, seconds
