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
from snakestudy.design.blocks import DesignExpander, ExpandedBlock
from snakestudy.design.columns import Column, ParameterColumns, check_size, concat, size
from snakestudy.design.names import check_label, check_names, near_names
from snakestudy.design.registry import kinds_of
from snakestudy.errors import UserError, error_context
from snakestudy.messages import nearest, pluralize
from snakestudy.tables.task_ids import as_texts, first_of_each, is_among, rows_of_codes
from snakestudy.values import digest_of


@dataclass(frozen=True)
class Design:
    """Parameter sets as columns, parameters first, then the derived; ids unique, in order.

    Attributes:
        derived: columns that are no part of a task's identity -> formula, None for labels.
        task_codes: the task_ids (see `tables.task_ids`); `sorted_codes`: the same, sorted.
        remarks: what was not found or is not as one may expect, for people.
        doubled: how many sets were left out, as they are there already.
    """

    columns: ParameterColumns
    derived: dict[str, str | None]
    task_codes: numpy.ndarray
    sorted_codes: numpy.ndarray
    remarks: tuple[str, ...] = ()
    blocks: tuple[ExpandedBlock, ...] = ()
    doubled: int = 0

    @property
    def size(self) -> int:
        return len(self.task_codes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dropped or not found, for people."""
        return (*_removals(self.blocks), *self.remarks)

    @cached_property
    def ids(self) -> list[str]:
        return self.ids_of(numpy.arange(self.size))

    def ids_of(self, rows: numpy.ndarray) -> list[str]:
        return as_texts(self.task_codes[rows]).to_pylist()

    def rows_of(self, task_codes: numpy.ndarray) -> numpy.ndarray:
        """The row of each task_id, -1 where it is none of the design's."""
        return rows_of_codes(task_codes, self.task_codes, self._sorting)

    def rows_among(self, sorted_codes: numpy.ndarray) -> numpy.ndarray:
        """The rows of some of its task_ids, sorted ones, in the design's order."""
        if len(sorted_codes) == self.size:
            return numpy.arange(self.size)
        return numpy.flatnonzero(is_among(self.task_codes, sorted_codes))

    @cached_property
    def _sorting(self) -> numpy.ndarray:
        return numpy.argsort(self.task_codes)

    @cached_property
    def digest(self) -> str:
        """Of all that a plan takes from the design."""
        sha = hashlib.sha256(json.dumps([list(self.columns), self.derived]).encode())
        sha.update(self.sorted_codes.data)
        for name in self._labels:
            sha.update(self._digest(name, numpy.arange(self.size)).encode())
        return sha.hexdigest()[:16]

    def derived_for(self, task_codes: numpy.ndarray) -> dict[str, str]:
        """Column -> what decides its values for these tasks: the formula, a digest of labels."""
        rows = self.rows_of(task_codes) if self._labels else task_codes
        return {
            name: self._digest(name, rows) if formula is None else formula
            for name, formula in self.derived.items()
        }

    @property
    def _labels(self) -> list[str]:
        return [name for name, formula in self.derived.items() if formula is None]

    def _digest(self, name: str, rows: numpy.ndarray) -> str:
        column = self.columns[name]
        codes = numpy.where(rows < 0, -1, column.codes[rows])
        return digest_of(Column(column.values, codes).to_list())


def expand(
    blocks: Sequence[Mapping[str, Any]],
    expander: DesignExpander,
    last: Sequence[Mapping[str, Any]] = (),
) -> Design:
    """The design that the blocks of a configuration declare, without doubled sets.

    Args:
        last: the blocks of the last plan, for words on what moved.

    Raises:
        UserError: naming the block and key that cannot be expanded.
    """
    expanded = _expanded(blocks, expander)
    columns = concat([block.columns for block in expanded])
    with error_context("design"):
        _check_labels(expanded)
    _check_columns(columns, expander)
    codes = numpy.concatenate([expander.task_codes(block) for block in expanded])
    sorted_codes = numpy.sort(codes)
    unique = first_of_each(codes, sorted_codes)
    doubled = len(codes) - len(unique)
    if doubled:
        columns = {name: column.take(unique) for name, column in columns.items()}
        codes, sorted_codes = codes[unique], numpy.unique(sorted_codes)
    remarks = [*_remarks(expanded, blocks, last), *near_names(columns)]
    if doubled:
        remarks.append(f"{pluralize(doubled, 'doubled set')} dropped")
    if not len(codes):
        notes = "; ".join([*_removals(expanded), *remarks])
        raise UserError(f"declares no parameter set yet: {notes}", key="design")
    labels = {name for block in expanded for name in block.labels}
    names = sorted(columns, key=lambda name: (name in labels) + 2 * (name in expander.formulas))
    columns = {name: columns[name] for name in names}
    derived = {**{name: None for name in columns if name in labels}, **expander.derive}
    return Design(columns, derived, codes, sorted_codes, tuple(remarks), tuple(expanded), doubled)


def _expanded(blocks: Sequence[Mapping[str, Any]], expander: DesignExpander) -> list[ExpandedBlock]:
    expanded: list[ExpandedBlock] = []
    sets = 0
    for key, block in keyed(list(blocks)):
        expanded.append(expander.block(key, block))
        sets += size(expanded[-1].columns)
        with error_context(key):
            check_size(sets, expander.limit)
    return expanded


def _removals(blocks: Sequence[ExpandedBlock]) -> list[str]:
    """A note for each block with sets that `where` removed."""
    return [
        f"{pluralize(block.removed, 'set')} removed by {block.key}.where"
        for block in blocks
        if block.removed
    ]


def _remarks(
    expanded: Sequence[ExpandedBlock],
    blocks: Sequence[Mapping[str, Any]],
    last: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What the kinds of the blocks have to say."""
    remarks = []
    for number, (block, values) in enumerate(zip(expanded, blocks, strict=True)):
        before = last[number] if number < len(last) else {}
        for kind, value in kinds_of(values):
            if kind.note:
                key = f"{block.key}.{kind.name}"
                remarks.append(kind.note(key, value, size(block.columns), before.get(kind.name)))
    return [remark for remark in remarks if remark]


def _check_columns(columns: ParameterColumns, expander: DesignExpander) -> None:
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


def _check_labels(blocks: Sequence[ExpandedBlock]) -> None:
    """Refuse a label of one block that is a parameter of another."""
    for block in blocks:
        for label in block.labels:
            others = (other.columns for other in blocks if label not in other.labels)
            check_label(label, {name for columns in others for name in columns})
