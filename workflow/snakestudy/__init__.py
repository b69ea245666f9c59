"""snakestudy: parameter studies on Snakemake.

`open` reads a study's results; `get_run_params` and `post_run_results` are for a program
that runs as a task.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakestudy.results.reader import Results, open
    from snakestudy.running.program import get_run_params, post_run_results

__version__ = "0.1.0"

__all__ = ["Results", "get_run_params", "open", "post_run_results"]


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: every job imports this package, few need them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "results.reader" if name in ("Results", "open") else "running.program"
    return getattr(import_module(f"{__name__}.{module}"), name)
