"""The digest that each row keeps of what made it, and the one rule by which a row is made again.

Planning, visits, `status`, `snakestudy.open` all ask `needs_run`; what they know differs (a
plan knows what changed in words, a visit which digests its manifest accepts) and is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Protocol

_UNREAD = "!"  # before the digest of a reading that failed, of a task that itself ended well
ANY_INPUTS = object()  # for `needs_run`: the task's own input files are not looked at


@dataclass(frozen=True, slots=True)
class RowDigest:
    """What made a row.

    >>> str(RowDigest("0123456789abcdef", "01234567", (("curve", ""), ("fit", "aa"))))
    '0123456789abcdef-01234567 curve= fit=aa'
    >>> RowDigest.parse("0123456789abcdef curve= fit=aa").metrics
    (('curve', ''), ('fit', 'aa'))
    >>> str(RowDigest.parse("0123456789abcdef curve= fit=aa").with_unread(["fit"]))
    '0123456789abcdef curve= fit=!aa'

    Attributes:
        made_by: digest of what ran (`Provenance.digest`), 16 digits.
        inputs: digest of the task's own input files; None if it has none.
        metrics: metric -> digest of how its rows were read, sorted by name; marked, if the
            task ended well and they could not be read so.
    """

    made_by: str
    inputs: str | None = None
    metrics: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, made_by: str, inputs: str | None, metrics: Mapping[str, str]) -> RowDigest:
        return cls(made_by, inputs, tuple(sorted(metrics.items())))

    @staticmethod
    @lru_cache(4096)  # the rows of a chunk share few
    def parse(text: str) -> RowDigest:
        """The digest that a row keeps as text."""
        made, *readings = text.split(" ")
        made_by, _, inputs = made.partition("-")
        pairs = (reading.partition("=") for reading in readings)
        return RowDigest(made_by, inputs or None, tuple((name, how) for name, _, how in pairs))

    def __str__(self) -> str:
        made = f"{self.made_by}-{self.inputs}" if self.inputs else self.made_by
        return f"{made} {self.reading}" if self.metrics else made

    @property
    def reading(self) -> str:
        """How its metrics were read, as text."""
        return " ".join(f"{name}={how}" for name, how in self.metrics)

    @property
    def tried(self) -> dict[str, str]:
        """metric -> digest of how its rows were read, or could not be read."""
        return {name: how.removeprefix(_UNREAD) for name, how in self.metrics}

    @property
    def unread(self) -> dict[str, str]:
        """Those of `tried` that could not be read, of a task that itself ended well."""
        return {name: how[1:] for name, how in self.metrics if how.startswith(_UNREAD)}

    def with_unread(self, names: Collection[str]) -> RowDigest:
        """The digest of a task that ended well, while these metrics could not be read."""
        marked = ((name, _UNREAD * (name in names) + how) for name, how in self.tried.items())
        return RowDigest(self.made_by, self.inputs, tuple(marked))

    @property
    def what_ran(self) -> tuple[str, str | None]:
        """What made it but for the reading of metrics: what ran, on which inputs."""
        return self.made_by, self.inputs


class Row(Protocol):
    """A task's last row, or many that are alike, as far as the rule asks."""

    @property
    def digest(self) -> str: ...

    @property
    def status(self) -> str: ...

    @property
    def attempt(self) -> int: ...


@dataclass(frozen=True)
class RowSpec:
    """What a row must be to stand.

    Attributes:
        is_current: digest of what ran -> whether nothing that counts has changed since.
        metrics: metric -> digest of how its rows are read.
        accepted: digests of what ran that stand although something changed.
        accepted_readings: readings (`RowDigest.reading`) that stand likewise.
    """

    is_current: Callable[[str], bool]
    metrics: Mapping[str, str]
    accepted: Collection[str] = ()
    accepted_readings: Collection[str] = ()

    def is_made_now(self, digest: RowDigest) -> bool:
        """Whether what made a row is what would make it now, or is accepted."""
        return digest.made_by in self.accepted or self.is_current(digest.made_by)

    def has_metrics(self, digest: RowDigest) -> bool:
        """Whether a row has every metric as it is read now, or as is accepted."""
        has = dict(digest.metrics)
        has_all = all(has.get(name) == how for name, how in self.metrics.items())
        return has_all or digest.reading in self.accepted_readings

    def is_read_alike(self, digest: RowDigest) -> bool:
        """Whether nothing but what was tried in vain already could be read of a row's metrics."""
        tried, wanted = digest.tried, self.metrics
        tried_all = all(tried.get(name) == how for name, how in wanted.items())
        return tried_all and wanted.keys() >= digest.unread.keys()


class Reason(Enum):
    """Why a task's row has to be made (again)."""

    MISSING = "it has no row"
    FORCED = "it was asked for again"
    STALE = "what made it has changed"
    INPUTS = "its own input files have changed"
    UNREAD = "it lacks a metric as it is read now"
    FAILED = "it failed and may be tried again"


def needs_run(
    row: Row | None,
    spec: RowSpec,
    *,
    max_attempt: float,
    inputs: object = ANY_INPUTS,
    is_forced: bool = False,
) -> Reason | None:
    """Why a task's row has to be made (again); None if it stands.

    Args:
        row: the task's last row; None if it has none.
        max_attempt: the highest attempt that may be made; a failure at a lower one is tried again.
        inputs: digest of the task's own input files as they are, None if it has none.
        is_forced: whether the user wants it again whatever it says.
    """
    if row is None:
        return Reason.MISSING
    if is_forced:
        return Reason.FORCED
    digest = RowDigest.parse(row.digest)
    if not spec.is_made_now(digest):
        return Reason.STALE
    if inputs is not ANY_INPUTS and digest.inputs != inputs:
        return Reason.INPUTS
    if row.status == "success":
        return None if spec.has_metrics(digest) else Reason.UNREAD
    if digest.unread and not spec.is_read_alike(digest):
        return Reason.UNREAD
    return Reason.FAILED if row.attempt < max_attempt else None


def status_of(row: Row | None, reason: Reason | None) -> str:
    """A task's status in words, from its last row and what `needs_run` says of it.

    >>> status_of(None, Reason.MISSING)
    'pending'
    """
    if row is None:
        return "pending"
    return "stale" if row.status == "success" and reason else row.status
