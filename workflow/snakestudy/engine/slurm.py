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
from typing import Any

_ENDS = {"PREEMPTED": "CANCELLED", "REVOKED": "CANCELLED"}  # words that the plugin takes for an end
_MISSED = 30  # seconds after which a job that was there is gone
_BEGAN = time.monotonic()


def guard() -> None:
    """Make the plugin see every end of a job; does nothing where it is not loaded."""
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is None or getattr(plugin, "guarded", False):
        return
    plugin.guarded = True
    plugin.query_job_status = _Looks(plugin, plugin.query_job_status)
    executor = plugin.Executor
    executor.sleep = _sleep
    arguments = executor.additional_general_args

    def without_step(self: Any) -> str:
        # Jobs of an array find out in their step what to run.
        return arguments(self) if self.array_jobs else "--executor local --jobs 1"

    executor.additional_general_args = without_step


async def _sleep(self: Any) -> None:
    """Until the next look: a tenth of the run's time so far, for short runs should end soon."""
    most = self.workflow.remote_execution_settings.seconds_between_status_checks
    end = time.monotonic() + min(max(2, (time.monotonic() - _BEGAN) / 10), most)
    while self.wait and time.monotonic() < end:
        await asyncio.sleep(0.2)


class _Looks:
    """Asks for the states of a run's jobs, in the plugin's words."""

    def __init__(self, plugin: Any, ask: Any) -> None:
        self.plugin, self.ask = plugin, ask
        self.seen: set[str] = set()
        self.missed: dict[str, float] = {}  # since when a job that was seen is not there

    async def __call__(self, command: str, logger: Any) -> tuple[dict[str, str] | None, Any]:
        found, seconds = await self.ask(command, logger)
        if found is None and command.startswith("sacct"):
            run = command.split()[-1]
            found, seconds = await self.ask(self.plugin.query_job_status_squeue(run), logger)
        if found is None:
            return found, seconds
        states = {job: state.split()[0] for job, state in found.items() if state}
        now = time.monotonic()
        self.seen |= set(states)
        self.missed = {job: self.missed.get(job, now) for job in self.seen - set(states)}
        # Snakemake looks for the outputs of a job in this state, and takes it for failed without.
        gone = {job: "UNKNOWN" for job, since in self.missed.items() if now - since >= _MISSED}
        return {job: _ENDS.get(state, state) for job, state in states.items()} | gone, seconds
