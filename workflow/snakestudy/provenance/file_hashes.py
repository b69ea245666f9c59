"""SHA-256 of files, and a cache of them."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakestudy.files import read_json, sha256_of, write_json

_RACY_NS = 2_000_000_000  # a file this young may change again within its own time stamp


@dataclass
class FileHashes:
    """SHA-256 of files; a file whose size and mtime are known is not read again."""

    known: dict[str, list[Any]] = field(default_factory=dict)  # path -> [size, mtime_ns, sha256]
    seen: dict[str, list[Any]] = field(default_factory=dict)  # what this process asked for
    design: dict[str, str] = field(
        default_factory=dict
    )  # digest of what it is made from -> its own

    @classmethod
    def load(cls, path: Path) -> FileHashes:
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            return cls(held["files"], design=held["design"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Keep what was seen, if it differs from what was known and there is a store."""
        young = time.time_ns() - _RACY_NS
        seen = {name: entry for name, entry in self.seen.items() if entry[1] < young}
        held = {"files": seen, "design": self.design}
        if path.parent.is_dir() and held != read_json(path):
            write_json(path, held)

    def sha256(self, path: str) -> str:
        """
        Raises:
            OSError: if it is no file that can be read.
        """
        stat = os.stat(path)
        known = self.seen.get(path) or self.known.get(path)
        if not known or known[:2] != [stat.st_size, stat.st_mtime_ns]:
            known = [stat.st_size, stat.st_mtime_ns, sha256_of(path)]
        self.seen[path] = known
        return known[2]
