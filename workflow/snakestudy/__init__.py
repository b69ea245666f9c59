"""snakestudy: parameter studies on Snakemake.

`open` reads a study's results; `get_run_params` and `post_run_results` are for a program
that runs as a task.
"""

from __future__ import annotations

from ._program import get_run_params, post_run_results
from ._results import Results, open

__all__ = ["Results", "get_run_params", "open", "post_run_results"]
