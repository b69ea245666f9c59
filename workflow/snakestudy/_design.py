"""The design: blocks of a configuration -> the parameter sets they declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from . import _expr
from ._errors import UserError, nearest, shown
from ._layout import RESERVED_PARAMETERS
from ._text import read_text_table
from ._values import canonical, fragment, id_of, plain

RANGES = ("linspace", "logspace", "geomspace", "range")


@dataclass(frozen=True)
class Column:
    """One parameter over all sets: `values[codes[i]]` is that of set i, null where the code is -1."""

    values: tuple[Any, ...]
    codes: numpy.ndarray

    @classmethod
    def of(cls, values: Iterable[Any]) -> Column:
        values = tuple(values)
        return cls(values, numpy.arange(len(values), dtype=numpy.int32))

    def take(self, rows: numpy.ndarray) -> Column:
        return Column(self.values, self.codes[rows])

    def to_list(self) -> list[Any]:
        values = (*self.values, None)  # code -1 is the last
        return [values[code] for code in self.codes.tolist()]

    def array(self) -> numpy.ndarray:
        """The values as numpy sees them: numbers as numbers, anything else as objects."""
        values = (*self.values, None) if (self.codes < 0).any() else self.values
        kinds = set(map(type, values))
        if kinds <= {int, float} or kinds in ({bool}, {str}):
            return numpy.array(values)[self.codes]
        array = numpy.empty(len(values), dtype=object)
        array[:] = values
        return array[self.codes]


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


Part = dict[str, Column]


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
            notes.append(f"{removed} sets removed by {key}.where")
    columns = _stack(parts)
    columns = dict(sorted(columns.items(), key=lambda item: item[0] in formulas))
    check_names(columns)
    known = {name for name in columns if name not in formulas}
    for name, tree in formulas.items():
        if name not in columns:
            unknown = sorted(_expr.names(tree) - known - set(formulas))
            raise UserError(
                f"{unknown[0]} is no parameter", key=f"derive.{name}", fix=nearest(unknown[0], known)
            )
    ids = task_ids({name: columns[name] for name in columns if name in known})
    unique = _first_of_each(ids)
    if len(unique) < len(ids):
        notes.append(f"{len(ids) - len(unique)} doubled sets dropped")
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


def axis(value: Any) -> list[Any]:
    """The values of one axis: a list, a range (linspace, ...) or a single value.

    >>> axis({"range": [0, 1, 0.25]}), axis({"geomspace": [1, 100, 3]}), axis(7)
    ([0, 0.25, 0.5, 0.75], [1.0, 10.0, 100.0], [7])
    """
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, arguments), *_ = value.items()
        if kind in RANGES:
            return _range(kind, arguments)
        if nearest(kind, RANGES).startswith("Did"):
            raise UserError("is no range", value=kind, fix=nearest(kind, RANGES))
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UserError("is empty", value=value, fix="Write at least one value.")
    return _plain_list(values)


def _block(block: Mapping[str, Any], formulas: Mapping[str, Any]) -> tuple[Part, int]:
    """The sets of one block, with what is derived, and how many `where` removed."""
    parts: list[tuple[str, Part]] = []
    for name, value in block.get("grid", {}).items():
        parts.append(("grid", {name: Column.of(_at(f"grid.{name}", axis, value))}))
    groups = block.get("zip", [])
    for group in [groups] if isinstance(groups, Mapping) else groups:
        parts.append(("zip", _at("zip", _zipped, group)))
    if "rows" in block:
        parts.append(("rows", _at("rows", _from_rows, block["rows"])))
    if "table" in block:
        parts.append(("table", _at("table", _from_table, block["table"])))
    if "seeds" in block:
        seeds = block["seeds"]
        values = _plain_list(seeds) if isinstance(seeds, list) else range(seeds)
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


def _range(kind: str, arguments: Any) -> list[Any]:
    form = "[start, stop, step]" if kind == "range" else "[start, stop, number]"
    numeric = isinstance(arguments, list) and all(type(item) in (int, float) for item in arguments)
    if not numeric or len(arguments) != 3 and not (kind == "range" and len(arguments) == 2):
        raise UserError(f"{kind} takes {form}", value=arguments)
    start, stop, count = [*arguments, 1][:3]
    if kind == "range":
        values = _arange(start, stop, count)
    elif type(count) is not int or count < 1:
        raise UserError(f"{kind} takes a whole number of values, at least 1", value=arguments)
    elif kind == "geomspace" and start * stop <= 0:
        raise UserError("geomspace takes ends of one sign, none of them 0", value=arguments)
    else:
        values = getattr(numpy, kind)(start, stop, count).tolist()
    if not values:
        raise UserError(f"{kind} is empty", value=arguments, fix=f"It takes {form}.")
    return _plain_list(values)


def _arange(start: float, stop: float, step: float) -> list[Any]:
    """From start in steps, ending before stop; decimal steps give the decimals one expects."""
    if step == 0:
        raise UserError("range takes a step that is not 0", value=[start, stop, step])
    from fractions import Fraction
    from math import ceil

    exact = [Fraction(repr(number)) for number in (start, stop, step)]
    count = max(0, ceil((exact[1] - exact[0]) / exact[2]))
    values = [exact[0] + exact[2] * i for i in range(count)]
    whole = all(type(number) is int for number in (start, step))
    return [int(value) if whole else float(value) for value in values]


def _plain_list(values: Iterable[Any]) -> list[Any]:
    try:
        return [plain(value) for value in values]
    except ValueError as error:
        raise UserError(str(error)) from None


def _zipped(group: Mapping[str, Any]) -> Part:
    axes = {name: axis(value) for name, value in group.items()}
    lengths = {name: len(values) for name, values in axes.items()}
    if len(set(lengths.values())) > 1:
        raise UserError("has lists of unequal length", value=lengths, fix="Make them equally long.")
    return {name: Column.of(values) for name, values in axes.items()}


def _from_rows(rows: Sequence[Mapping[str, Any]]) -> Part:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: _nullable(_plain_list(row.get(name) for row in rows)) for name in names}


def _from_table(path: str) -> Part:
    if path.startswith("-") or not Path(path).is_file():
        raise UserError("is no file", value=path, fix="Write a path relative to the study.")
    separators = {".csv": ",", ".tsv": "\t"}
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            columns = parquet.read_table(path).to_pydict()
        elif suffix in separators:
            columns = read_text_table(Path(path), separators[suffix])
        else:
            raise UserError("is of no known kind", value=path, fix="Use csv, tsv or parquet.")
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read: {error}", value=path) from None
    if not columns or not len(next(iter(columns.values()))):
        raise UserError("has no row", value=path)
    return {name: _nullable(_plain_list(values)) for name, values in columns.items()}


def _nullable(values: list[Any]) -> Column:
    column = Column.of(values)
    column.codes[[row for row, value in enumerate(values) if value is None]] = -1
    return column


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
        part[name] = _at(f"derive.{name}", _derived, tree, {read: part[read] for read in reads}, part)
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
            given = {name: column.take(numpy.array([row])).to_list()[0] for name, column in part.items()}
            raise UserError(f"gives {value} for {shown(given)}")
    codes[rows] = numpy.arange(len(rows))
    return Column(tuple(_plain_list(values)), codes)


def _holds(where: str, part: Part) -> numpy.ndarray:
    tree = _expr.parse(where)
    held = _expr.evaluate(tree, {name: column.array() for name, column in part.items()})
    held = numpy.broadcast_to(held, _size(part))
    if held.dtype != bool and not (held.dtype == object and set(map(type, held)) <= {bool}):
        raise UserError("is neither true nor false", value=where, fix="Write a comparison.")
    rows = numpy.flatnonzero(held.astype(bool))
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
