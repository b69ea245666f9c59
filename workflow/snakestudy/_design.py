"""The design: blocks of a configuration -> the parameter sets they declare."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy

from . import _expr
from ._axes import axis, star, zipped
from ._columns import (
    LIMIT,
    Column,
    Part,
    check_size,
    from_rows,
    plain_list,
    product,
    size,
    stack,
)
from ._config import keyed
from ._derive import at, derived_columns, held_by, parsed
from ._errors import UserError, counted, nearest
from ._ids import Memo, as_texts, first_of_each, is_among, places, task_numbers
from ._layout import RESERVED_PARAMETERS
from ._sample import sample
from ._sources import from_python, from_table
from ._values import canonical, digest_of


@dataclass(frozen=True)
class Block:
    """One block as it was expanded.

    Attributes:
        key: its place in the configuration.
        part: its sets, with what is derived.
        factors: what was multiplied, key -> number of sets.
        removed: how many sets `where` removed.
        labels: columns that name a set and are no part of its identity.
    """

    key: str
    part: Part
    factors: tuple[tuple[str, int], ...]
    removed: int
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """Parameter sets as columns, parameters first, then the derived; ids unique, in order.

    Attributes:
        derived: columns that are no part of a task's identity -> formula, None for labels.
        numbers: the task_ids as 64-bit numbers (see `_ids`); `ordered`: the same, sorted.
        notes: what was dropped or not found, for people.
    """

    columns: dict[str, Column]
    derived: dict[str, str | None]
    numbers: numpy.ndarray
    ordered: numpy.ndarray
    notes: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    doubled: int = 0

    @property
    def size(self) -> int:
        return len(self.numbers)

    @cached_property
    def ids(self) -> list[str]:
        return self.ids_of(numpy.arange(self.size))

    def ids_of(self, rows: numpy.ndarray) -> list[str]:
        return as_texts(self.numbers[rows]).to_pylist()

    def rows_of(self, numbers: numpy.ndarray) -> numpy.ndarray:
        """The row of each task_id, -1 where it is none of the design's."""
        return places(numbers, self.numbers, self._order)

    def rows_among(self, tasks: numpy.ndarray) -> numpy.ndarray:
        """The rows of some of its task_ids, sorted ones, in the design's order."""
        if len(tasks) == self.size:
            return numpy.arange(self.size)
        return numpy.flatnonzero(is_among(self.numbers, tasks))

    @cached_property
    def _order(self) -> numpy.ndarray:
        return numpy.argsort(self.numbers)

    @cached_property
    def digest(self) -> str:
        """Of all that a plan takes from the design."""
        sha = hashlib.sha256(json.dumps([list(self.columns), self.derived]).encode())
        sha.update(self.ordered)
        for name in self._labels:
            sha.update(self._digest(name, numpy.arange(self.size)).encode())
        return sha.hexdigest()[:16]

    def derived_for(self, tasks: numpy.ndarray) -> dict[str, str]:
        """Column -> what decides its values for these tasks: the formula, a digest of labels."""
        rows = self.rows_of(tasks) if self._labels else tasks
        labels = {name: self._digest(name, rows) for name in self._labels}
        return {name: formula or labels[name] for name, formula in self.derived.items()}

    @property
    def _labels(self) -> list[str]:
        return [name for name, formula in self.derived.items() if formula is None]

    def _digest(self, name: str, rows: numpy.ndarray) -> str:
        column = self.columns[name]
        codes = numpy.where(rows < 0, -1, column.codes[rows])
        return digest_of(Column(column.values, codes).to_list())


@dataclass(frozen=True)
class Maker:
    """Expands blocks.

    Attributes:
        derive: column -> formula.
        defaults: parameter -> the value that is left out of a task's identity.
        limit: how many sets there may be.
        results: what `values_from` finds, as a part; empty if there is nothing yet.
        memo: where ids are kept between invocations.
    """

    derive: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limit: int = LIMIT
    results: Callable[[Mapping[str, Any]], Part] | None = None
    memo: Memo | None = None

    @cached_property
    def formulas(self) -> dict[str, Any]:
        return parsed(self.derive)

    def block(self, key: str, block: Mapping[str, Any]) -> Block:
        parts, labels = self._parts(block)
        if not parts:
            raise UserError(
                "declares no parameter",
                fix="Write grid, zip, rows, table, sample, star, python, values_from or seeds.",
            )
        part = product(parts, self.limit)
        for name, value in self.defaults.items():
            constant = Column((value,), numpy.zeros(size(part), dtype=numpy.int32))
            part[name] = part[name].filled(value) if name in part else constant
        part = derived_columns(part, self.formulas)
        before = size(part)
        if "where" in block and not before:
            at("where", _expr.parse, block["where"])
        elif "where" in block:
            keep = at("where", held_by, block["where"], part)
            if not len(keep):
                raise UserError("removes every parameter set", key="where", value=block["where"])
            part = {name: column.take(keep) for name, column in part.items()}
        factors = tuple((kind, size(one)) for kind, one in parts)
        return Block(key, part, factors, before - size(part), labels)

    def _parts(self, block: Mapping[str, Any]) -> tuple[list[tuple[str, Part]], tuple[str, ...]]:
        """The parts of a block that multiply, and the names among them that are labels."""
        parts: list[tuple[str, Part]] = []
        labels = []
        for name, value in block.get("grid", {}).items():
            values = at(f"grid.{name}", axis, value, self.limit)
            parts.append(("grid", {name: Column.of(values)}))
        groups = block.get("zip", [])
        for group in [groups] if isinstance(groups, Mapping) else groups:
            parts.append(("zip", at("zip", zipped, group, self.limit)))
        for kind, make in (("rows", from_rows), ("table", from_table)):
            if kind in block:
                parts.append((kind, at(kind, make, block[kind])))
        if "sample" in block:
            parts.append(("sample", at("sample", self._sample, **block["sample"])))
        if "star" in block:
            values, label = dict(block["star"]), block["star"].get("label")
            part, varied = at("star", star, values["base"], values["vary"], self.limit)
            if label is not None:
                _check_label(label, {*part, *self.defaults})
                part, labels = {**part, label: varied}, [label]
            parts.append(("star", part))
        if "python" in block:
            parts.append(("python", at("python", from_python, block["python"], self.limit)))
        if "values_from" in block:
            parts.append(("values_from", at("values_from", self.results, block["values_from"])))
        if "seeds" in block:
            parts.append(("seeds", {"seed": at("seeds", self._seeds, block["seeds"])}))
        return parts, tuple(labels)

    def _sample(self, n: int, parameters: Mapping[str, Any], method: str, seed: int) -> Part:
        check_size(n, self.limit)
        return sample(n, method, seed, parameters)

    def _seeds(self, seeds: Any) -> Column:
        if isinstance(seeds, list):
            return Column.of(plain_list(seeds))
        check_size(int(seeds), self.limit)
        return Column.of(range(int(seeds)))

    def numbers(self, block: Block) -> numpy.ndarray:
        """The task_ids of a block's sets."""
        aside = {*self.formulas, *block.labels}
        own = {name: column for name, column in block.part.items() if name not in aside}
        return task_numbers(self.identity(own), self.memo)

    def identity(self, columns: Part) -> Part:
        """The columns with null where a value is the default."""
        own = dict(columns)
        for name in self.defaults.keys() & columns.keys():
            column, default = columns[name], canonical(self.defaults[name])
            same = [canonical(value) == default for value in column.values]
            gone = numpy.array([*same, False])[column.codes]
            codes = numpy.where(gone, -1, column.codes).astype(numpy.int32)
            own[name] = Column(column.values, codes)
        return own


def expand(blocks: Sequence[Mapping[str, Any]], maker: Maker) -> Design:
    """The design that the blocks of a configuration declare, without doubled sets.

    Raises:
        UserError: naming the block and key that cannot be expanded.
    """
    made: list[Block] = []
    for key, block in keyed(list(blocks)):
        try:
            made.append(maker.block(key, block))
            check_size(sum(size(one.part) for one in made), maker.limit)
        except UserError as error:
            derived = (error.key or "").partition(".")[0] == "derive"
            raise error if derived else error.under(key) from None
    columns = stack([one.part for one in made])
    at("design", _check_labels, made)
    _check_columns(columns, maker)
    numbers = numpy.concatenate([maker.numbers(one) for one in made])
    ordered = numpy.sort(numbers)
    unique = first_of_each(numbers, ordered)
    doubled = len(numbers) - len(unique)
    if doubled:
        columns = {name: column.take(unique) for name, column in columns.items()}
        numbers, ordered = numbers[unique], numpy.unique(ordered)
    notes = _notes(made, blocks, doubled)
    if not len(numbers):
        raise UserError(f"declares no parameter set yet: {'; '.join(notes)}", key="design")
    labels = {name for one in made for name in one.labels}
    order = sorted(columns, key=lambda name: (name in labels) + 2 * (name in maker.formulas))
    columns = {name: columns[name] for name in order}
    derived = {**{name: None for name in columns if name in labels}, **maker.derive}
    return Design(columns, derived, numbers, ordered, notes, tuple(made), doubled)


def _notes(made: Sequence[Block], blocks: Sequence[Any], doubled: int) -> tuple[str, ...]:
    notes = [
        f"{counted(one.removed, 'set')} removed by {one.key}.where" for one in made if one.removed
    ]
    for one, block in zip(made, blocks, strict=True):
        if not size(one.part) and "values_from" in block:
            spec = block["values_from"]
            where = f" where {spec['where']}" if "where" in spec else ""
            notes.append(
                f"{one.key}.values_from finds no row of {spec['metric']} yet{where}; "
                "run snakemake again when there are results"
            )
    if doubled:
        notes.append(f"{counted(doubled, 'doubled set')} dropped")
    return tuple(notes)


def _check_columns(columns: Mapping[str, Column], maker: Maker) -> None:
    """Refuse names that cannot stand, and formulas that no block can compute."""
    check_names(columns)
    known = {name for name in columns if name not in maker.formulas}
    for name, tree in maker.formulas.items():
        if name not in columns:
            unknown = sorted(_expr.names(tree) - known - set(maker.formulas))
            if not unknown:
                raise UserError("no block has all that it reads", key=f"derive.{name}")
            raise UserError(
                f"{unknown[0]} is no parameter",
                key=f"derive.{name}",
                fix=nearest(unknown[0], known),
            )


def _check_labels(made: Sequence[Block]) -> None:
    for one in made:
        for label in one.labels:
            others = (other.part for other in made if label not in other.labels)
            _check_label(label, {name for part in others for name in part})


def _check_label(label: str, parameters: set[str]) -> None:
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
