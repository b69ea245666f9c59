"""What a study runs in: Python, platform, installed versions; and what changed since."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def environment() -> dict[str, Any]:
    """Python, platform, host, and name -> version of what is installed."""
    paths = (path.name for place in sys.path for path in Path(place).glob("*.dist-info"))
    packages = (name.removesuffix(".dist-info").rsplit("-", 1) for name in paths)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "host": platform.node(),
        "packages": dict(sorted(packages)),
    }


def changes_in_words(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is different between two environments and commits; host and paths do not count.

    >>> old = {"python": "3.11", "platform": "L", "commit": None, "packages": {"a": "1", "b": "1"}}
    >>> new = {"python": "3.12", "platform": "L", "commit": "ab+", "packages": {"a": "2", "c": "1"}}
    >>> changes_in_words(old, new)
    ['python 3.11 -> 3.12', 'commit none -> ab+', 'a 1 -> 2', 'b 1 removed', 'c 1 added']
    """
    names = [name for name in ("python", "platform", "commit") if old[name] != new[name]]
    words = [f"{name} {_short(old[name])} -> {_short(new[name])}" for name in names]
    before, after = old["packages"], new["packages"]
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            words.append(f"{name} {before[name]} removed")
        elif name not in before:
            words.append(f"{name} {after[name]} added")
        elif before[name] != after[name]:
            words.append(f"{name} {before[name]} -> {after[name]}")
    return words


def _short(value: str | None) -> str:
    """A commit's first digits, and whether there were changes beside it; others as they are."""
    if value is None:
        return "none"
    digits = value.removesuffix("+")
    return digits[:10] + value[len(digits) :] if len(digits) == 40 else value
