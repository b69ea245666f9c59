"""The chunks that are there, and what a plan looks up of them and of input files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy

from snakestudy.config.inputs import inputs_digest, is_per_task
from snakestudy.config.study import Task
from snakestudy.config.templates import placeholders
from snakestudy.layout import ONLY_STEP, Layout
from snakestudy.planning.model import ExistingChunk
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.state import State

if TYPE_CHECKING:
    from snakestudy.design.design import Design
    from snakestudy.storage.manifest import Manifest
    from snakestudy.storage.task_rows import TaskRow


def load_existing(record: PlanRecord | None, layout: Layout) -> dict[str, ExistingChunk]:
    """Every chunk that is there, started or only published."""
    from snakestudy.storage.manifest import PLANNED, Manifest

    planned = record.chunks if record else {}
    started = set(layout.started())
    existing = {}
    misplaced = cache(lambda: _misplaced(layout))  # seldom needed, and by several then
    for chunk in sorted(started | planned.keys()):
        wanted = planned[chunk].manifest if chunk in planned else None
        manifest = Manifest.of(layout, chunk, PLANNED, wanted) or misplaced().get(chunk)
        if manifest is None:
            continue
        state = State.load(layout.chunk_store(chunk))
        has_outputs = layout.metadata(ONLY_STEP, chunk).exists()
        lost = manifest.part_of != layout.manifest(chunk)
        lost |= chunk in planned and manifest.hash != planned[chunk].manifest
        if state is None or state.manifest != manifest.hash:
            lost |= has_outputs
        existing[chunk] = ExistingChunk(manifest, chunk in started or has_outputs, lost, state)
    return existing


def _misplaced(layout: Layout) -> dict[str, Manifest]:
    """Manifests that lie in another chunk's place, by the chunk whose they are."""
    from snakestudy.storage.manifest import PLANNED, Manifest

    stored = [layout.chunk_store(chunk) / "manifest.parquet" for chunk in layout.started()]
    found = {}
    for path in [*stored, *layout.manifests()]:
        try:
            manifest = Manifest.load(path, PLANNED)
        except (OSError, ValueError, KeyError):
            continue
        found[manifest.chunk] = manifest
    return found


@dataclass
class FilesOnDisk:
    """What a plan looks up (`model.StudyFiles`), in the study's directory.

    Attributes:
        last: the chunk whose rows were asked for last, and they: reviews ask for one after
            the other, each several times.
    """

    layout: Layout
    task: Task
    file_hashes: FileHashes
    last: tuple[str, Mapping[str, TaskRow]] = field(default=("", {}), repr=False)

    def rows(self, chunk: str) -> Mapping[str, TaskRow]:
        if self.last[0] != chunk:
            self.last = chunk, self._rows(chunk)
        return self.last[1]

    def _rows(self, chunk: str) -> Mapping[str, TaskRow]:
        """A lost store's rows are taken from the outputs."""
        from snakestudy.storage.chunk_store import Store
        from snakestudy.storage.task_rows import rows_of

        rows = Store(self.layout.chunk_store(chunk)).rows()
        output = self.layout.metadata(ONLY_STEP, chunk)
        return rows_of(output) if not rows and output.exists() else rows

    def count_run_directories(self, task_ids: list[str]) -> int:
        directories = map(self.layout.run_directory, task_ids)
        return sum((directory / "task.json").exists() for directory in directories)

    def whole_manifest(self, chunk: ExistingChunk) -> Manifest:
        """
        Raises:
            UserError: if another one has been published meanwhile.
        """
        return chunk.manifest.whole()

    def task_input_digests(self, design: Design, rows: numpy.ndarray) -> list[str | None]:
        """
        Raises:
            UserError: for a file that is not there or a name that leaves the run directory.
        """
        items = list(filter(is_per_task, self.task.inputs))
        if not items or not len(rows):
            return [None] * len(rows)
        names = {name for item in items for name in placeholders(item.path + (item.rename or ""))}
        lists = {n: design.columns[n].take(rows).to_list() for n in names if n in design.columns}
        digests: list[str | None] = []
        for position, task_id in enumerate(design.ids_of(rows)):
            values = {name: column[position] for name, column in lists.items()}
            values = {"task_id": task_id, "threads": self.task.threads, **values}
            digests.append(inputs_digest(self.task, values, self.file_hashes.sha256))
        return digests
