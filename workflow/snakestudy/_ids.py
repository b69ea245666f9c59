"""The task_ids of many parameter sets at once, as 64-bit numbers: task_id is their hex."""

from __future__ import annotations

import hashlib
import json
from binascii import hexlify, unhexlify
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from ._columns import Column
from ._state import write_bytes
from ._values import canonical

REMEMBERED = 10_000  # sets; fewer are computed faster than they are read


@dataclass
class Memo:
    """Keeps ids between invocations: one file for each set of columns in use."""

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
        for key, numbers in self.fresh.items():
            content = numbers.tobytes()
            self.directory.mkdir(parents=True, exist_ok=True)
            write_bytes(self.directory / _name(key, content), content)


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:16]}"


def task_numbers(columns: Mapping[str, Column], memo: Memo | None = None) -> numpy.ndarray:
    """The task_id (see `_values.task_id`) of every set, as numbers of 64 bits.

    Each distinct value is written as JSON once; what is left is one SHA-256 a set.

    Args:
        columns: the parameters that are part of the identity, at least one.
        memo: where they were kept, if these columns were seen before.
    """
    rows = len(next(iter(columns.values())).codes)
    key = _key(columns) if memo and rows >= REMEMBERED else None
    known = memo.load(key) if memo and key else None
    if known is not None:
        return known
    sha256 = hashlib.sha256
    digests = b"".join([sha256(text).digest() for text in _texts(columns)])
    numbers = numpy.frombuffer(digests, dtype=">u8")[::4].astype(numpy.uint64)
    if memo and key:
        memo.fresh[key] = numbers
    return numbers


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
    """`_values.fragment` and a comma for each value."""
    key = json.dumps(name)
    if set(map(type, values)) == {int}:  # as `canonical` writes them
        return [f"{key}:{value},".encode() for value in values]
    texts = (None if value is None else canonical(value) for value in values)
    return [b"" if text is None else f"{key}:{text},".encode() for text in texts]


def as_texts(numbers: numpy.ndarray) -> Any:
    """The numbers as task_ids: an Arrow array of texts.

    >>> as_texts(numpy.array([255], dtype=numpy.uint64)).to_pylist()
    ['00000000000000ff']
    """
    import pyarrow

    ends = numpy.arange(0, 16 * len(numbers) + 1, 16, dtype=numpy.int32)
    text = hexlify(numbers.astype(">u8").tobytes())
    buffers = [pyarrow.py_buffer(buffer) for buffer in (ends, text)]
    return pyarrow.StringArray.from_buffers(len(numbers), *buffers)


def as_numbers(texts: Any) -> numpy.ndarray:
    """The task_ids of an Arrow array of texts as numbers."""
    joined = "".join(texts.to_pylist()) if len(texts) < 64 else _characters(texts)
    return numpy.frombuffer(unhexlify(joined), dtype=">u8").astype(numpy.uint64)


def _characters(texts: Any) -> bytes:
    """The characters of an Arrow column, one after the other."""
    import pyarrow

    chunks = texts.chunks if isinstance(texts, pyarrow.ChunkedArray) else [texts]
    found = []
    for chunk in chunks:
        first, end = chunk.offset, chunk.offset + len(chunk)
        ends = numpy.frombuffer(chunk.buffers()[1], dtype=numpy.int32)
        found.append(memoryview(chunk.buffers()[2])[ends[first] : ends[end]])
    return b"".join(found)


def first_of_each(numbers: numpy.ndarray, ordered: numpy.ndarray) -> numpy.ndarray:
    """The rows at which each number occurs first, in order; `ordered` are the same numbers."""
    if not (ordered[1:] == ordered[:-1]).any():
        return numpy.arange(len(numbers))
    return numpy.sort(numpy.unique(numbers, return_index=True)[1])


def differences(
    ordered: numpy.ndarray, others: list[numpy.ndarray]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The numbers of others that are not among the ordered ones, and those in no other; sorted.

    >>> one, two = numpy.array([1, 2, 3]), [numpy.array([5, 2])]
    >>> differences(one, two)
    (array([5]), array([1, 3]))
    """
    known = numpy.concatenate([ordered[:0], *others])
    known.sort()
    at = numpy.searchsorted(ordered, known)
    numpy.minimum(at, len(ordered) - 1, out=at)
    common = ordered[at] == known
    is_known = numpy.zeros(len(ordered), dtype=bool)
    is_known[at[common]] = True
    return known[~common], ordered[~is_known]


def is_among(numbers: numpy.ndarray, ordered: numpy.ndarray) -> numpy.ndarray:
    """Which of the numbers are among the ordered ones; fast where those are few."""
    if not len(ordered):
        return numpy.zeros(len(numbers), dtype=bool)
    at = numpy.searchsorted(ordered, numbers)
    numpy.minimum(at, len(ordered) - 1, out=at)
    return ordered[at] == numbers


def places(
    numbers: numpy.ndarray, among: numpy.ndarray, order: numpy.ndarray | None = None
) -> numpy.ndarray:
    """The position of each number among others, -1 where it is none of them.

    Args:
        order: what sorts the others, if that is known.

    >>> places(numpy.array([7, 5, 6]), numpy.array([5, 7]))
    array([ 1,  0, -1])
    """
    if numpy.array_equal(numbers, among):
        return numpy.arange(len(numbers))
    if not len(among):
        return numpy.full(len(numbers), -1)
    order = numpy.argsort(among) if order is None else order
    at = order[numpy.searchsorted(among, numbers, sorter=order).clip(max=len(among) - 1)]
    return numpy.where(among[at] == numbers, at, -1)


def _key(columns: Mapping[str, Column]) -> str:
    """A digest of the columns as they are held."""
    sha = hashlib.sha256(json.dumps(sorted(columns)).encode())
    for name in sorted(columns):
        column = columns[name]
        how, content = _held(column.values)
        sha.update(content)
        sha.update(f"{len(column.values)} {how}".encode())
        sha.update(column.codes)
    return sha.hexdigest()[:32]


def _held(values: Sequence[Any]) -> tuple[str, bytes]:
    """Values as bytes, and how they are written: numbers as numpy has them, all else as JSON."""
    kinds = set(map(type, values))
    for kind, exact in ((int, numpy.int64), (float, numpy.float64)):
        if kinds == {kind}:
            numbers = numpy.array(values)
            if numbers.dtype == exact:  # that of huge integers is another
                return kind.__name__, numbers.tobytes()
    return "json", json.dumps(values).encode()
