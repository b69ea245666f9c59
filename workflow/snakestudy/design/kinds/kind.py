"""What a kind of design block is: what it makes of its value, and what else that depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakestudy.design.columns import ParameterColumns

Sha = Callable[[str, str], str]  # (path, key of the configuration that names it) -> SHA-256


@dataclass(frozen=True)
class Factor:
    """Parameter sets that multiply with the other factors of a block.

    Attributes:
        labels: columns that name a set and are no part of its identity.
    """

    columns: ParameterColumns
    labels: ParameterColumns = field(default_factory=dict)


@dataclass(frozen=True)
class ExpandContext:
    """What a kind may ask for beside its value.

    Attributes:
        limit: how many sets there may be.
        results: the sets that a value of `values_from` selects, none if there is no result yet.
    """

    limit: int
    results: Callable[[Mapping[str, Any]], ParameterColumns] | None = None


def _nothing(*_: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class BlockKind:
    """A key that a block of the design may have.

    All but `expand` is asked whenever Snakemake parses: a kind's module imports what is heavy
    (numpy, all that holds columns) within that function only.

    Attributes:
        name: the key.
        expand: its value -> factors; an error of it lies at the key.
        files: its value -> paths of the files that the sets come from. `sha` raises for a path
            that is no file, and is called for each path that is returned.
        studies: its value -> directories of the studies whose results decide the sets, None for
            the study itself.
        note: a word for people on what was expanded, or None. Takes the key from the top, the
            value, the number of sets of the whole block and the value in the last plan, if any.
        runs_python: whether `expand` runs code of the study's.
    """

    name: str
    expand: Callable[[Any, ExpandContext], Iterable[Factor]]
    files: Callable[[Any, Sha], Iterable[str]] = _nothing
    studies: Callable[[Any], Iterable[str | None]] = _nothing
    note: Callable[[str, Any, int, Any], str | None] | None = None
    runs_python: bool = False
