"""What `on_change: keep` accepts: rows of before, for the version it was said of and no other.

An entry is kept in manifests and records, `WHAT @ VERSION`: a digest of what ran, or a reading of
metrics, that stands beside the one that was current. What was accepted before versions were noted
(`WHAT` alone) stands for good, as it was promised then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from snakestudy.provenance.row_digest import RowDigest, RowSpec

_AT = " @ "


def reading_of(metrics: Mapping[str, str]) -> str:
    """How metrics are read, as text."""
    return RowDigest.of("", None, metrics).reading


def entries(what: Iterable[str], version: str) -> set[str]:
    """What is accepted beside a version, as it is kept."""
    return {f"{one}{_AT}{version}" for one in what}


def row_spec(
    is_current: Callable[[str], bool],
    metrics: Mapping[str, str],
    digests: Iterable[str],
    readings: Iterable[str],
) -> RowSpec:
    """What rows must be to stand.

    Args:
        is_current: digest of what ran -> whether nothing that counts has changed since.
        metrics: metric -> digest of how its rows are read.
        digests, readings: what is accepted, as it is kept.
    """
    now = reading_of(metrics)
    accepted = _standing(digests, is_current), _standing(readings, now.__eq__)
    return RowSpec(is_current, metrics, *accepted)


def _standing(kept: Iterable[str], is_current: Callable[[str], bool]) -> frozenset[str]:
    parts = (entry.partition(_AT) for entry in kept)
    return frozenset(what for what, at, version in parts if not at or is_current(version))
