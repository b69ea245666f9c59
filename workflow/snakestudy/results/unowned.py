"""What lies in results/ and is no table of the newest plan: removed if it is ours, else set aside.

Readers take every file of results/{metric}/ for a part of the metric. So there only lies what an
active chunk owns, by what a file says of itself, not by its name.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.layout import CHUNK, RESERVED_METRICS, Layout, files_of_table, metadata_table
from snakestudy.messages import pluralize
from snakestudy.storage.documents import Footer, PlanRecord
from snakestudy.storage.part_tables import footer_in
from snakestudy.tables.arrow import Unreadable, schema_of


def clear_unowned(layout: Layout, record: PlanRecord) -> None:
    """Leave nothing in results/ that reads as a table but is none of the newest plan.

    What chunks and metrics left that are no more lies in the store and is removed. What cannot be
    read or comes from elsewhere (copies that users made among it) is moved to results/.aside/.

    Raises:
        UserError: if that was a file that a chunk needs, or one is of a newer format.
    """
    owned = {*record.tables}
    aside = []
    for table in _tables(layout, owned):
        directory = layout.results / table
        for path in files_of_table(directory, is_nested=table in owned):
            is_needed = table in owned and path.stem in record.chunks
            is_needed = is_needed and path.parent == directory
            is_ours = path.parent == directory and _is_where_it_was_written(path, table)
            if is_ours and not is_needed:
                path.unlink()
            elif not is_ours and (table in owned or _may_have_been_ours(path)):
                _set_aside(path, layout)
                aside += [path] * is_needed
        if table not in owned and not any(directory.iterdir()):
            directory.rmdir()
    if aside:
        raise UserError(
            f"{pluralize(len(aside), 'file')} of results could not be read, or came from elsewhere",
            file=str(aside[0]),
            fix=f"Run snakemake again: it is made anew; what lay there is in {_place(layout)}.",
        )


def _tables(layout: Layout, owned: set[str]) -> list[str]:
    """Directories that hold a table, or may have held one."""
    there = [*layout.results.glob("[!.]*/"), *layout.results.glob("metadata/*/")]
    names = {str(path.relative_to(layout.results)) for path in there} - RESERVED_METRICS
    return sorted(names | {name for name in owned if (layout.results / name).is_dir()})


def _is_where_it_was_written(path: Path, table: str) -> bool:
    """Whether it is the output of the chunk whose name it has.

    Raises:
        UserError: if it is of a newer format.
    """
    footer = _footer(path)
    written = metadata_table(footer.step) if footer.table == "metadata" else footer.table
    return (footer.chunk, written) == (path.stem, table)


def _may_have_been_ours(path: Path) -> bool:
    """Whether it is called like a chunk's output and cannot be read."""
    if not re.fullmatch(CHUNK, path.stem):
        return False
    try:
        schema_of(path)
    except Unreadable:
        return True
    return False


def _footer(path: Path) -> Footer:
    """An empty one where there is none to be read."""
    try:
        return footer_in(schema_of(path), path)
    except (Unreadable, FileNotFoundError, ValueError, TypeError, AttributeError):
        return Footer("", 0)


def _place(layout: Layout) -> Path:
    return layout.results / ".aside"


def _set_aside(path: Path, layout: Layout) -> None:
    """Move a file to where no reader looks, under a name that is free."""
    target = _place(layout) / path.relative_to(layout.results)
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while os.path.lexists(target):
        number += 1
        target = target.with_name(f"{path.stem}.{number}.parquet")
    path.rename(target)
    words = f"{path} is no file of the study as planned, or damaged; it is now {target}"
    print(words, file=sys.stderr, flush=True)
