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
    """SHA-256 of files; a file that nobody touched since it was read is not read again.

    A ctime cannot be set back, as an mtime is by `cp -p`, `rsync -t` and `touch -r`.

    Attributes:
        known: path -> [size, mtime_ns, ctime_ns, sha256].
        seen: what this process asked for, as it was last; first: as it was first.
        design: digest of what the design is made from -> its own.
    """

    known: dict[str, list[Any]] = field(default_factory=dict)
    seen: dict[str, list[Any]] = field(default_factory=dict)
    first: dict[str, list[Any]] = field(default_factory=dict)
    design: dict[str, str] = field(default_factory=dict)

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
        seen = {name: entry for name, entry in self.seen.items() if max(entry[1:3]) < young}
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
        now = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        if not known or known[:3] != now or len(known) != 4:
            known = [*now, sha256_of(path)]
        self.seen[path] = known
        self.first.setdefault(path, known)
        return known[3]

    def was_touched(self, path: str) -> bool:
        """Whether a file is not just what this process found when it first asked for it.

        Its content may be the same again; what others read meanwhile is not known then.
        """
        return self.first[path] != self.seen[path]
