"""`table`: a parameter set for each row of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor
from snakestudy.errors import RowError, UserError


def expand(path: str, _: ExpandContext) -> list[Factor]:
    """
    Raises:
        UserError: if there is no such file, it cannot be read, or it has no row.
    """
    from snakestudy.design.columns import from_source
    from snakestudy.tables.formats import FORMATS, read_file
    from snakestudy.tables.pieces import as_list
    from snakestudy.tables.rows import as_columns

    if path.startswith("-") or not Path(path).is_file():
        raise UserError("is no file", value=path, fix="Write a path relative to the study.")
    known = [suffix for suffix, file_format in FORMATS.items() if file_format.for_designs]
    if Path(path).suffix.lower() not in known:
        names = ", ".join(suffix[1:] for suffix in known)
        raise UserError("is of no known kind", value=path, fix=f"Use {names}.")
    try:
        count, pieces = as_columns(_sets(read_file(Path(path))), set())
        columns = {name: as_list(piece) for name, piece in pieces.items()}
    except (OSError, ValueError, RowError) as error:
        raise UserError(f"cannot be read: {error}", value=path) from None
    if not count or not columns:
        raise UserError("has no row", value=path)
    return [Factor(from_source(columns, path))]


def _sets(rows: Any) -> Any:
    """Rows of a file; texts of one that is text are numbers or not for each column of it.

    Parameters are known by these values: they must not change with what metrics read.
    """
    from snakestudy.tables.pieces import Tokens
    from snakestudy.tables.text import parse_numbers

    if isinstance(rows, (int, float)):
        raise RowError(f"a {type(rows).__name__} is no rows")
    if not isinstance(rows, dict):
        return rows
    is_text = {name: isinstance(values, Tokens) for name, values in rows.items()}
    return {n: parse_numbers(values) if is_text[n] else values for n, values in rows.items()}


KIND = BlockKind("table", expand, files=lambda path, _: [path])
