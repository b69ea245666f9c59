"""One block of a design, expanded."""

from __future__ import annotations

from ast import expr
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy

from snakestudy.design import expressions, registry
from snakestudy.design.columns import LIMIT, Column, ParameterColumns, product, size
from snakestudy.design.derived import check_derived, derived_columns, parse_formulas, rows_where
from snakestudy.design.ids import IdCache, task_codes
from snakestudy.design.kinds.kind import ExpandContext
from snakestudy.design.names import check_label
from snakestudy.errors import UserError, error_context
from snakestudy.values import canonical


@dataclass(frozen=True)
class ExpandedBlock:
    """One block as it was expanded.

    Attributes:
        key: its place in the configuration.
        columns: its sets, with what is derived.
        factors: what was multiplied, kind -> number of sets.
        removed: how many sets `where` removed.
        labels: columns that name a set and are no part of its identity.
    """

    key: str
    columns: ParameterColumns
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
        results: the sets that a `values_from` selects; none if there is no result yet.
        id_cache: where ids are kept between invocations.
    """

    derive: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limit: int = LIMIT
    results: Callable[[Mapping[str, Any]], ParameterColumns] | None = None
    id_cache: IdCache | None = None

    @cached_property
    def formulas(self) -> dict[str, expr]:
        return parse_formulas(self.derive)

    def block(self, key: str, block: Mapping[str, Any]) -> ExpandedBlock:
        """
        Raises:
            UserError: with its key below the block's, or below derive.
        """
        with error_context(key):
            factors, labels = self._factors(block)
            columns = self._with_defaults(product(factors, self.limit))
        formulas = self.formulas
        with error_context(key):
            check_derived(formulas, columns)
        columns = derived_columns(columns, formulas)
        with error_context(key):
            kept = self._kept(block.get("where"), columns)
        removed = size(columns) - size(kept)
        counts = tuple((kind, size(factor)) for kind, factor in factors)
        return ExpandedBlock(key, kept, counts, removed, labels)

    def _factors(
        self, block: Mapping[str, Any]
    ) -> tuple[list[tuple[str, ParameterColumns]], tuple[str, ...]]:
        """What multiplies, each with its kind's name, and the names that are labels."""
        context = ExpandContext(self.limit, self.results)
        factors: list[tuple[str, ParameterColumns]] = []
        labels: list[str] = []
        for kind, value in registry.kinds_of(block):
            with error_context(kind.name):
                expanded = list(kind.expand(value, context))
            for factor in expanded:
                for label in factor.labels:
                    check_label(label, factor.columns.keys() | self.defaults.keys())
                labels += factor.labels
                factors.append((kind.name, {**factor.columns, **factor.labels}))
        if not factors:
            *names, last = (kind.name for kind in registry.KINDS)
            raise UserError("declares no parameter", fix=f"Write {', '.join(names)} or {last}.")
        return factors, tuple(labels)

    def _with_defaults(self, columns: ParameterColumns) -> ParameterColumns:
        for name, value in self.defaults.items():
            constant = Column((value,), numpy.zeros(size(columns), dtype=numpy.int32))
            columns[name] = columns[name].filled(value) if name in columns else constant
        return columns

    def _kept(self, where: str | None, columns: ParameterColumns) -> ParameterColumns:
        """The sets that a condition leaves."""
        if where is None:
            return columns
        with error_context("where"):
            if not size(columns):
                expressions.parse(where)
                return columns
            rows = rows_where(where, columns)
        if not len(rows):
            raise UserError("removes every parameter set", key="where", value=where)
        return {name: column.take(rows) for name, column in columns.items()}

    def task_codes(self, block: ExpandedBlock) -> numpy.ndarray:
        """The task_ids of a block's sets (see `tables.task_ids`)."""
        aside = {*self.formulas, *block.labels}
        parameters = {n: column for n, column in block.columns.items() if n not in aside}
        return task_codes(self.identity(parameters), self.id_cache)

    def identity(self, columns: ParameterColumns) -> ParameterColumns:
        """The columns with null where a value is the default."""
        identity = dict(columns)
        for name in self.defaults.keys() & columns.keys():
            column, default = columns[name], canonical(self.defaults[name])
            is_default = [canonical(value) == default for value in column.values]
            left_out = numpy.array([*is_default, False])[column.codes]
            codes = numpy.where(left_out, -1, column.codes).astype(numpy.int32)
            identity[name] = Column(column.values, codes)
        return identity
