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
    """What is different between two environments; host and paths do not count.

    >>> old = {"python": "3.11.7", "platform": "L", "packages": {"a": "1", "b": "1"}}
    >>> new = {"python": "3.12.1", "platform": "L", "packages": {"a": "2", "c": "1"}}
    >>> changes_in_words(old, new)
    ['python 3.11.7 -> 3.12.1', 'a 1 -> 2', 'b 1 removed', 'c 1 added']
    """
    words = [f"{n} {old[n]} -> {new[n]}" for n in ("python", "platform") if old[n] != new[n]]
    before, after = old["packages"], new["packages"]
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            words.append(f"{name} {before[name]} removed")
        elif name not in before:
            words.append(f"{name} {after[name]} added")
        elif before[name] != after[name]:
            words.append(f"{name} {before[name]} -> {after[name]}")
    return words
