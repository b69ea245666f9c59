"""Files as they are, whatever they were compressed with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def uncompressed_name(path: Path) -> Path:
    """A file's name without the suffix of its compression."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def open_file(path: Path) -> BinaryIO:
    """A file's content to be read; one that is compressed is held in memory."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        import gzip as library
    elif suffix == ".bz2":
        import bz2 as library
    elif suffix == ".xz":
        import lzma as library
    elif suffix == ".zst":
        import pyarrow  # Python has a library of its own from 3.14 on

        with pyarrow.OSFile(str(path)) as raw, pyarrow.CompressedInputStream(raw, "zstd") as file:
            return io.BytesIO(file.read())
    else:
        return path.open("rb")
    return io.BytesIO(library.decompress(path.read_bytes()))


def read_text(path: Path) -> str:
    """A file's text; bytes that are no UTF-8 become lone surrogates, which no table takes."""
    with open_file(path) as file:
        return file.read().decode("utf-8", errors="surrogateescape")
