"""Names that parameters and labels may have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Set

from snakestudy.errors import UserError
from snakestudy.layout import RESERVED_PARAMETERS


def check_label(label: str, parameters: Set[str]) -> None:
    """Refuse a label that is a parameter, too."""
    if label in parameters:
        raise UserError("is a label and a parameter", value=label, fix="Rename one of them.")


def form(name: str) -> str:
    """What many programs, and people, take a name for.

    >>> form("R0") == form("r0"), form("\u00b5") == form("\u03bc"), form("a") == form("b")
    (True, True, False)
    """
    return unicodedata.normalize("NFKC", name).casefold()


def near_names(names: Iterable[str]) -> list[str]:
    """A word on names that many programs take for one."""
    seen: dict[str, str] = {}
    pairs = [(seen.setdefault(form(name), name), name) for name in sorted(names)]
    return [
        f"{one} and {other} differ in nothing but case or form: DuckDB takes them for one name"
        for one, other in pairs
        if one != other
    ]


def check_names(names: Iterable[str]) -> None:
    """Refuse names that no table, mapping or placeholder can carry."""
    names = sorted(names)
    composed: dict[str, str] = {}
    for name in names:
        same = composed.setdefault(unicodedata.normalize("NFC", name), name)
        parents = [other for other in names if name.startswith(other + ".")]
        if name in RESERVED_PARAMETERS:
            problem = "is a reserved name"
        elif not all(name.split(".")) or name.strip() != name or re.search(r"[{}\x00-\x1f]", name):
            problem = "is an empty name or has braces, control characters or outer spaces"
        elif name.startswith("_"):
            problem = "starts with _, which the template keeps for itself"
        elif same != name:
            problem = f"is there twice: as {same!a} and as {name!a} of Unicode"
        elif parents:
            problem = f"is inside {parents[0]}, which has a value of its own"
        else:
            continue
        raise UserError(problem, key="design", value=name, fix="Rename the parameter.")
