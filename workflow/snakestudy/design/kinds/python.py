"""`python`: the sets that a callable of the study yields or returns."""

from __future__ import annotations

import reprlib
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakestudy.config.functions import load_function
from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor, Sha
from snakestudy.errors import RowError, UserError
from snakestudy.provenance.code import named_files, python_files
from snakestudy.tables.pieces import as_list
from snakestudy.tables.rows import as_columns

if TYPE_CHECKING:
    from snakestudy.design.columns import ParameterColumns


def expand(target: str, context: ExpandContext) -> list[Factor]:
    """
    Args:
        target: `path/to/file.py:function`, called without arguments.

    Raises:
        UserError: if it fails (with the traceback from the user's file on), gives nothing,
            too much, or mappings with unequal keys.
    """
    try:
        with _left_as_it_was():
            sets = load_function(target, Path.cwd())()
            if not _is_table(sets):
                sets = [_copy(item) for item in islice(_iterable(sets), context.limit + 1)]
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"fails:\n{_traceback(error, target)}", value=target) from None
    read = _from_table if _is_table(sets) else _from_mappings
    return [Factor(read(sets, target, context.limit))]


def files(target: str, sha: Sha) -> list[str]:
    """Its code, modules of the study that it imports, and files that these name."""
    code = python_files(target, "python", sha)
    return [path for module in code for path in (module, *named_files(module))]


@contextmanager
def _left_as_it_was() -> Iterator[None]:
    """Within this, code of the study's may print, change directory and extend sys.path."""
    search_path = list(sys.path)
    try:
        # Stdout may be Snakemake's, for --dag; and Snakemake still has modules to import.
        with redirect_stdout(sys.stderr), chdir("."):
            yield
    finally:
        sys.path[:] = search_path


def _is_table(given: Any) -> bool:
    return hasattr(given, "shape") and hasattr(given, "columns")


def _iterable(given: Any) -> Iterable[Any]:
    if isinstance(given, (Mapping, str)) or not isinstance(given, Iterable):
        kind = type(given).__name__
        raise UserError(
            f"gives a {kind}", fix="Yield mappings, or return a list of them or a DataFrame."
        )
    return given


def _copy(item: Any) -> Any:
    """A copy of a mapping, should the callable yield one again and again."""
    return dict(item) if isinstance(item, Mapping) else item


def _from_table(table: Any, target: str, limit: int) -> ParameterColumns:
    from snakestudy.design.columns import check_size, from_source

    if hasattr(table, "isna"):
        table = _without_rows_names(table, target)
    try:
        count, pieces = as_columns(table, set())
        columns = {name: as_list(piece) for name, piece in pieces.items()}
    except RowError as error:
        raise UserError(f"gives {error}", value=target) from None
    check_size(count, limit)
    if not count or not columns:
        raise UserError("gives no parameter set", value=target)
    if hasattr(table, "isna"):  # for pandas, NaN is what is missing
        columns = {n: [None if v != v else v for v in values] for n, values in columns.items()}
    return from_source(columns, target)


def _without_rows_names(frame: Any, target: str) -> Any:
    """A frame of pandas; an index without names is what a filter left, and no parameter."""
    names = [name for name in frame.columns if not isinstance(name, str)]
    if names:
        raise UserError(f"gives a frame; the column name {names[0]!r} is no text", value=target)
    if all(name is None for name in frame.index.names):
        return frame.reset_index(drop=True)
    return frame


def _from_mappings(sets: list[Any], target: str, limit: int) -> ParameterColumns:
    from snakestudy.design.columns import from_source

    if len(sets) > limit:
        raise UserError(
            f"gives more than design_limit ({limit:,}) parameter sets",
            value=target,
            fix="If that is meant, write a larger design_limit beside design.",
        )
    if not sets or (isinstance(sets[0], Mapping) and not sets[0]):
        raise UserError("gives no parameter set", value=target)
    for number, item in enumerate(sets):
        if not isinstance(item, Mapping) or not all(isinstance(name, str) for name in item):
            raise UserError(
                f"gives {reprlib.repr(item)} as set {number}",
                value=target,
                fix="Give mappings of names.",
            )
        if item.keys() != sets[0].keys():
            raise UserError(
                f"gives unequal keys: set {number} {_difference(item, sets[0])} unlike set 0",
                value=target,
                fix="Give each set the same names; None is null.",
            )
    return from_source({name: [item[name] for item in sets] for name in sets[0]}, target)


def _difference(item: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """What names a set lacks or has, unlike the first one."""
    lacks, more = sorted(first.keys() - item.keys()), sorted(item.keys() - first.keys())
    words = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"has {', '.join(more)}"] * bool(more)
    return " and ".join(words)


def _traceback(error: BaseException, target: str) -> str:
    """The traceback from the first line of the user's file on."""
    path = str(Path(target.rpartition(":")[0]).resolve())
    told = traceback.TracebackException.from_exception(error)
    inside = [i for i, frame in enumerate(told.stack) if frame.filename == path]
    told.stack = traceback.StackSummary.from_list(told.stack[inside[0] :] if inside else [])
    return "".join(told.format()).rstrip()


KIND = BlockKind("python", expand, files=files, runs_python=True)
