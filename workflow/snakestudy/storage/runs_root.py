"""`runs_root`: run directories on other storage, where the link runs/ leads."""

from __future__ import annotations

import os
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.layout import Layout

_OWNER = ".study"  # in the directory that runs/ leads to: the study whose run directories these are


def check(root: str | None, study: str, layout: Layout) -> Path | None:
    """Where runs/ is to lead; None if it is a plain directory of the study.

    Raises:
        UserError: if run directories would be lost from sight, or mixed with another study's.
    """
    if root is None:
        return None
    place = os.path.expanduser(os.path.expandvars(root))
    if not os.path.isabs(place) or "$" in place:
        problem = "has a variable that is not set" if "$" in place else "is not absolute"
        raise UserError(problem, key="runs_root", value=root)
    target, runs = Path(place, study), layout.runs
    if runs.is_symlink():
        if Path(os.readlink(runs)) != target:
            raise UserError(
                f"{runs} leads to {os.readlink(runs)}",
                key="runs_root",
                value=root,
                fix=f"Move that directory to {target}, and remove the link {runs}.",
            )
    elif runs.exists() and any(runs.iterdir()):
        raise UserError(
            f"there are run directories in {runs} already",
            key="runs_root",
            value=root,
            fix=f"Move it there: mkdir -p {place} && mv {runs} {target}",
        )
    owner = _owner(target)
    if owner and owner != Path.cwd() and os.path.realpath(owner / runs) == os.path.realpath(target):
        raise UserError(
            f"{target} has the run directories of the study in {owner}",
            key="runs_root",
            value=root,
            fix="Give one of the two studies another name, or another runs_root.",
        )
    return target


def link(target: Path, layout: Layout) -> None:
    """Make runs/ lead to a directory; what `check` has found right."""
    target.mkdir(parents=True, exist_ok=True)
    (target / _OWNER).write_bytes(os.fsencode(Path.cwd()))
    if not layout.runs.is_symlink():
        if layout.runs.exists():
            layout.runs.rmdir()
        layout.runs.parent.mkdir(parents=True, exist_ok=True)
        layout.runs.symlink_to(target)


def _owner(target: Path) -> Path | None:
    try:
        return Path(os.fsdecode((target / _OWNER).read_bytes()))
    except OSError:
        return None
