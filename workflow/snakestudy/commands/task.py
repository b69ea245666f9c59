"""`python -m snakestudy task`: one task, or a changed copy of it, in the foreground.

It runs in a directory of its own with its real inputs; the study is left alone.
"""

from __future__ import annotations

import os
import pdb
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from snakestudy.commands.open_study import open_study, parser_of
from snakestudy.config.yaml12 import read_yaml
from snakestudy.design.columns import from_rows
from snakestudy.design.derived import derived_columns, parse_formulas
from snakestudy.errors import UserError
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.messages import format_value, nearest, pluralize
from snakestudy.running.batch import TaskSpec
from snakestudy.running.context import RunContext
from snakestudy.running.result import Result
from snakestudy.running.runner import Runner
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.manifest import Manifest
from snakestudy.tables.pieces import as_list
from snakestudy.values import task_id

SHOWN = 5  # rows of each metric


def main(arguments: Sequence[str]) -> int:
    parser = parser_of("task", __doc__)
    parser.add_argument("task_id", help="or its first digits")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    parser.add_argument("--dir", type=Path, help="an empty directory (default: a temporary one)")
    parser.add_argument("--pdb", action="store_true", help="debug an exception of a function")
    given = parser.parse_args(arguments)
    study = open_study("task", given)
    layout, record = study.layout, study.record
    manifest, row = find(given.task_id, record, layout)
    values = {name: manifest.values(name)[row] for name in manifest.parameters}
    values = changed(values, given.changes, record.config["derive"])
    if given.pdb and not manifest.spec.steps[ONLY_STEP].task.function:
        raise UserError("goes with a function only", key="--pdb")
    directory = _directory(given.dir, manifest.ids[row])
    print(f"{manifest.ids[row]}: {format_value(values, 1000)}\n  in {directory}", flush=True)
    result = run(manifest, values, directory, given.pdb)
    print(report(result, directory))
    return 1 if result.error else 0


def find(digits: str, record: PlanRecord, layout: Layout) -> tuple[Manifest, int]:
    """The manifest of the task whose id begins with these digits, and its row there."""
    matches = []
    for chunk in record.chunks:
        manifest = Manifest.of(layout, chunk)
        ids = manifest.ids if manifest else []
        matches += [(manifest, row) for row, its_id in enumerate(ids) if its_id.startswith(digits)]
    if len(matches) != 1:
        problem = "is no task of this study" if not matches else f"fits {len(matches)} tasks"
        raise UserError(problem, value=digits, fix="results/tasks.parquet lists them.")
    return matches[0]


def changed(
    values: Mapping[str, Any], changes: Sequence[str], derive: Mapping[str, str]
) -> dict[str, Any]:
    """The parameter set with some values replaced, what is derived computed anew."""
    given = {name: value for name, value in values.items() if name not in derive}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or name not in given:
            raise UserError(
                "is no NAME=VALUE of a parameter",
                key="--set",
                value=change,
                fix=nearest(name, given),
            )
        given[name] = read_yaml("--set", f"value: {text}")["value"]
    columns = derived_columns(from_rows([given]), parse_formulas(derive))
    return {name: column.to_list()[0] for name, column in columns.items()}


def run(manifest: Manifest, values: dict[str, Any], directory: Path, debug: bool) -> Result:
    """Run the task once, as a visit would; shared inputs are copied into its directory."""
    spec = manifest.spec
    context = replace(
        RunContext.of(manifest, ONLY_STEP, 0, directory),
        parameters=tuple(values),
        run_dirs="keep",
        fixed_directory=directory,
    )
    runner = Runner(context, debug=pdb.post_mortem if debug else None)
    os.environ.update(runner.environment)
    left_out = {*spec.derive} | {
        name for name, default in spec.defaults.items() if values.get(name) == default
    }
    its_id = task_id({name: value for name, value in values.items() if name not in left_out})
    digest = spec.steps[ONLY_STEP].digest
    return runner.run(TaskSpec(0, its_id, values, digest, 0, 1, None), attempt=1)


def _directory(wanted: Path | None, name: str) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix=f"task-{name}-"))
    if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
        raise UserError("is not empty", key="--dir", value=str(wanted), fix="Name another one.")
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted.resolve()


def report(result: Result, directory: Path) -> str:
    """How it went, in words: the error, or the first rows of each metric."""
    lines = []
    for name in ("stdout.log", "stderr.log"):
        log = directory / name
        if log.exists() and log.stat().st_size:
            lines += [f"{name}:", *log.read_text(encoding="utf-8", errors="replace").splitlines()]
    state = f"failed: {result.error}" if result.error else "succeeded"
    lines.append(f"{state} after {result.seconds:.3g} s; its files are in {directory}")
    for metric, (count, columns) in result.metrics.items():
        lines.append(f"{metric}: {pluralize(count, 'row')}")
        for name, piece in columns.items():
            lines.append(f"  {name}: {format_value(as_list(piece)[:SHOWN])}")
    return "\n".join(lines)
