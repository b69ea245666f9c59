"""The design: blocks of a configuration -> the parameter sets they declare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy

from snakestudy.config.study import keyed
from snakestudy.design import expressions
from snakestudy.design.blocks import Block, DesignExpander
from snakestudy.design.columns import (
    Column,
    check_size,
    concat,
    size,
)
from snakestudy.design.derived import error_context
from snakestudy.design.names import _check_label, check_names
from snakestudy.errors import UserError
from snakestudy.messages import nearest, pluralize
from snakestudy.tables.task_ids import as_texts, first_of_each, index_in, is_among
from snakestudy.values import digest_of


@dataclass(frozen=True)
class Design:
    """Parameter sets as columns, parameters first, then the derived; ids unique, in order.

    Attributes:
        derived: columns that are no part of a task's identity -> formula, None for labels.
        numbers: the task_ids as numbers (see `tables.task_ids`); `ordered`: the same, sorted.
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
        return index_in(numbers, self.numbers, self._order)

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


def expand(blocks: Sequence[Mapping[str, Any]], expander: DesignExpander) -> Design:
    """The design that the blocks of a configuration declare, without doubled sets.

    Raises:
        UserError: naming the block and key that cannot be expanded.
    """
    made: list[Block] = []
    for key, block in keyed(list(blocks)):
        try:
            made.append(expander.block(key, block))
            check_size(sum(size(one.part) for one in made), expander.limit)
        except UserError as error:
            derived = (error.key or "").partition(".")[0] == "derive"
            raise error if derived else error.prefix_key(key) from None
    columns = concat([one.part for one in made])
    error_context("design", _check_labels, made)
    _check_columns(columns, expander)
    numbers = numpy.concatenate([expander.numbers(one) for one in made])
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
    order = sorted(columns, key=lambda name: (name in labels) + 2 * (name in expander.formulas))
    columns = {name: columns[name] for name in order}
    derived = {**{name: None for name in columns if name in labels}, **expander.derive}
    return Design(columns, derived, numbers, ordered, notes, tuple(made), doubled)


def _notes(made: Sequence[Block], blocks: Sequence[Any], doubled: int) -> tuple[str, ...]:
    notes = [
        f"{pluralize(one.removed, 'set')} removed by {one.key}.where" for one in made if one.removed
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
        notes.append(f"{pluralize(doubled, 'doubled set')} dropped")
    return tuple(notes)


def _check_columns(columns: Mapping[str, Column], expander: DesignExpander) -> None:
    """Refuse names that cannot stand, and formulas that no block can compute."""
    check_names(columns)
    known = {name for name in columns if name not in expander.formulas}
    for name, tree in expander.formulas.items():
        if name not in columns:
            unknown = sorted(expressions.names(tree) - known - set(expander.formulas))
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
