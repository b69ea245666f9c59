"""The site where jobs run: config/site.yaml, told to jobs by their environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from snakestudy.errors import UserError

_FILE = Path("config/site.yaml")
_SITE = "SNAKESTUDY_SITE"  # told to jobs by their environment


def read_site() -> dict[str, Any]:
    """What jobs of this site ask for, from config/site.yaml: resource -> value.

    Raises:
        UserError: if the file is no mapping of names to numbers and words.
    """
    text = _FILE.read_text(encoding="utf-8") if _FILE.exists() else ""
    from snakestudy.config.yaml12 import read_yaml  # jobs do without

    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    asked = read_yaml(str(_FILE), text) if any(lines) else {}
    for name, value in asked.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UserError(
                "is neither a number nor a word", file=str(_FILE), key=str(name), value=value
            )
    return asked


def tell_site(site: dict[str, Any]) -> None:
    """Tell jobs, by their environment, what they ask for on this site."""
    os.environ[_SITE] = json.dumps(site)


def is_on_cluster() -> bool:
    """Whether this process's job was submitted somewhere, and nobody sees what it prints."""
    return _SITE in os.environ


def submitted_site() -> dict[str, Any]:
    """The site as it was when this process's job was submitted."""
    return json.loads(os.environ.get(_SITE, "{}"))
