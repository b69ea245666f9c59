"""Manifests: the order for one chunk, everything that is needed to run its tasks.

Columns: task_id, seq, plan (that added the task), `_active`; for each step `_max_attempt.STEP`
(the highest try that may be made), `_inputs.STEP` (digest of the task's own input files, or
null), `_not_before_plan.STEP` (the plan that its row may not be older than); then the
parameters, inactive tasks' among them. A parameter whose values are not all bools, all ints, all
floats or all texts is held as JSON, so that every value comes out as it went in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from snakestudy.errors import UserError
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.storage.documents import FORMAT, ManifestSpec
from snakestudy.tables.arrow import footer_of, read, schema_of, write
from snakestudy.tables.kinds import Variants

if TYPE_CHECKING:
    import numpy

_FORMAT_0 = {  # columns as they were called
    "_attempt": f"_max_attempt.{ONLY_STEP}",
    "_inputs": f"_inputs.{ONLY_STEP}",
    "_redo": f"_not_before_plan.{ONLY_STEP}",
}
PLANNED = ["task_id", "seq", "_active"]  # the columns that a plan reads of every manifest


@dataclass(frozen=True)
class Manifest:
    """One chunk's order and its tasks.

    Attributes:
        written_hash: as its file says; None if it is not from a file.
        part_of: the file, if the table has only some of its columns.
        format: that its file was written in; only of the newest a hash can be computed again.
        written_spec: as its file has it, without what later versions would add.
    """

    spec: ManifestSpec
    table: pa.Table
    written_hash: str | None = None
    part_of: Path | None = None
    format: int = FORMAT
    written_spec: dict[str, Any] | None = None

    @property
    def chunk(self) -> str:
        return self.spec.chunk

    @cached_property
    def ids(self) -> list[str]:
        return self.table["task_id"].to_pylist()

    @cached_property
    def task_codes(self) -> numpy.ndarray:
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
        """Of all that decides what a visit does: as its file says, or else computed."""
        return self.written_hash or self.computed_hash()

    def computed_hash(self) -> str:
        """Parameters follow from the task_ids, what is derived and defaults from the spec."""
        import numpy

        spec = self.written_spec or self.spec.to_json()
        sha = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
        for values in (self.task_codes, self.active):
            sha.update(numpy.ascontiguousarray(values).data)
        for step in self.spec.steps:
            for values in (self.max_attempts(step), self.not_before_plans(step)):
                sha.update(numpy.ascontiguousarray(values.to_numpy()).data)
            inputs = self.task_inputs(step)
            if inputs.null_count < len(inputs):
                sha.update(json.dumps(inputs.to_pylist()).encode())
        return sha.hexdigest()[:16]

    def max_attempts(self, step: str) -> pa.ChunkedArray:
        """The highest try of each task that may be made."""
        return self.table[f"_max_attempt.{step}"]

    def not_before_plans(self, step: str) -> pa.ChunkedArray:
        """The plan that each task's row may not be older than."""
        return self.table[f"_not_before_plan.{step}"]

    def task_inputs(self, step: str) -> pa.ChunkedArray:
        """The digest of each task's own input files, or null."""
        return self.table[f"_inputs.{step}"]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those that the design has."""
        known = self.spec.parameters
        return tuple(self.all_parameters) if known is None else known

    @property
    def all_parameters(self) -> list[str]:
        """Those that inactive tasks had, too."""
        return _parameters_among(self.table.column_names)

    def values(self, name: str) -> list[Any]:
        """A parameter's values as they were declared."""
        values = self.table[name].to_pylist()
        if name not in self.spec.as_json:
            return values
        return [None if value is None else json.loads(value) for value in values]

    def result_columns(self, types: Mapping[str, pa.DataType] | None = None) -> pa.Table:
        """task_id and parameters as result tables show them, for every task.

        Args:
            types: parameter -> the type to show it in; the one that holds its values, if none.
        """
        columns = {"task_id": self.table["task_id"]}
        for name in self.parameters:
            is_plain = name not in self.spec.as_json
            if is_plain and types is None and self.table[name].null_count < len(self.table):
                columns[name] = self.table[name]
                continue
            variants = self._variants(name)
            columns[name] = variants.shown((types or {}).get(name) or variants.type())
        return pa.table(columns)

    def _variants(self, name: str) -> Variants:
        if name in self.spec.as_json:
            return Variants.of_piece(_flat(self.values(name)))
        return Variants.of_stored(self.table[name])

    def of_active(self) -> Manifest:
        """The same order with nothing but its active tasks."""
        if all(self.table["_active"].to_pylist()):
            return self
        return Manifest(self.spec, self.table.filter(self.table["_active"]))

    def save(self, path: Path) -> None:
        write(self.table, path, {"manifest": self.hash, "spec": self.spec.to_json()})

    @classmethod
    def load(cls, path: Path, columns: list[str] | None = None) -> Manifest:
        """
        Raises:
            OSError, ValueError, KeyError: if there is no manifest.
            UserError: if it is of a newer format.
        """
        table = read(path, columns)
        footer = footer_of(table.schema)
        values = footer["spec" if "spec" in footer else "order"]
        spec = ManifestSpec.of(values, str(path))
        table = table.replace_schema_metadata(None)
        table = table.rename_columns([_FORMAT_0.get(name, name) for name in table.column_names])
        if spec.parameters is None:
            names = schema_of(path).names if columns else table.column_names
            spec = replace(spec, parameters=tuple(_parameters_among(names)))
        part_of = path if columns else None
        return cls(spec, table, footer["manifest"], part_of, values.get("format", 0), values)

    @classmethod
    def of(
        cls,
        layout: Layout,
        chunk: str,
        columns: list[str] | None = None,
        wanted: str | None = None,
    ) -> Manifest | None:
        """A chunk's manifest as published, or else as its last visit found it; no other chunk's.

        Args:
            wanted: a hash; the one that has it comes first.
        """
        others = []
        for path in (layout.manifest(chunk), layout.chunk_store(chunk) / "manifest.parquet"):
            try:
                manifest = cls.load(path, columns)
            except (OSError, ValueError, KeyError):
                continue
            if manifest.chunk != chunk:
                continue
            if wanted in (None, manifest.hash):
                return manifest
            others.append(manifest)
        return others[0] if others else None

    def whole(self) -> Manifest:
        """The manifest with all columns of its file.

        Raises:
            UserError: if another one has been published meanwhile.
        """
        if self.part_of is None:
            return self
        manifest = Manifest.load(self.part_of)
        if manifest.hash != self.hash:
            raise UserError(
                "was changed by another snakemake", file=str(self.part_of), fix="Run it again."
            )
        return manifest


def _parameters_among(columns: list[str]) -> list[str]:
    return [n for n in columns if n not in ("task_id", "seq", "plan") and not n.startswith("_")]


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
