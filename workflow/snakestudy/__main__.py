"""`python -m snakestudy VERB`: the verbs for people, and those the rules call."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from snakestudy.errors import UserError, for_users
from snakestudy.imports import block_unneeded, imports
from snakestudy.messages import nearest

FOR_PEOPLE = {
    "design": "the parameter sets a configuration declares, what is new, chunks",
    "task": "run one task, or a changed copy of it, in the foreground",
    "prune": "remove what the design does not need any more",
    "status": "what is done, what failed, what is running",
}
FOR_RULES = ("plan", "run", "tasks", "outcome", "check")
# These read and write tables and run nothing of the study's.
WITHOUT_CODE = ("run", "tasks", "outcome", "status")


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m snakestudy VERB [--help]\n")
        print("\n".join(f"  {verb:10}{text}" for verb, text in FOR_PEOPLE.items()))
        return 0 if arguments else 2
    verb, *rest = arguments
    try:
        if verb not in FOR_PEOPLE and verb not in FOR_RULES:
            raise UserError("is no verb", value=verb, fix=nearest(verb, FOR_PEOPLE))
        with imports():
            if verb in WITHOUT_CODE and verb != "run":
                block_unneeded()
            module = importlib.import_module(f"snakestudy.commands.{verb}")
        return module.main(rest)
    except (UserError, OSError) as error:
        print(f"snakestudy: {for_users(error)}", file=sys.stderr)
    return 1


def open_standard_streams() -> None:
    """Open those that this process was started without (`snakemake <&-`), on nothing.

    Files that are opened later would take their numbers, and what prints would write to these.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)  # the lowest number that is free
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


if __name__ == "__main__":
    open_standard_streams()
    if sys.getfilesystemencoding() != "utf-8":  # texts are UTF-8 here, whatever the locale says
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    status = main(sys.argv[1:])
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_CODE:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        os._exit(status)  # taking Python and pyarrow down is a tenth of a small visit
    sys.exit(status)
