"""Text tables: csv, tsv, whitespace as columns, numbers where it reads so."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from snakestudy.values import parse_number

Columns = dict[str, list[Any]]


def read_text_table(path: Path, separator: str | None = None) -> Columns:
    """A text table as columns: name -> values.

    Args:
        path: UTF-8 text with a header line; `separator` None means white space, where a
            header may stand behind `#` and columns without one are called c0, c1, ...
        separator: the character between columns.

    Raises:
        ValueError: if there is no header, a column is doubled or unnamed, or a line is too
            long or too short.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        if separator is None:
            header, rows = _whitespace(file.read().splitlines())
        else:
            rows = _rows(file, separator)
            if not rows:
                raise ValueError("the file is empty; it needs a header line")
            header = [name.strip() for name in rows.pop(0)]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled or "" in header:
        raise ValueError(f"column {doubled[0]!r} is doubled" if doubled else "a column has no name")
    for position, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(f"row {position} has {len(row)} fields, the header {len(header)}")
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return {name: parse_numbers(column) for name, column in zip(header, columns, strict=True)}


def _rows(file: TextIO, separator: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(file, delimiter=separator, strict=True) if row]
    except csv.Error as error:
        raise ValueError(str(error)) from None


def parse_numbers(texts: Sequence[str]) -> list[Any]:
    """A column of texts as numbers if every one that is not empty reads as a number.

    >>> parse_numbers(["1", "2.5", ""]), parse_numbers(["1", "a"])
    ([1, 2.5, None], ['1', 'a'])
    >>> parse_numbers(["true", "false"])
    [True, False]
    """
    if set(texts) <= {"true", "false", "True", "False"}:
        return [text in ("true", "True") for text in texts]
    values = [parse_number(text) for text in texts]
    if any(isinstance(value, str) for value in values):
        return [text if text != "" else None for text in texts]
    return values


def _whitespace(lines: list[str]) -> tuple[list[str], list[list[str]]]:
    comments = [line.lstrip("# ").split() for line in lines if line.startswith("#")]
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    if not rows:
        return (comments[-1] if comments else []), []
    width = len(rows[0])
    named = next((words for words in reversed(comments) if len(words) == width), None)
    if named is None and any(isinstance(parse_number(word), str) for word in rows[0]):
        return rows[0], rows[1:]
    return named or [f"c{i}" for i in range(width)], rows
