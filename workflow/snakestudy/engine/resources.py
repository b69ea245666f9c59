"""What a chunk's job asks for: of its tasks, of the study, of the site where it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from snakestudy.config.study import Task
from snakestudy.planning.model import resources_of_job
from snakestudy.storage.documents import ChunkEntry

# Beside its tasks, a job on a cluster is a nested Snakemake, a visit and its workers.
_ALLOWANCE_MB = 600
_ALLOWANCE_SECONDS = 300


def requests(
    task: Task,
    config: Mapping[str, Any],
    chunks: Mapping[str, ChunkEntry],
    site: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Resource -> value, or a function of wildcards and attempt that gives it.

    mem_mb is in MB and runtime in minutes, as Snakemake takes them.

    Args:
        config: the study's, as resolved.
        chunks: those of the plan, by name.
        site: as `read_site`; None where jobs run on this machine.
    """
    workers, limit = config["chunks"]["workers"], task.runtime
    extra_mb, extra_seconds = (0, 0) if site is None else (_ALLOWANCE_MB, _ALLOWANCE_SECONDS)

    def mem_mb(wildcards: Any, attempt: int) -> int:
        return (chunks[wildcards.chunk].mem_mb or 0) * workers * attempt + extra_mb

    def runtime(wildcards: Any) -> int:
        turns = math.ceil(max(1, chunks[wildcards.chunk].pending) / workers)
        return math.ceil((turns * (limit or 0) + extra_seconds) / 60)

    asked: dict[str, Any] = dict(site or {})
    if any(entry.mem_mb for entry in chunks.values()):
        asked["mem_mb"] = mem_mb
    if limit:
        asked["runtime"] = runtime
    return {**asked, **resources_of_job(config)}
