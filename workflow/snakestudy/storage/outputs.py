"""A chunk's outputs in results/: its store's rows of active tasks, one type a column."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from snakestudy.errors import UserError
from snakestudy.files import sha256_of
from snakestudy.layout import Layout
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import Footer
from snakestudy.storage.links import link
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.part_tables import PartTable, beside_parameters, refuse_doubled
from snakestudy.tables.arrow import has_empty_column, read, write_batches
from snakestudy.tables.common_types import common_type, common_types
from snakestudy.tables.kinds import Variants, is_in_nanoseconds, stored_schema
from snakestudy.tables.row_selection import rows_with

METADATA = "metadata"  # the table of a part whose columns have one type each, whatever rows say
Types = dict[str, pa.DataType]  # column -> the type it is shown in


# -- one chunk ----------------------------------------------------------------------------------


def project(
    store: Store,
    part: int,
    names: Sequence[str],
    layout: Layout,
    manifest: Manifest,
    footer: Footer,
) -> dict[str, str]:
    """Make the outputs of a compacted part: hard links where it is what they show.

    Returns:
        As `State.links`.
    """
    active = manifest.of_active()
    metadata = read(store.table(METADATA, part), ["task_id"])
    same = metadata["task_id"].equals(active.table["task_id"])
    links = {}
    for name in names:
        source = store.table(name, part)
        output = layout.projection(name, footer.step, manifest.chunk)
        if same and source.exists() and _is_shown(name, source) and link(source, output):
            links[name] = sha256_of(source)
        else:
            projection = Projection(name, PartTable(source), active)
            schema = projection.natural()
            about = replace(footer, table=name).to_json()
            write_batches(projection.shown(schema), schema, output, about)
    return links if len(links) == len(names) else {}


def _is_shown(name: str, source: Path) -> bool:
    """Whether a stored table has the types that its rows are shown in."""
    if name == METADATA:
        return True
    table = PartTable(source)
    types = table.own_schema.types
    if not table.description.rows:
        return all(map(pa.types.is_null, types))
    return not any(map(pa.types.is_struct, types)) and not has_empty_column(source)


@dataclass(frozen=True)
class Projection:
    """A table of a chunk's store as results/ shows it.

    Attributes:
        name: a metric, or metadata.
        table: of the store's one part; it may lack it.
        active: the manifest with nothing but its active tasks.
    """

    name: str
    table: PartTable
    active: Manifest

    def natural(self) -> pa.Schema:
        """The columns as the rows of this chunk alone would have them."""
        parameters = self.active.result_columns().schema
        return pa.schema([*parameters, *self._own_types().items()])

    def shown(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Its rows with columns and types that hold them all."""
        parameters = self.active.result_columns(dict(zip(schema.names, schema.types, strict=True)))
        for batch in self.batches():
            yield _shown_beside(batch, parameters, schema, f"metric {self.name}")

    def batches(self) -> Iterator[pa.Table]:
        """task_id and own columns of active tasks, as stored."""
        if self.table.path.exists():
            tasks = self.active.table["task_id"]
            yield from (rows_with(batch, tasks) for batch in self.table.batches())

    def _own_types(self) -> Types:
        """Of the columns that rows have; of all, without a type, if there are no rows."""
        if self.name == METADATA:
            return {field.name: field.type for field in self.table.own_schema}
        types, rows = _types_by_rows(self.batches())
        if rows or not self.table.path.exists():
            return _fitted(types, self.batches)
        return {field.name: pa.null() for field in self.table.own_schema}


def _types_by_rows(batches: Iterable[pa.Table]) -> tuple[Types, int]:
    """The own columns that rows of stored tables have, with the type that shows them; the rows.

    Columns come in the order of the first row that has them.
    """
    types: dict[str, list[pa.DataType]] = {}
    first: dict[str, int] = {}
    above = 0
    for batch in batches:
        for name, column in zip(batch.column_names[1:], batch.columns[1:], strict=True):
            variants = Variants.of_stored(column)
            if len(batch) and (row := variants.first) is not None:
                first.setdefault(name, above + row)
                types.setdefault(name, []).append(variants.type())
        above += len(batch)
    return {name: common_type(types[name]) for name in sorted(first, key=first.__getitem__)}, above


def _fitted(types: Types, batches: Callable[[], Iterable[pa.Table]]) -> Types:
    """The types of columns; text instead of nanoseconds, in which not every time has a place."""
    unsure = [name for name, type_ in types.items() if is_in_nanoseconds(type_)]
    for batch in batches() if unsure else ():
        for name in unsure:
            if name in batch.column_names and not Variants.of_stored(batch[name]).fits(types[name]):
                types = {**types, name: pa.string()}
    return types


def _shown_beside(stored: pa.Table, parameters: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """Stored rows behind the parameters of their tasks, in a schema; what it lacks is null."""
    has = dict(zip(stored.column_names, stored.columns, strict=True))
    types = dict(zip(schema.names, schema.types, strict=True))
    own = {name: _shown(has[name], type_) for name, type_ in types.items() if name in has}
    table = beside_parameters(pa.table(own), parameters, what)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    for name, type_ in types.items():
        if name not in columns:
            columns[name] = pa.nulls(len(table), type_)
    return pa.Table.from_arrays([columns[name] for name in types], schema=schema)


def _shown(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == type_ else Variants.of_stored(column).shown(type_)


# -- all chunks ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outputs:
    """The files of one table, a chunk's each.

    Attributes:
        table: a metric, or a step's `metadata_table`.
        files: chunk -> its file.
    """

    layout: Layout
    table: str
    files: dict[str, PartTable]

    @classmethod
    def of(cls, layout: Layout, table: str, chunks: Iterable[str]) -> Outputs:
        files = {chunk: PartTable(layout.output(table, chunk)) for chunk in chunks}
        return cls(layout, table, files)

    def schema(self) -> pa.Schema:
        """One for all: task_id, every parameter, then the table's own columns.

        Columns of files without rows count only where no file has any.

        Raises:
            UserError: if a column is a parameter elsewhere.
        """
        with_rows = [chunk for chunk, file in self.files.items() if file.description.rows]
        own = common_types(self._natural[chunk][1] for chunk in with_rows or self.files)
        own = _fitted(own, lambda: (b for c in with_rows for b in self._projection(c).batches()))
        refuse_doubled(own, self._parameters, f"metric {self.table}")
        return pa.schema({**self._parameters, **own})

    def unify(self) -> None:
        """Rewrite the files whose columns or types differ from those of all; keep their times.

        Raises:
            UserError: if a column is a parameter elsewhere.
        """
        schema = self.schema()
        for chunk, file in self.files.items():
            if file.description.schema.remove_metadata().equals(schema):
                continue
            stat = file.path.stat()
            about = replace(file.footer, parameters=tuple(self._parameters)[1:]).to_json()
            parameters, own = self._natural[chunk]
            natural = pa.schema({**parameters, **own})
            shown = self._projection(chunk).shown(schema)
            write_batches(shown, schema, file.path, about, natural=natural)
            os.utime(file.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def read(self) -> pa.Table:
        """All files under each other in their one schema."""
        schema = self.schema()
        tables = []
        for chunk, file in self.files.items():
            if file.description.schema.remove_metadata().equals(schema):
                tables.append(read(file.path).replace_schema_metadata(None))
            else:  # rule `tasks` has not come to it yet
                tables += self._projection(chunk).shown(schema)
        return pa.concat_tables([schema.empty_table(), *tables])

    @cached_property
    def _parameters(self) -> Types:
        return common_types(parameters for parameters, _ in self._natural.values())

    @cached_property
    def _natural(self) -> dict[str, tuple[Types, Types]]:
        """chunk -> its parameters (task_id first) and own columns as they are by themselves."""
        return {chunk: self._natural_of(chunk, file) for chunk, file in self.files.items()}

    def _natural_of(self, chunk: str, file: PartTable) -> tuple[Types, Types]:
        natural, parameters = file.description.natural, file.footer.parameters
        if file.is_before_natural and not self._is_link(chunk, file):
            projection = self._projection(chunk)
            natural, parameters = projection.natural(), projection.active.parameters
        types = dict(zip(natural.names, natural.types, strict=True))
        before = {"task_id", *parameters}
        return (
            {name: type_ for name, type_ in types.items() if name in before},
            {name: type_ for name, type_ in types.items() if name not in before},
        )

    def _is_link(self, chunk: str, file: PartTable) -> bool:
        source = self._source(chunk).path
        return source.exists() and source.samefile(file.path)

    def _projection(self, chunk: str) -> Projection:
        manifest = Manifest.load(self.layout.manifest(chunk)).of_active()
        return Projection(self._name, self._source(chunk), manifest)

    @property
    def _name(self) -> str:
        """What the table is called in the store."""
        return METADATA if self.table.startswith(f"{METADATA}/") else self.table

    def _source(self, chunk: str) -> PartTable:
        """The table of the chunk's store that its file shows."""
        store = Store(self.layout.chunk_store(chunk))
        parts = store.part_numbers()
        if len(parts) != 1:
            what = "is not as its visit left it"
            raise UserError(what, file=str(store.parts), fix="Run snakemake again.")
        return PartTable(store.table(self._name, parts[0]))


def shown_together(name: str, found: Sequence[tuple[Manifest, list[pa.Table]]]) -> pa.Table:
    """Stored rows of several chunks under each other.

    Args:
        name: of the table in the store.
        found: of each chunk its manifest, and task_id and own columns of rows.
    """
    tables = [own for _, owns in found for own in owns]
    if name == METADATA:
        stored = stored_schema([own.schema for own in tables])
        own_types = dict(zip(stored.names[1:], stored.types[1:], strict=True))
    else:
        own_types = _fitted(_types_by_rows(tables)[0], lambda: tables)
    shown = [manifest.result_columns().schema for manifest, _ in found]
    parameters = common_types(dict(zip(s.names, s.types, strict=True)) for s in shown)
    schema = pa.schema({**parameters, **own_types})
    rows = [schema.empty_table()]
    for manifest, owns in found:
        columns = manifest.result_columns(parameters)
        rows += [_shown_beside(own, columns, schema, f"metric {name}") for own in owns]
    return pa.concat_tables(rows)
