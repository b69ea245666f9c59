"""The design: blocks of a configuration -> the parameter sets they declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from . import _expr
from ._axes import Column, Part, axis, from_rows, from_table, plain_list, zipped
from ._errors import UserError, counted, nearest, shown
from ._layout import RESERVED_PARAMETERS
from ._values import canonical, fragment, id_of


@dataclass(frozen=True)
class Design:
    """Parameter sets as columns, parameters first, then the derived; ids unique, in order."""

    columns: dict[str, Column]
    derived: tuple[str, ...]
    ids: list[str]
    notes: tuple[str, ...] = ()  # what was dropped, for people

    @property
    def size(self) -> int:
        return len(self.ids)


def expand(blocks: Sequence[Mapping[str, Any]], derive: Mapping[str, str]) -> Design:
    """The design that the blocks of a configuration declare, without doubled sets.

    Raises:
        UserError: naming the block and key that cannot be expanded.
    """
    formulas = _parsed(derive)
    parts, notes = [], []
    for number, block in enumerate(blocks):
        key = "design" if len(blocks) == 1 else f"design.{number}"
        try:
            part, removed = _block(block, formulas)
        except UserError as error:
            derived = (error.key or "").startswith("derive.")
            raise error if derived else error.under(key) from None
        parts.append(part)
        if removed:
            notes.append(f"{counted(removed, 'set')} removed by {key}.where")
    columns = _stack(parts)
    columns = dict(sorted(columns.items(), key=lambda item: item[0] in formulas))
    check_names(columns)
    known = {name for name in columns if name not in formulas}
    for name, tree in formulas.items():
        if name not in columns:
            unknown = sorted(_expr.names(tree) - known - set(formulas))
            if not unknown:
                raise UserError("no block has all that it reads", key=f"derive.{name}")
            raise UserError(
                f"{unknown[0]} is no parameter",
                key=f"derive.{name}",
                fix=nearest(unknown[0], known),
            )
    ids = task_ids({name: columns[name] for name in columns if name in known})
    unique = _first_of_each(ids)
    if len(unique) < len(ids):
        notes.append(f"{counted(len(ids) - len(unique), 'doubled set')} dropped")
        columns = {name: column.take(unique) for name, column in columns.items()}
        ids = [ids[row] for row in unique.tolist()]
    return Design(columns, tuple(formulas), ids, tuple(notes))


def task_ids(columns: Mapping[str, Column]) -> list[str]:
    """The task_id of every set; each distinct value is written as JSON once."""
    words = []
    for name in sorted(columns):
        fragments = [*(fragment(name, value) for value in columns[name].values), ""]
        words.append([fragments[code] for code in columns[name].codes.tolist()])
    return [id_of(row) for row in zip(*words, strict=True)]


def check_names(names: Iterable[str]) -> None:
    """Refuse names that no table, mapping or placeholder can carry."""
    names = list(names)
    for name in names:
        if name in RESERVED_PARAMETERS:
            raise UserError(
                "is a reserved name", key="design", value=name, fix="Rename the parameter."
            )
        if not all(name.split(".")) or name.strip() != name or re.search(r"[{}\x00-\x1f]", name):
            raise UserError(
                "is an empty name or has braces, control characters or outer spaces",
                key="design",
                value=name,
                fix="Rename the parameter.",
            )
        if name.startswith("_"):
            raise UserError(
                "starts with _, which the template keeps for itself",
                key="design",
                value=name,
                fix="Rename the parameter.",
            )
        parents = [other for other in names if name.startswith(other + ".")]
        if parents:
            raise UserError(
                f"is inside {parents[0]}, which has a value of its own",
                key="design",
                value=name,
                fix="Rename one of them.",
            )


def _block(block: Mapping[str, Any], formulas: Mapping[str, Any]) -> tuple[Part, int]:
    """The sets of one block, with what is derived, and how many `where` removed."""
    parts: list[tuple[str, Part]] = []
    for name, value in block.get("grid", {}).items():
        parts.append(("grid", {name: Column.of(_at(f"grid.{name}", axis, value))}))
    groups = block.get("zip", [])
    for group in [groups] if isinstance(groups, Mapping) else groups:
        parts.append(("zip", _at("zip", zipped, group)))
    if "rows" in block:
        parts.append(("rows", _at("rows", from_rows, block["rows"])))
    if "table" in block:
        parts.append(("table", _at("table", from_table, block["table"])))
    if "seeds" in block:
        seeds = block["seeds"]
        values = plain_list(seeds) if isinstance(seeds, list) else range(int(seeds))
        parts.append(("seeds", {"seed": Column.of(values)}))
    if not parts:
        raise UserError("declares no parameter", fix="Write grid, zip, rows, table or seeds.")
    part = derived_columns(_product(parts), formulas)
    if "where" not in block:
        return part, 0
    keep = _at("where", _holds, block["where"], part)
    return {name: column.take(keep) for name, column in part.items()}, _size(part) - len(keep)


def _at(key: str, function: Any, *arguments: Any) -> Any:
    """Call the function; an error it raises lies at this key."""
    try:
        return function(*arguments)
    except UserError as error:
        raise error.under(key) from None


def _size(part: Part) -> int:
    return len(next(iter(part.values())).codes)


def _product(parts: Sequence[tuple[str, Part]]) -> Part:
    """Every combination of the parts, the last one fastest."""
    seen: dict[str, str] = {}
    for kind, part in parts:
        for name in part:
            if name in seen:
                raise UserError(
                    f"is set by {seen[name]} and by {kind} of one block",
                    value=name,
                    fix="Keep one of them.",
                )
            seen[name] = kind
    sizes = [_size(part) for _, part in parts]
    product: Part = {}
    inner = total = int(numpy.prod(sizes))
    for (_, part), size in zip(parts, sizes, strict=True):
        inner //= size
        rows = numpy.tile(numpy.repeat(numpy.arange(size), inner), total // (size * inner))
        product.update({name: column.take(rows) for name, column in part.items()})
    return product


def _stack(parts: Sequence[Part]) -> Part:
    """The parts under each other; a name that one lacks is null there."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    stacked: Part = {}
    for name in names:
        values: list[Any] = []
        codes = []
        for part in parts:
            if name not in part:
                codes.append(numpy.full(_size(part), -1, dtype=numpy.int32))
                continue
            column = part[name]
            codes.append(numpy.where(column.codes < 0, -1, column.codes + len(values)))
            values.extend(column.values)
        stacked[name] = Column(tuple(values), numpy.concatenate(codes).astype(numpy.int32))
    return stacked


def _parsed(derive: Mapping[str, str]) -> dict[str, Any]:
    """Formulas in an order in which each reads only what comes before it."""
    trees = {}
    for name, text in derive.items():
        try:
            trees[name] = _expr.parse(text)
        except UserError as error:
            raise error.at(key=f"derive.{name}") from None
    ordered: dict[str, Any] = {}
    while len(ordered) < len(trees):
        ready = [
            name
            for name, tree in trees.items()
            if name not in ordered and not (_expr.names(tree) & trees.keys()) - ordered.keys()
        ]
        if not ready:
            circle = sorted(trees.keys() - ordered.keys())
            raise UserError("reads itself in a circle", key="derive", value=circle)
        ordered.update((name, trees[name]) for name in ready)
    return ordered


def derived_columns(part: Part, formulas: Mapping[str, Any]) -> Part:
    """The part with every formula whose names it has; null where it lacks one."""
    part = dict(part)
    for name, tree in formulas.items():
        if name in part:
            raise UserError("is a parameter and derived", value=name, fix="Rename one of them.")
        reads = _expr.names(tree)
        if not reads <= part.keys():
            continue
        part[name] = _at(
            f"derive.{name}", _derived, tree, {read: part[read] for read in reads}, part
        )
    return part


def _derived(tree: Any, reads: Part, part: Part) -> Column:
    """One formula's column: null where anything it reads is null."""
    codes = numpy.full(_size(part), -1, dtype=numpy.int32)
    there = numpy.all([column.codes >= 0 for column in reads.values()], axis=0)
    rows = numpy.flatnonzero(numpy.broadcast_to(there, codes.shape))
    arrays = {name: column.take(rows).array() for name, column in reads.items()}
    values = numpy.broadcast_to(_expr.evaluate(tree, arrays), len(rows)).tolist()
    for row, value in zip(rows, values, strict=True):
        if value != value or value in (float("inf"), float("-inf")):
            given = {
                name: column.take(numpy.array([row])).to_list()[0] for name, column in part.items()
            }
            raise UserError(f"gives {value} for {shown(given)}")
    codes[rows] = numpy.arange(len(rows))
    return Column(tuple(plain_list(values)), codes)


def _holds(where: str, part: Part) -> numpy.ndarray:
    values = {name: column.array() for name, column in part.items()}
    rows = numpy.flatnonzero(_expr.condition(where, values, _size(part)))
    if not len(rows):
        raise UserError("removes every parameter set", value=where)
    return rows


def _first_of_each(ids: list[str]) -> numpy.ndarray:
    if len(set(ids)) == len(ids):
        return numpy.arange(len(ids))
    first = {task_id: row for row, task_id in reversed(list(enumerate(ids)))}
    return numpy.array(sorted(first.values()))


def groups(columns: Sequence[Column], rows: list[int]) -> list[list[int]]:
    """The rows cut into groups that agree in all columns, in order of appearance."""
    found: dict[tuple, list[int]] = {}
    lists = [column.take(numpy.array(rows)).to_list() for column in columns]
    for row, *values in zip(rows, *lists, strict=True):
        found.setdefault(tuple(map(canonical, values)), []).append(row)
    return list(found.values())
