"""One block of a design, expanded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy

from snakestudy.design import expressions
from snakestudy.design.axes import axis, star, zipped
from snakestudy.design.columns import (
    LIMIT,
    Column,
    Part,
    check_size,
    from_rows,
    plain_list,
    product,
    size,
)
from snakestudy.design.derived import derived_columns, error_context, parsed, rows_where
from snakestudy.design.ids import IdCache, task_numbers
from snakestudy.design.names import _check_label
from snakestudy.design.sampling import sample
from snakestudy.design.sources import from_python, from_table
from snakestudy.errors import UserError
from snakestudy.values import canonical


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
class DesignExpander:
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
    id_cache: IdCache | None = None

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
            error_context("where", expressions.parse, block["where"])
        elif "where" in block:
            keep = error_context("where", rows_where, block["where"], part)
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
            values = error_context(f"grid.{name}", axis, value, self.limit)
            parts.append(("grid", {name: Column.of(values)}))
        groups = block.get("zip", [])
        for group in [groups] if isinstance(groups, Mapping) else groups:
            parts.append(("zip", error_context("zip", zipped, group, self.limit)))
        for kind, make in (("rows", from_rows), ("table", from_table)):
            if kind in block:
                parts.append((kind, error_context(kind, make, block[kind])))
        if "sample" in block:
            parts.append(("sample", error_context("sample", self._sample, **block["sample"])))
        if "star" in block:
            values, label = dict(block["star"]), block["star"].get("label")
            part, varied = error_context("star", star, values["base"], values["vary"], self.limit)
            if label is not None:
                _check_label(label, {*part, *self.defaults})
                part, labels = {**part, label: varied}, [label]
            parts.append(("star", part))
        if "python" in block:
            parts.append(
                ("python", error_context("python", from_python, block["python"], self.limit))
            )
        if "values_from" in block:
            parts.append(
                ("values_from", error_context("values_from", self.results, block["values_from"]))
            )
        if "seeds" in block:
            parts.append(("seeds", {"seed": error_context("seeds", self._seeds, block["seeds"])}))
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
        return task_numbers(self.identity(own), self.id_cache)

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
