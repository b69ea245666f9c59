"""What a chunk's job asks for: of its tasks, of the study, of the site where it runs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._errors import UserError

SITE = Path("config/site.yaml")
# Beside its tasks, a job on a cluster is a nested Snakemake, a visit and its workers.
ALLOWANCE_MB = 600
ALLOWANCE_SECONDS = 300
_SITE, _REPEATS = "SNAKESTUDY_SITE", "SNAKESTUDY_REPEATS"  # told to jobs by their environment


def read_site() -> dict[str, Any]:
    """What jobs of this site ask for, from config/site.yaml: resource -> value.

    Raises:
        UserError: if the file is no mapping of names to numbers and words.
    """
    text = SITE.read_text() if SITE.exists() else ""
    from ._yaml import read_yaml  # jobs do without

    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    found = read_yaml(str(SITE), text) if any(lines) else {}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UserError(
                "is neither a number nor a word", file=str(SITE), key=str(name), value=value
            )
    os.environ[_SITE] = json.dumps(found)
    return found


def is_on_cluster() -> bool:
    """Whether this process's job was submitted somewhere, and nobody sees what it prints."""
    return _SITE in os.environ


def submitted_site() -> dict[str, Any]:
    """The site as it was when this process's job was submitted."""
    return json.loads(os.environ.get(_SITE, "{}"))


def tell_repeats(repeats: int) -> None:
    """Tell jobs how often Snakemake repeats one that fails (`--retries`)."""
    os.environ[_REPEATS] = str(repeats)


def repeats_left(attempt: int) -> int:
    """How often a job may still be repeated; attempt: 1 for its first."""
    return max(0, int(os.environ.get(_REPEATS, 0)) + 1 - attempt)


def requests(
    config: Mapping[str, Any], chunks: Mapping[str, Any], site: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Resource -> value, or a function of wildcards and attempt that gives it.

    mem_mb is in MB and runtime in minutes, as Snakemake takes them.

    Args:
        config: the study's, as resolved.
        chunks: name -> mem_mb of a task, number of pending tasks.
        site: as `read_site`; None where jobs run on this machine.
    """
    workers, limit = config["chunks"]["workers"], config["task"]["runtime"]
    extra_mb, extra_seconds = (0, 0) if site is None else (ALLOWANCE_MB, ALLOWANCE_SECONDS)

    def mem_mb(wildcards: Any, attempt: int) -> int:
        return chunks[wildcards.chunk]["mem_mb"] * workers * attempt + extra_mb

    def runtime(wildcards: Any) -> int:
        turns = math.ceil(max(1, chunks[wildcards.chunk]["pending"]) / workers)
        return math.ceil((turns * limit + extra_seconds) / 60)

    asked: dict[str, Any] = dict(site or {})
    if any(entry["mem_mb"] for entry in chunks.values()):
        asked["mem_mb"] = mem_mb
    if limit:
        asked["runtime"] = runtime
    return {**asked, **config["resources"]}
