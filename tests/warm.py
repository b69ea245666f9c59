"""Real snakemake, each run in a fork of one process that has imported it.

The import takes twice as long as all else that a small study costs its main process. Only
modules of Snakemake are there before the fork: ours, and all that a run decides, come after it.

Started by `kit.Warm`. A line of JSON a run on standard input: arguments, cwd, env, output (a
file). Two lines back: the process id, then the exit status.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import tempfile
from typing import Any


def serve() -> None:
    importlib.import_module("snakemake.cli").get_argument_parser()  # imports the plugins
    importlib.import_module("smart_open")  # by which each Snakefile is read
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(request: dict[str, Any]) -> None:
    """What `python -m snakemake` does; ends the process."""
    for descriptor, path in ((0, os.devnull), (1, request["output"]), (2, request["output"])):
        opened = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    tempfile.tempdir = None  # may have been looked for in the environment that was
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["arguments"]
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    serve()
