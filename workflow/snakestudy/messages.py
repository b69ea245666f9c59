"""Words for people: values, numbers, the nearest known word, tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def format_value(value: Any, limit: int = 80) -> str:
    """A value as it would be written in YAML's flow style, cut to a readable length."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def pluralize(number: int, noun: str) -> str:
    """
    >>> pluralize(1, "new task"), pluralize(2000, "chunk")
    ('1 new task', '2,000 chunks')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """A sentence that names the known word nearest to a misspelt one, else all of them.

    >>> nearest("comand", ["command", "setup"])
    'Did you mean command?'
    >>> nearest("x", ["command", "setup"])
    'Known: command, setup.'
    """
    known = sorted(known)
    meant = similar(word, known)
    if meant is not None:
        return f"Did you mean {meant}?"
    return f"Known: {', '.join(known)}." if known else "None is known here."


def similar(word: str, known: Iterable[str]) -> str | None:
    """The known word that may be meant by a misspelt one; None if none looks like it.

    >>> similar("linspce", ["linspace", "range"]), similar("x", ["linspace", "range"])
    ('linspace', None)
    """
    import difflib  # seldom needed, and 1 % of a small visit

    return next(iter(difflib.get_close_matches(str(word), sorted(known), n=1)), None)


def aligned(names: list[str], rows: list[list[str]]) -> str:
    """A table for people: columns to the right, two spaces between.

    >>> print(aligned(["a", "bb"], [["10", "x"]]))
     a  bb
    10   x
    """
    widths = [max(map(len, cells)) for cells in zip(names, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in [names, *rows]
    )
