"""Arrays of task_ids as 64-bit numbers, whose hex digits they are: as texts, compared, found."""

from __future__ import annotations

from binascii import hexlify, unhexlify
from typing import Any

import numpy


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


def index_in(
    numbers: numpy.ndarray, among: numpy.ndarray, order: numpy.ndarray | None = None
) -> numpy.ndarray:
    """The position of each number among others, -1 where it is none of them.

    Args:
        order: what sorts the others, if that is known.

    >>> index_in(numpy.array([7, 5, 6]), numpy.array([5, 7]))
    array([ 1,  0, -1])
    """
    if numpy.array_equal(numbers, among):
        return numpy.arange(len(numbers))
    if not len(among):
        return numpy.full(len(numbers), -1)
    order = numpy.argsort(among) if order is None else order
    at = order[numpy.searchsorted(among, numbers, sorter=order).clip(max=len(among) - 1)]
    return numpy.where(among[at] == numbers, at, -1)
