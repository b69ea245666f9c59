"""Parameter sets from outside the configuration: tables, Python, results of a study."""

from __future__ import annotations

import reprlib
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import chdir, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Any

import numpy

from snakestudy.config.functions import load_function
from snakestudy.design.columns import Column, Part, check_size, combined, from_columns
from snakestudy.errors import RowError, UserError
from snakestudy.tables.formats import read_file
from snakestudy.tables.rows import as_columns

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".feather", ".parquet")


def from_table(path: str) -> Part:
    """A set for each row of a file."""
    if path.startswith("-") or not Path(path).is_file():
        raise UserError("is no file", value=path, fix="Write a path relative to the study.")
    if Path(path).suffix.lower() not in TABLES:
        names = ", ".join(suffix[1:] for suffix in TABLES)
        raise UserError("is of no known kind", value=path, fix=f"Use {names}.")
    try:
        count, columns = as_columns(read_file(Path(path)), set())
    except (OSError, ValueError, RowError) as error:
        raise UserError(f"cannot be read: {error}", value=path) from None
    if not count or not columns:
        raise UserError("has no row", value=path)
    return _as_part(columns, path)


def from_python(target: str, limit: int) -> Part:
    """The sets that a callable of the study yields or returns.

    Args:
        target: `path/to/file.py:function`, called without arguments.

    Raises:
        UserError: if it fails (with the traceback from the user's file on), gives nothing,
            too much, or mappings with unequal keys.
    """
    places = list(sys.path)
    try:
        # Stdout may be Snakemake's, for --dag; and Snakemake still has modules to import.
        with redirect_stdout(sys.stderr), chdir("."):
            given = load_function(target, Path.cwd())()
            if not _is_table(given):
                given = [_own(one) for one in islice(_iterable(given), limit + 1)]
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"fails:\n{_traceback(error, target)}", value=target) from None
    finally:
        sys.path[:] = places
    if not _is_table(given):
        return _from_mappings(given, target, limit)
    try:
        count, columns = as_columns(given, set())
    except RowError as error:
        raise UserError(f"gives {error}", value=target) from None
    check_size(count, limit)
    if not count:
        raise UserError("gives no parameter set", value=target)
    if hasattr(given, "isna"):  # for pandas, NaN is what is missing
        columns = {n: [None if v != v else v for v in values] for n, values in columns.items()}
    if not columns:
        raise UserError("gives no parameter set", value=target)
    return _as_part(columns, target)


def _as_part(columns: Mapping[str, Iterable[Any]], source: str) -> Part:
    try:
        return from_columns(columns)
    except UserError as error:
        raise UserError(error.problem, value=source) from None


def _own(one: Any) -> Any:
    """A copy, should the callable yield one mapping again and again."""
    return dict(one) if isinstance(one, Mapping) else one


def _is_table(given: Any) -> bool:
    return hasattr(given, "shape") and hasattr(given, "columns")


def _iterable(given: Any) -> Iterable[Any]:
    if isinstance(given, (Mapping, str)) or not isinstance(given, Iterable):
        kind = type(given).__name__
        raise UserError(
            f"gives a {kind}", fix="Yield mappings, or return a list of them or a DataFrame."
        )
    return given


def _from_mappings(given: list[Any], target: str, limit: int) -> Part:
    if len(given) > limit:
        raise UserError(
            f"gives more than design_limit ({limit:,}) parameter sets",
            value=target,
            fix="If that is meant, write a larger design_limit beside design.",
        )
    if not given or (isinstance(given[0], Mapping) and not given[0]):
        raise UserError("gives no parameter set", value=target)
    for number, one in enumerate(given):
        if not isinstance(one, Mapping) or not all(isinstance(name, str) for name in one):
            raise UserError(
                f"gives {reprlib.repr(one)} as set {number}",
                value=target,
                fix="Give mappings of names.",
            )
        if one.keys() != given[0].keys():
            lacks, more = sorted(given[0].keys() - one.keys()), sorted(one.keys() - given[0].keys())
            words = [f"lacks {', '.join(lacks)}"] * bool(lacks)
            words += [f"has {', '.join(more)}"] * bool(more)
            raise UserError(
                f"gives unequal keys: set {number} {' and '.join(words)} unlike set 0",
                value=target,
                fix="Give each set the same names; None is null.",
            )
    return _as_part({name: [one[name] for one in given] for name in given[0]}, target)


def _traceback(error: BaseException, target: str) -> str:
    """The traceback from the first line of the user's file on."""
    path = str(Path(target.rpartition(":")[0]).resolve())
    found = traceback.TracebackException.from_exception(error)
    inside = [i for i, frame in enumerate(found.stack) if frame.filename == path]
    found.stack = traceback.StackSummary.from_list(found.stack[inside[0] :] if inside else [])
    return "".join(found.format()).rstrip()


def distinct(part: Part) -> Part:
    """The sets of a part, each once, in order of first appearance."""
    keys = combined(part.values())
    rows = numpy.sort(numpy.unique(keys, return_index=True)[1])
    return {name: column.take(rows) for name, column in part.items()}


def encoded(values: Iterable[Any], key: Callable[[Any], Any]) -> Column:
    """Values as a column that holds each (by its key) once."""
    known: dict[Any, int] = {}
    kept: list[Any] = []
    codes = []
    for value in values:
        code = -1 if value is None else known.setdefault(key(value), len(known))
        if code == len(kept):
            kept.append(value)
        codes.append(code)
    return Column(tuple(kept), numpy.array(codes, dtype=numpy.int32))
