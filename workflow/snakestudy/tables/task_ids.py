"""Task codes: task_ids as 64-bit numbers, whose hex digits they are; as texts, compared, found."""

from __future__ import annotations

from binascii import hexlify, unhexlify
from typing import Any

import numpy


def as_texts(task_codes: numpy.ndarray) -> Any:
    """The task_ids as an Arrow array of texts.

    >>> as_texts(numpy.array([255], dtype=numpy.uint64)).to_pylist()
    ['00000000000000ff']
    """
    import pyarrow

    ends = numpy.arange(0, 16 * len(task_codes) + 1, 16, dtype=numpy.int32)
    text = hexlify(task_codes.astype(">u8").tobytes())
    buffers = [pyarrow.py_buffer(buffer) for buffer in (ends, text)]
    return pyarrow.StringArray.from_buffers(len(task_codes), *buffers)


def as_task_codes(texts: Any) -> numpy.ndarray:
    """The codes of the task_ids in an Arrow array of texts."""
    joined = "".join(texts.to_pylist()) if len(texts) < 64 else _characters(texts)
    return numpy.frombuffer(unhexlify(joined), dtype=">u8").astype(numpy.uint64)


def _characters(texts: Any) -> bytes:
    """The characters of an Arrow column, one after the other."""
    import pyarrow

    chunks = texts.chunks if isinstance(texts, pyarrow.ChunkedArray) else [texts]
    characters = []
    for chunk in chunks:
        first, end = chunk.offset, chunk.offset + len(chunk)
        ends = numpy.frombuffer(chunk.buffers()[1], dtype=numpy.int32)
        characters.append(memoryview(chunk.buffers()[2])[ends[first] : ends[end]])
    return b"".join(characters)


def first_of_each(task_codes: numpy.ndarray, sorted_codes: numpy.ndarray) -> numpy.ndarray:
    """The rows at which each code occurs first, in order; `sorted_codes` are the same codes."""
    if not (sorted_codes[1:] == sorted_codes[:-1]).any():
        return numpy.arange(len(task_codes))
    return numpy.sort(numpy.unique(task_codes, return_index=True)[1])


def differences(
    sorted_codes: numpy.ndarray, others: list[numpy.ndarray]
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The codes of others that are not among the sorted ones, and those in no other; sorted.

    >>> codes, others = numpy.array([1, 2, 3]), [numpy.array([5, 2])]
    >>> differences(codes, others)
    (array([5]), array([1, 3]))
    """
    known = numpy.concatenate([sorted_codes[:0], *others])
    known.sort()
    nearest = numpy.searchsorted(sorted_codes, known)
    numpy.minimum(nearest, len(sorted_codes) - 1, out=nearest)
    common = sorted_codes[nearest] == known
    is_known = numpy.zeros(len(sorted_codes), dtype=bool)
    is_known[nearest[common]] = True
    return known[~common], sorted_codes[~is_known]


def is_among(task_codes: numpy.ndarray, sorted_codes: numpy.ndarray) -> numpy.ndarray:
    """Which of the codes are among the sorted ones; fast where those are few."""
    if not len(sorted_codes):
        return numpy.zeros(len(task_codes), dtype=bool)
    nearest = numpy.searchsorted(sorted_codes, task_codes)
    numpy.minimum(nearest, len(sorted_codes) - 1, out=nearest)
    return sorted_codes[nearest] == task_codes


def rows_of_codes(
    task_codes: numpy.ndarray, among: numpy.ndarray, sorting: numpy.ndarray | None = None
) -> numpy.ndarray:
    """The row of each code among others, -1 where it is none of them.

    Args:
        sorting: what sorts the others (`numpy.argsort`), if that is known.

    >>> rows_of_codes(numpy.array([7, 5, 6]), numpy.array([5, 7]))
    array([ 1,  0, -1])
    """
    if numpy.array_equal(task_codes, among):
        return numpy.arange(len(task_codes))
    if not len(among):
        return numpy.full(len(task_codes), -1)
    sorting = numpy.argsort(among) if sorting is None else sorting
    nearest = numpy.searchsorted(among, task_codes, sorter=sorting).clip(max=len(among) - 1)
    rows = sorting[nearest]
    return numpy.where(among[rows] == task_codes, rows, -1)
