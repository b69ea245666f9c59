"""The study's git repository, if it is in one."""

from __future__ import annotations

import os
import subprocess

from snakestudy.errors import UserError

PATHS = ("config", "scripts")  # what is committed


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, timeout=60, encoding="utf-8", errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def commit() -> str | None:
    """The study's git commit, with + if there are changes beside it; None without git."""
    found = _git("describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*")
    return found.stdout.strip() or None


def check() -> None:
    """
    Raises:
        UserError: if config/ and scripts/ cannot be committed.
    """
    key = {"key": "git", "value": True}
    if _git("rev-parse", "--is-inside-work-tree").stdout.strip() != "true":
        raise UserError(
            "the study is in no git repository", fix="Say git init, or git: false.", **key
        )
    if _git("ls-files", "--unmerged").stdout.strip():
        raise UserError(
            "the repository has conflicts", fix="Resolve and commit them, or git: false.", **key
        )
    for name in ("user.name", "user.email"):
        if not _git("config", name).stdout.strip():
            fix = f"Say git config {name} '...', or git: false."
            raise UserError(f"git knows no {name}", fix=fix, **key)


def commit_study(message: str) -> None:
    """Commit what changed in config/ and scripts/, and nothing else.

    Raises:
        UserError: if git refuses, with its words.
    """
    paths = [path for path in PATHS if os.path.isdir(path)]
    _git("add", "--", *paths)
    if not _git("diff", "--cached", "--name-only", "--", *paths).stdout.strip():
        return
    done = _git("commit", "--quiet", "--message", message, "--only", "--", *paths)
    if done.returncode:
        raise UserError(
            f"git commit failed: {(done.stderr or done.stdout).strip()}", key="git", value=True
        )
