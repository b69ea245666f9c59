"""Manifests: the order for one chunk, everything that is needed to run its tasks.

Columns: task_id, seq, plan (that added the task), `_active`, `_attempt` (the highest
try that may be made), `_inputs` (digest of the task's own input files, or null), `_redo`
(the plan that its row may not be older than), then the parameters. A parameter whose
values are not all bools, all ints, all floats or all texts is held as JSON, so that every
value comes out as it went in.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.tables.arrow import array, footer_of, read, write

if TYPE_CHECKING:
    import numpy

_OWN = ("task_id", "seq", "plan", "_active", "_attempt", "_inputs", "_redo")


@dataclass(frozen=True)
class Manifest:
    """One chunk's order (see `ManifestSpec`) and its tasks."""

    order: dict[str, Any]
    table: pa.Table
    part_of: Path | None = None  # the file, if the table has only some of its columns

    @property
    def chunk(self) -> str:
        return self.order["chunk"]

    @cached_property
    def ids(self) -> list[str]:
        return self.table["task_id"].to_pylist()

    @cached_property
    def numbers(self) -> numpy.ndarray:
        """The task_ids as 64-bit numbers (see `tables.task_ids`)."""
        from snakestudy.tables.task_ids import as_task_codes  # with numpy, which visits do without

        return as_task_codes(self.table["task_id"])

    @cached_property
    def active(self) -> numpy.ndarray:
        return self.table["_active"].to_numpy()

    @property
    def active_ids(self) -> list[str]:
        return self.table["task_id"].filter(self.table["_active"]).to_pylist()

    @cached_property
    def hash(self) -> str:
        """Of all that decides what a visit does.

        Parameters follow from the task_ids, what is derived and defaults from the order.
        """
        import numpy

        sha = hashlib.sha256(json.dumps(self.order, sort_keys=True).encode())
        pluralize = [self.table[name].to_numpy() for name in ("_attempt", "_redo")]
        for values in (self.numbers, self.active, *pluralize):
            sha.update(numpy.ascontiguousarray(values))
        inputs = self.table["_inputs"]
        if inputs.null_count < len(inputs):
            sha.update(json.dumps(inputs.to_pylist()).encode())
        return sha.hexdigest()[:16]

    @property
    def parameters(self) -> list[str]:
        return [name for name in self.table.column_names if name not in _OWN]

    def values(self, name: str) -> list[Any]:
        """A parameter's values as they were declared."""
        values = self.table[name].to_pylist()
        if name not in self.order["json"]:
            return values
        return [None if value is None else json.loads(value) for value in values]

    def published(self) -> pa.Table:
        """task_id and parameters as result tables show them, for every task."""
        columns = {"task_id": self.table["task_id"]}
        for name in self.parameters:
            as_is = name not in self.order["json"]
            columns[name] = self.table[name] if as_is else array(_flat(self.values(name)))
        return pa.table(columns)

    def of_active(self) -> Manifest:
        """The same order with nothing but its active tasks."""
        if all(self.table["_active"].to_pylist()):
            return self
        return Manifest(self.order, self.table.filter(self.table["_active"]))

    def save(self, path: Path) -> None:
        write(self.table, path, {"manifest": self.hash, "order": self.order})

    @classmethod
    def load(cls, path: Path, columns: list[str] | None = None) -> Manifest:
        """
        Raises:
            OSError, ValueError, KeyError: if there is no manifest.
        """
        table = read(path, columns)
        footer = footer_of(table.schema)
        part_of = path if columns else None
        manifest = cls(footer["order"], table.replace_schema_metadata(None), part_of)
        manifest.__dict__["hash"] = footer["manifest"]
        return manifest

    @classmethod
    def of(cls, layout: Layout, chunk: str, columns: list[str] | None = None) -> Manifest | None:
        """A chunk's manifest as published, or else as its last visit found it."""
        for path in (layout.manifest(chunk), layout.chunk_store(chunk) / "manifest.parquet"):
            try:
                return cls.load(path, columns)
            except (OSError, ValueError, KeyError):
                continue
        return None

    def whole(self) -> Manifest:
        """The manifest with all columns of its file.

        Raises:
            UserError: if another one has been published meanwhile.
        """
        if self.part_of is None:
            return self
        found = Manifest.load(self.part_of)
        if found.hash != self.hash:
            raise UserError(
                "was changed by another snakemake", file=str(self.part_of), fix="Run it again."
            )
        return found


def encoded(values: tuple[Any, ...], codes: Any) -> tuple[pa.Array, bool]:
    """A parameter's column, and whether its values are held as JSON.

    Args:
        values: the distinct values; codes: the position of each row's value, -1 for null.
    """
    kinds = {type(value) for value in values if value is not None}
    huge = kinds == {int} and max(map(abs, filter(None, values)), default=0) >= 2**63
    as_json = len(kinds) > 1 or huge or not kinds <= {bool, int, float, str}
    if as_json:
        values = tuple(None if v is None else json.dumps(v, ensure_ascii=False) for v in values)
    indices = pa.array(codes, mask=codes < 0)
    return pa.array(values).take(indices), as_json


def _flat(values: list[Any]) -> list[Any]:
    """Values as one column of a table: lists and mappings as JSON text."""
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
        for value in values
    ]
