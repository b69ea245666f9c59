"""Names of the design beside the columns that metrics have in results: they share tables."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from snakestudy.design.names import form, near_names
from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.planning.model import PlanContext

if TYPE_CHECKING:
    from snakestudy.design.design import Design

_LOOKED_AT = 50  # files of a metric: rule `tasks` gives all of them the same columns


def told_apart(design: Design, context: PlanContext, layout: Layout) -> Design:
    """The design; a name that is nearly that of a metric's column is remarked on.

    Where code or reading has changed since, rows are made anew, with who knows what columns,
    unless `on_change` keeps them.

    Raises:
        UserError: for a name that is a metric's column.
    """
    record, current = context.record, context.current
    before = record.steps.get(context.step) if record else None
    keeps = context.study.config["on_change"] == "keep"
    if before is None or (current.changed(before.digest) and not keeps):
        return design
    assert record is not None  # it has a step
    chunks = list(record.chunks)[:: max(1, len(record.chunks) // _LOOKED_AT)]
    remarks = list(design.remarks)
    for metric, how in current.provenance.metrics.items():
        if before.metrics.get(metric) != how and not keeps:
            continue
        columns = _columns(layout, metric, chunks)
        forms = {form(column): column for column in columns}
        for name in design.columns:
            if name in columns and _has_values(layout, metric, chunks, name):
                raise _refusal(name, metric, context)
            if forms.get(form(name), name) != name:
                remarks += near_names([name, forms[form(name)]])
    return replace(design, remarks=tuple(remarks))


def _columns(layout: Layout, metric: str, chunks: list[str]) -> set[str]:
    """The columns that are a metric's own, as its files have them."""
    from snakestudy.storage.part_tables import footer_in
    from snakestudy.tables.arrow import Unreadable, schema_of

    columns, parameters = set(), {"task_id"}
    for chunk in chunks:
        path = layout.output(metric, chunk)
        with suppress(FileNotFoundError, Unreadable):  # a visit makes it anew
            schema = schema_of(path)
            columns.update(schema.names)
            parameters.update(footer_in(schema, path).parameters)
    return columns - parameters


def _has_values(layout: Layout, metric: str, chunks: list[str], name: str) -> bool:
    """Whether a column is more than what is left of a parameter that the design once had."""
    from snakestudy.tables.arrow import Unreadable, read

    for chunk in chunks:
        with suppress(FileNotFoundError, Unreadable):  # it has no such column, perhaps
            column = read(layout.output(metric, chunk), [name])[name]
            if column.null_count < len(column):
                return True
    return False


def _refusal(name: str, metric: str, context: PlanContext) -> UserError:
    config = context.study.config
    places = [key for key in ("derive", "defaults") if name in config[key]]
    return UserError(
        f"is a column of metric {metric}, too",
        key=f"{places[0]}.{name}" if places else "design",
        value=config[places[0]][name] if places else name,
        fix="Rename it here, or rename the column where tasks return or write it.",
    )
