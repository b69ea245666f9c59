"""The study as it is configured and coded now, to hold rows against; imports no tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from math import inf
from pathlib import Path

from snakestudy.config.load import load
from snakestudy.config.study import Step, Study
from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.provenance.acceptance import row_spec
from snakestudy.provenance.changes import FIRST_STANDS, changes
from snakestudy.provenance.code import code_text
from snakestudy.provenance.digests import Provenance, keep_unchanged_readers, provenance_of
from snakestudy.provenance.file_hashes import FileHashes
from snakestudy.provenance.row_digest import RowDigest, RowSpec
from snakestudy.storage.documents import ChunkEntry, ManifestSpec, PlanRecord
from snakestudy.storage.state import limits_of


@dataclass(frozen=True)
class CurrentStep:
    """A step of the study as it is now.

    Attributes:
        changed: digest of what ran -> what changed since, in words; empty if it is current.
        max_failures: the attempts after which a failed task is given up.
        retries_all: whether given-up tasks are tried again.
    """

    step: Step
    provenance: Provenance
    changed: Callable[[str], tuple[str, ...]]
    max_failures: int
    retries_all: bool = False

    def spec(self, accepted: ChunkEntry | ManifestSpec) -> RowSpec:
        """What the rows of a chunk must be to stand.

        Args:
            accepted: of the chunk, what `on_change: keep` has accepted in it.
        """
        digests, readings = accepted.accepted_digests, accepted.accepted_readings
        return row_spec(
            lambda digest: not self.changed(digest), self.provenance.metrics, digests, readings
        )

    def changes_of(self, digests: Iterable[RowDigest]) -> list[str]:
        """What changed since rows with these digests were made, in words."""
        return sorted({word for digest in digests for word in self.changed(digest.made_by)})

    def metric_changes_of(self, digests: Iterable[RowDigest]) -> list[str]:
        """Metrics that rows with these digests lack as they are read now, in words."""
        digests, wanted = list(digests), self.provenance.metrics
        has = [digest.tried for digest in digests]
        new = sorted(n for n, how in wanted.items() if any(h.get(n) != how for h in has))
        gone = sorted({n for digest in digests for n in digest.unread.keys() - wanted.keys()})
        words = [f"metric {name} is new or read in another way" for name in new]
        return words + [f"metric {name}, which could not be read, is no more" for name in gone]

    def max_attempt(self, limits: str | None) -> float:
        """The highest attempt that a failed task may make; limits: those when it failed."""
        if self.retries_all or (limits is not None and limits != limits_of(self.step.task)):
            return inf
        return self.max_failures


def current_steps(
    study: Study, record: PlanRecord | None, layout: Layout, hashes: FileHashes
) -> dict[str, CurrentStep]:
    """The steps of a study as they are now, by name.

    Raises:
        UserError: for a file, script or function that is not there.
    """
    steps = {}
    for step in study.steps:
        provenance = provenance_of(study, step, hashes)
        text_of = _texts(provenance, layout)
        if record and step.name in record.steps:
            before = record.steps[step.name]
            provenance = keep_unchanged_readers(provenance, before.metrics, before.readers, text_of)
        steps[step.name] = CurrentStep(
            step,
            provenance,
            _changed(provenance, record, text_of),
            study.config["give_up"] * (1 + step.task.retries),
            study.invocation.get("retry") == "all",
        )
    return steps


def _texts(provenance: Provenance, layout: Layout) -> Callable[[str], str | None]:
    """A function: SHA-256 -> the text of that code, as it is now or was once."""
    study = Path.cwd()
    paths = {sha: study / path for path, sha in provenance.files.items()}

    def text_of(sha: str) -> str | None:
        path = paths.get(sha, layout.code / sha)
        try:
            return code_text(path)
        except (OSError, SyntaxError, ValueError):
            return None

    return text_of


def _changed(
    provenance: Provenance, record: PlanRecord | None, text_of: Callable[[str], str | None]
) -> Callable[[str], tuple[str, ...]]:
    """A function: digest of what ran -> what changed since, in words.

    Where a parameter has no default, before it had one or again, its first one stands; so it is
    with all of `FIRST_STANDS`.
    """
    digests = record.digests if record else {}
    first: dict[str, str] = {}
    for components in digests.values():
        for label, value in components.items():
            if label.partition(" ")[0] in FIRST_STANDS:
                first.setdefault(label, value)

    @cache
    def changed(digest: str) -> tuple[str, ...]:
        if digest == provenance.digest:
            return ()
        if digest not in digests:
            return ("what made them is not known",)
        before = {**first, **digests[digest]}
        return tuple(changes(before, {**first, **provenance.components}, text_of))

    return changed


@dataclass(frozen=True)
class CurrentStudy:
    """The steps of a planned study as they are now, as those ask who only read.

    Attributes:
        problem: why they are not known (a configuration that is being edited, say); what is
            stale cannot be told then.
    """

    steps: Mapping[str, CurrentStep]
    keeps_changed: bool = False
    problem: str | None = None

    def spec(self, step: str, accepted: ChunkEntry | ManifestSpec) -> RowSpec:
        """What rows must be to stand; anything, where it is not known or accepted anyway."""
        if step not in self.steps:
            return RowSpec(lambda digest: True, {})
        spec = self.steps[step].spec(accepted)
        if not self.keeps_changed:
            return spec
        # What a command left is read again all the same; what a function returned is gone.
        metrics = spec.metrics if self.steps[step].step.task.command else {}
        return replace(spec, is_current=lambda digest: True, metrics=metrics)

    @classmethod
    def of(cls, record: PlanRecord, layout: Layout, directory: Path) -> CurrentStudy:
        """As the study's directory holds it; a study without its configuration is as planned."""
        layout = layout.absolute()
        with _inside(directory):
            if not Path(record.config_file).exists():
                return cls({})
            try:
                study = load(record.config_file, {}, record)
                hashes = FileHashes.load(layout.file_hashes)
                steps = current_steps(study, record, layout, hashes)
            except UserError as error:
                return cls({}, problem=str(error))
        return cls(steps, study.config["on_change"] == "keep")


@contextmanager
def _inside(directory: Path) -> Iterator[None]:
    """Paths of a study start at its directory; the working directory changes only if need be."""
    if directory.samefile("."):
        yield
    else:
        with chdir(directory):
            yield
