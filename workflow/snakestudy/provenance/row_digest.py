"""The digest that each row keeps of what made it."""

from __future__ import annotations


def row_digest(provenance: str, inputs: str | None, metrics: dict[str, str]) -> str:
    """The digest a row keeps: what ran, the task's own inputs, how each metric was read.

    >>> row_digest("0123456789abcdef", None, {"fit": "aa", "curve": ""})
    '0123456789abcdef curve= fit=aa'
    """
    own = f"-{inputs}" if inputs else ""
    return " ".join([provenance + own, *(f"{name}={metrics[name]}" for name in sorted(metrics))])


def made_by(digest: str) -> str:
    """The digest of what ran in a row's digest."""
    return digest[:16]


def metrics_in(digest: str) -> dict[str, str]:
    """The metrics of a row's digest: name -> digest."""
    return dict(word.split("=", 1) for word in digest.split(" ")[1:])


def inputs_in(digest: str) -> str | None:
    """The digest of the task's own inputs in a row's digest."""
    return digest.split(" ", 1)[0][17:] or None
