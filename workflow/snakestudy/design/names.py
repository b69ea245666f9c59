"""Names that parameters and labels may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set

from snakestudy.errors import UserError
from snakestudy.layout import RESERVED_PARAMETERS


def check_label(label: str, parameters: Set[str]) -> None:
    """Refuse a label that is a parameter, too."""
    if label in parameters:
        raise UserError("is a label and a parameter", value=label, fix="Rename one of them.")


def check_names(names: Iterable[str]) -> None:
    """Refuse names that no table, mapping or placeholder can carry."""
    names = sorted(names)
    for name in names:
        parents = [other for other in names if name.startswith(other + ".")]
        if name in RESERVED_PARAMETERS:
            problem = "is a reserved name"
        elif not all(name.split(".")) or name.strip() != name or re.search(r"[{}\x00-\x1f]", name):
            problem = "is an empty name or has braces, control characters or outer spaces"
        elif name.startswith("_"):
            problem = "starts with _, which the template keeps for itself"
        elif parents:
            problem = f"is inside {parents[0]}, which has a value of its own"
        else:
            continue
        raise UserError(problem, key="design", value=name, fix="Rename the parameter.")
