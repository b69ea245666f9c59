"""`python -m snakestudy design`: what a configuration declares, without running or writing."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy

from snakestudy.commands.open_study import add_directory, open_study, parser_of
from snakestudy.config.load import load
from snakestudy.design.blocks import ExpandedBlock
from snakestudy.design.columns import Column, groups, size
from snakestudy.design.design import Design
from snakestudy.errors import UserError
from snakestudy.messages import aligned, format_value, nearest, pluralize
from snakestudy.planning.cut import cut_into_chunks
from snakestudy.planning.model import Capacity, PlanContext
from snakestudy.planning.planner import Planner
from snakestudy.tables.task_ids import differences
from snakestudy.values import as_text

HEAD = 10  # sets shown unless asked otherwise


def main(arguments: Sequence[str]) -> int:
    parser = parser_of("design", __doc__)
    add_directory(parser)
    parser.add_argument("--head", type=int, metavar="N", help=f"show the first N sets ({HEAD})")
    parser.add_argument("--by", metavar="NAME", help="count the sets for each value of a parameter")
    parser.add_argument("--configfile", metavar="FILE", help="(default: that of the newest plan)")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, metavar="N")
    given = parser.parse_args(arguments)
    opened = open_study("design", given)
    layout, record = opened.layout, opened.newest
    configfile = given.configfile or (record.config_file if record else "config/config.yaml")
    study = load(configfile, {}, record)
    try:
        planner = Planner.of(study, record, layout, Capacity(given.cores).slots(study))
        design = planner.design()
        existing = [old.manifest.task_codes for old in planner.existing().values() if old.started]
        new = design.rows_among(differences(design.sorted_codes, existing)[1])
        text = [summary(study.name, design, new, planner.context)]
        if given.by is not None:
            text.append(counts(design, new, given.by))
        head = given.head if given.head is not None else 0 if given.by else HEAD
        if head > 0:
            text.append(first(design, head))
    except UserError as error:
        raise error.with_place(file=configfile) from None
    print("\n\n".join(text))
    return 0


def summary(name: str, design: Design, new: numpy.ndarray, context: PlanContext) -> str:
    """The sets of each block, those dropped, those known, and the chunks of the new ones."""
    lines = [f"{name}: {pluralize(design.size, 'parameter set')}"]
    lines += [f"  {_block(block)}" for block in design.blocks]
    lines += [f"  {remark}" for remark in design.remarks]
    lines.append(f"  new {len(new):,}, known {design.size - len(new):,}")
    chunks = cut_into_chunks(new, context, design, 0)
    if chunks:
        sizes = sorted(map(len, chunks.values()))
        same = sizes[0] == sizes[-1]
        each = f"{sizes[0]:,}" if same else f"{sizes[0]:,} to {sizes[-1]:,}"
        tasks = "task" if each == "1" else "tasks"
        lines.append(
            f"  {pluralize(len(chunks), 'chunk')} of {each} {tasks} on {context.slots} slots"
        )
    return "\n".join(lines)


def _block(block: ExpandedBlock) -> str:
    factors: dict[str, int] = {}
    for kind, number in block.factors:
        factors[kind] = factors.get(kind, 1) * number
    product = " x ".join(f"{kind} {number:,}" for kind, number in factors.items())
    gone = f", {block.removed:,} removed by where" if block.removed else ""
    return f"{block.key}: {size(block.columns):,} = {product}{gone}"


def counts(design: Design, new: numpy.ndarray, name: str) -> str:
    """A table: the values of one parameter, and how many sets, new ones among them, have each."""
    if name not in design.columns:
        raise UserError(
            "is no parameter", key="--by", value=name, fix=nearest(name, design.columns)
        )
    column, is_new = design.columns[name], numpy.zeros(design.size, dtype=bool)
    is_new[new] = True
    rows = [
        [_cell(column, group[0]), f"{len(group):,}", f"{is_new[group].sum():,}"]
        for group in groups([column], numpy.arange(design.size))
    ]
    return aligned([name, "sets", "new"], rows)


def first(design: Design, number: int) -> str:
    """A table of the first sets, derived columns last."""
    rows = [
        [_cell(column, row) for column in design.columns.values()]
        for row in range(min(number, design.size))
    ]
    more = f"\n... {design.size - number:,} more" if design.size > number else ""
    return aligned(list(design.columns), rows) + more


def _cell(column: Column, row: int) -> str:
    code = column.codes[row]
    value = None if code < 0 else column.values[code]
    return as_text(value) if isinstance(value, str | None) else format_value(value, 30)
