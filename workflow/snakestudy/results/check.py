"""Reading every file of results/ and the store, to say what is missing or wrong.

Run directories are counted where they are kept; what lies in them is not read, nor do results
depend on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy
import pyarrow as pa

from snakestudy.design.blocks import DesignExpander
from snakestudy.design.columns import Column
from snakestudy.design.design import Design
from snakestudy.design.ids import task_codes
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.messages import aligned, pluralize
from snakestudy.provenance.row_digest import RowDigest
from snakestudy.results.current import CurrentStep
from snakestudy.storage.chunk_store import Store
from snakestudy.storage.documents import FORMAT, ChunkEntry, PlanRecord
from snakestudy.storage.manifest import Manifest
from snakestudy.storage.part_tables import footer_in
from snakestudy.storage.state import State
from snakestudy.tables.arrow import Unreadable, read
from snakestudy.tables.row_selection import index_in, take_rows
from snakestudy.tables.task_ids import differences

SHOWN = 20  # problems told one by one


@dataclass
class Line:
    """What was found of one kind of file."""

    files: int = 0
    rows: int = 0
    tasks: int = 0
    schemas: list[pa.Schema] = field(default_factory=list)
    problems: int = 0


class View(Protocol):
    """What the planner knows of the study as it is configured."""

    @property
    def current(self) -> CurrentStep: ...

    def design(self) -> Design: ...

    def task_input_digests(self, design: Design, rows: numpy.ndarray) -> list[str | None]: ...


@dataclass
class Check:
    """Goes through a study; `lines`, `problems`, `notes` (no problems) are what it finds."""

    layout: Layout
    record: PlanRecord
    view: View
    lines: dict[str, Line] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    active: list[numpy.ndarray] = field(default_factory=list)
    known: list[numpy.ndarray] = field(default_factory=list)

    def run(self) -> None:
        for chunk, entry in self.record.chunks.items():
            manifest = self._manifest(chunk, entry.manifest)
            if manifest is None:
                continue
            self.known.append(manifest.task_codes)
            self.active.append(manifest.task_codes[manifest.active])
            for table in self.record.tables:
                self._output(table, manifest, entry)
            self._store(manifest)
            self._run_directories(manifest)
        self._unowned()
        self._task_table()
        self._design()
        for name, line in self.lines.items():
            if _types(line) == "mixed":
                differs = f"columns or types differ between its files; delete {self.layout.tasks}"
                self.problems.append(f"{name}: {differs} and run snakemake")
        line = self.lines.get("run directories", Line())
        if line.files < line.tasks:
            gone = f"{line.tasks - line.files:,} of {line.tasks:,} run directories are gone"
            self.notes.append(f"{gone}: metrics added later run their tasks again")

    def _say(self, kind: str, where: Path | str, problem: str) -> None:
        self.lines.setdefault(kind, Line()).problems += 1
        self.problems.append(f"{where}: {problem}")

    def _read(self, kind: str, path: Path) -> pa.Table | None:
        """The file's table, counted; None, and a word, if it is not there or damaged."""
        line = self.lines.setdefault(kind, Line())
        try:
            table = read(path)
        except FileNotFoundError:
            return self._say(kind, path, "is not there; snakemake makes it")
        except Unreadable as error:
            return self._say(kind, path, f"{error.problem}; delete it and run snakemake")
        line.files += 1
        line.rows += len(table)
        return table

    def _manifest(self, chunk: str, wanted: str) -> Manifest | None:
        path = self.layout.manifest(chunk)
        if self._read("manifests", path) is None:
            return None
        try:
            manifest = Manifest.load(path)
            # What an older version hashed is not there to be hashed again.
            content = manifest.computed_hash() if manifest.format == FORMAT else wanted
            as_written = (manifest.chunk, manifest.hash, content) == (chunk, wanted, wanted)
            as_written = as_written and (_codes_of(manifest) == manifest.task_codes).all()
        except (KeyError, ValueError):
            as_written = False
        if not as_written:
            return self._say("manifests", path, "is not what the plan wrote; delete it, snakemake")
        self.lines["manifests"].tasks += len(manifest.task_codes)
        return manifest

    def _output(self, kind: str, manifest: Manifest, entry: ChunkEntry) -> None:
        path = self.layout.output(kind, manifest.chunk)
        table = self._read(kind, path)
        if table is None:
            return
        is_metadata = kind.startswith("metadata/")
        footer = footer_in(table.schema, path)
        wanted = (manifest.chunk, "metadata" if is_metadata else kind)
        if (footer.chunk, footer.table) != wanted:
            return self._say(kind, path, "is another file's copy; delete it and run snakemake")
        self.lines[kind].schemas.append(table.schema.remove_metadata())
        ids = table["task_id"].to_pylist()
        self.lines[kind].tasks += len(set(ids))
        foreign = set(ids) - set(manifest.active_ids)
        if foreign:
            return self._say(kind, path, f"has rows of {pluralize(len(foreign), 'unknown task')}")
        self._compare_parameters(kind, path, table, manifest)
        if is_metadata:
            self._check_rows(kind, path, table, manifest, entry)

    def _compare_parameters(
        self, kind: str, path: Path, table: pa.Table, manifest: Manifest
    ) -> None:
        types = dict(zip(table.schema.names, table.schema.types, strict=True))
        result_columns = manifest.of_active().result_columns(types)
        wanted = take_rows(result_columns, index_in(table["task_id"], result_columns["task_id"]))
        for name in result_columns.column_names[1:]:
            if name not in types:
                self._say(kind, path, f"lacks parameter {name}; delete it and run snakemake")
            elif not wanted[name].equals(table[name]):
                self._say(kind, path, f"{name} is not as declared; delete it and run snakemake")

    def _check_rows(
        self, kind: str, path: Path, table: pa.Table, manifest: Manifest, entry: ChunkEntry
    ) -> None:
        counts = Counter(table["task_id"].to_pylist())
        missing = [task_id for task_id in manifest.active_ids if task_id not in counts]
        double = [task_id for task_id, count in counts.items() if count > 1]
        for tasks, what in ((missing, "missing"), (double, "double")):
            if tasks:
                self._say(kind, path, f"{pluralize(len(tasks), 'task')} {what}: {tasks[0]}, ...")
        digests = Counter(table["digest"].to_pylist())
        spec = self.view.current.spec(entry)
        made = {RowDigest.parse(text): count for text, count in digests.items()}
        old = {digest: count for digest, count in made.items() if not spec.is_made_now(digest)}
        if old:
            changed = self.view.current.changed
            words = sorted({word for digest in old for word in changed(digest.made_by)})
            tasks = pluralize(sum(old.values()), "task")
            self._say(kind, path, f"{tasks} of before {'; '.join(words)}; snakemake plans them")

    def _store(self, manifest: Manifest) -> None:
        store = Store(self.layout.chunk_store(manifest.chunk))
        line = self.lines.setdefault("store", Line())
        delete = f"delete {self.layout.metadata(ONLY_STEP, manifest.chunk)}"
        self._notes_of_store(manifest, store)
        for number in store.part_numbers():
            if store.is_whole(number, manifest.table["task_id"]):
                line.files += len(list(store.part(number).glob("*.parquet")))
            elif number in store.part_numbers():  # no visit replaced it meanwhile
                where = store.part(number)
                self._say("store", where, f"is damaged; {delete} and run snakemake")
        rows = len(store.last_rows())
        line.rows += rows
        line.tasks += rows

    def _notes_of_store(self, manifest: Manifest, store: Store) -> None:
        """Whether the chunk's manifest and state in the store are its own."""
        path = store.directory / "manifest.parquet"
        try:
            is_own = Manifest.load(path, ["task_id"]).chunk == manifest.chunk
        except (OSError, ValueError, KeyError):
            is_own = False
        if not is_own and store.part_numbers():
            where = self.layout.metadata(ONLY_STEP, manifest.chunk)
            self._say("store", path, f"is lost, or another chunk's; delete {where}, run snakemake")
        state = State.load(store.directory)
        others = {entry.manifest for entry in self.record.chunks.values()} - {manifest.hash}
        if state is not None and state.manifest in others:
            file = store.directory / "state.json"
            self._say("store", file, "is another chunk's; delete it and run snakemake")

    def _run_directories(self, manifest: Manifest) -> None:
        """How many run directories of those that are kept are there."""
        if manifest.spec.run_dirs != "keep":
            return
        line = self.lines.setdefault("run directories", Line())
        directories = map(self.layout.run_directory, manifest.active_ids)
        line.files += sum((directory / "task.json").exists() for directory in directories)
        line.tasks += len(manifest.active_ids)

    def _unowned(self) -> None:
        """Files that readers of a table take for a part of it."""
        for path in self.layout.unowned_files(self.record.tables, self.record.chunks):
            table = path.relative_to(self.layout.results).parts[0]
            problem = "is no chunk's; run snakemake: it moves it"
            self._say(table, path, problem)

    def _task_table(self) -> None:
        table = self._read("tasks", self.layout.tasks)
        if table is None:
            return
        ids = table["task_id"].to_pylist()
        self.lines["tasks"].tasks = len(set(ids))
        wanted = sorted(f"{number:016x}" for own in self.active for number in own.tolist())
        if sorted(ids) != wanted:
            problem = "has not just the active tasks; delete it and run snakemake"
            self._say("tasks", self.layout.tasks, problem)

    def _design(self) -> None:
        """Tasks that no chunk has, or two have; own input files that changed."""
        counts = Counter(number for own in self.known for number in own.tolist())
        double = [number for number, count in counts.items() if count > 1]
        if double:
            self._say("manifests", f"{double[0]:016x}", "is a task of two chunks")
        design = self.view.design()
        _, new = differences(design.sorted_codes, self.known)
        if len(new):
            self._say("manifests", "design", f"{pluralize(len(new), 'task')} not planned yet")
        tasks = numpy.concatenate([design.task_codes[:0], *self.active])
        rows = design.rows_of(tasks)
        inputs = self.view.task_input_digests(design, rows[rows >= 0])
        if any(inputs):
            before = self._inputs_before()
            pairs = zip(tasks[rows >= 0].tolist(), inputs, strict=True)
            changed = sum(before.get(number) != own for number, own in pairs)
            if changed:
                text = f"input files of {pluralize(changed, 'task')} changed"
                self._say("manifests", "task.inputs", f"{text}; snakemake --config rehash=1")

    def _inputs_before(self) -> dict[int, str | None]:
        found: dict[int, str | None] = {}
        for chunk in self.record.chunks:
            manifest = Manifest.of(self.layout, chunk)
            if manifest is not None:
                inputs = manifest.task_inputs(ONLY_STEP).to_pylist()
                found.update(zip(manifest.task_codes.tolist(), inputs, strict=True))
        return found


def _codes_of(manifest: Manifest) -> numpy.ndarray:
    """The task_ids that follow from a manifest's parameters."""
    spec = manifest.spec
    names = [name for name in manifest.all_parameters if name not in spec.derive]
    columns = {name: Column.of(manifest.values(name)) for name in names}
    return task_codes(DesignExpander(defaults=spec.defaults).identity(columns))


def report(lines: dict[str, Line], problems: Sequence[str], notes: Sequence[str] = ()) -> str:
    """The table, the notes, and the problems one by one."""
    rows = [
        [name, *(f"{n:,}" for n in (line.files, line.rows, line.tasks)), _types(line),
         f"{line.problems:,}"]
        for name, line in lines.items()
    ]  # fmt: skip
    text = [aligned(["", "files", "rows", "tasks", "types", "problems"], rows)]
    text += notes
    text += [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        text.append(f"  ... and {len(problems) - SHOWN} more")
    text.append(
        pluralize(len(problems), "problem") if problems else "nothing missing, nothing wrong"
    )
    return "\n".join(text)


def _types(line: Line) -> str:
    if not line.schemas:
        return ""
    return "one" if all(schema.equals(line.schemas[0]) for schema in line.schemas) else "mixed"
