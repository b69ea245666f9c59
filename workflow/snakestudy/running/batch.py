"""Tasks on their way to workers, held as columns: a million tasks are a few lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple


class TaskSpec(NamedTuple):
    """A task to be run: its row in the manifest, what it is, its tries."""

    index: int
    task_id: str
    values: dict[str, Any]
    digest: str
    tried: int  # so far, with this digest
    attempts: int  # that may be made at most
    reread: str | None  # the digest, if its metrics can be read again from its run directory


@dataclass(frozen=True)
class TaskBatch:
    """Tasks to be run: an entry a task in each column (see `TaskSpec`)."""

    index: list[int]
    task_id: list[str]
    values: dict[str, list[Any]]
    digest: list[str]
    tried: list[int]
    attempts: list[int]
    reread: list[str | None]

    def __len__(self) -> int:
        return len(self.index)

    def take(self, positions: Sequence[int]) -> TaskBatch:
        """The tasks at some positions."""

        def pick(column: list[Any]) -> list[Any]:
            return [column[position] for position in positions]

        return TaskBatch(
            pick(self.index),
            pick(self.task_id),
            {name: pick(column) for name, column in self.values.items()},
            pick(self.digest),
            pick(self.tried),
            pick(self.attempts),
            pick(self.reread),
        )

    def items(self) -> Iterator[TaskSpec]:
        """The tasks one by one."""
        names = tuple(self.values)
        sets = zip(*self.values.values(), strict=True) if names else repeat((), len(self))
        values = (dict(zip(names, row, strict=True)) for row in sets)
        others = (self.digest, self.tried, self.attempts, self.reread)
        return map(TaskSpec, self.index, self.task_id, values, *others)
