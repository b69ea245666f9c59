"""The task_ids of many parameter sets at once, kept between invocations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from snakestudy.design.columns import Column
from snakestudy.files import write_bytes
from snakestudy.values import canonical

REMEMBERED = 10_000  # sets; fewer are computed faster than they are read


@dataclass
class IdCache:
    """Keeps ids between invocations: one file for each set of columns in use.

    Attributes:
        fresh: key -> ids that are not kept yet.
        used: the files that were asked for.
    """

    directory: Path
    fresh: dict[str, numpy.ndarray] = field(default_factory=dict)
    used: set[Path] = field(default_factory=set)

    def load(self, key: str) -> numpy.ndarray | None:
        """The ids of the columns with this key; None if they are not there as they were kept."""
        for path in self.directory.glob(f"{key}-*"):
            content = path.read_bytes()
            if path.name == _name(key, content):
                self.used.add(path)
                return numpy.frombuffer(content, dtype=numpy.uint64)
        return None

    def save(self) -> None:
        """Write what is new, remove what was not asked for."""
        if self.used or self.fresh:
            for path in set(self.directory.glob("[!.]*")) - self.used:
                path.unlink(missing_ok=True)
        for key, codes in self.fresh.items():
            content = codes.tobytes()
            self.directory.mkdir(parents=True, exist_ok=True)
            write_bytes(self.directory / _name(key, content), content)


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:16]}"


def task_codes(columns: Mapping[str, Column], id_cache: IdCache | None = None) -> numpy.ndarray:
    """The task_id (see `values.task_id`) of every set, as numbers of 64 bits.

    Each distinct value is written as JSON once; what is left is one SHA-256 a set.

    Args:
        columns: the parameters that are part of the identity, at least one.
        id_cache: where they were kept, if these columns were seen before.
    """
    rows = len(next(iter(columns.values())).codes)
    key = _key(columns) if id_cache and rows >= REMEMBERED else None
    known = id_cache.load(key) if id_cache and key else None
    if known is not None:
        return known
    sha256 = hashlib.sha256
    digests = b"".join([sha256(text).digest() for text in _texts(columns)])
    codes = numpy.frombuffer(digests, dtype=">u8")[::4].astype(numpy.uint64)
    if id_cache and key:
        id_cache.fresh[key] = codes
    return codes


def _texts(columns: Mapping[str, Column]) -> Iterable[bytes]:
    """The canonical JSON of every set."""
    names, join = sorted(columns), b"".join
    whole = not any((c.codes < 0).any() or None in c.values for c in columns.values())
    words = []
    for name in names:
        column = columns[name]
        fragments = _fragments(name, column.values)
        if whole:  # with braces here, where values may be few
            before, after = b"{" * (name == names[0]), b"}" if name == names[-1] else b","
            fragments = [before + fragment[:-1] + after for fragment in fragments]
        words.append(numpy.array([*fragments, b""], dtype=object)[column.codes].tolist())
    rows = zip(*words, strict=True)
    return map(join, rows) if whole else (b"{" + join(row)[:-1] + b"}" for row in rows)


def _fragments(name: str, values: Sequence[Any]) -> list[bytes]:
    """`values.fragment` and a comma for each value."""
    key = json.dumps(name)
    if set(map(type, values)) == {int}:  # as `canonical` writes them
        return [f"{key}:{value},".encode() for value in values]
    texts = (None if value is None else canonical(value) for value in values)
    return [b"" if text is None else f"{key}:{text},".encode() for text in texts]


def _key(columns: Mapping[str, Column]) -> str:
    """A digest of the columns as they are held."""
    sha = hashlib.sha256(json.dumps(sorted(columns)).encode())
    for name in sorted(columns):
        column = columns[name]
        how, content = _held(column.values)
        sha.update(content)
        sha.update(f"{len(column.values)} {how}".encode())
        sha.update(column.codes.data)
    return sha.hexdigest()[:32]


def _held(values: Sequence[Any]) -> tuple[str, bytes]:
    """Values as bytes, and how they are written: numbers as numpy has them, all else as JSON."""
    kinds = set(map(type, values))
    for kind, exact in ((int, numpy.int64), (float, numpy.float64)):
        if kinds == {kind}:
            array = numpy.array(values)
            if array.dtype == exact:  # that of huge integers is another
                return kind.__name__, array.tobytes()
    return "json", json.dumps(values).encode()
