"""Small files: written whole or not at all, read if they can be; the digest of any file."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


def read_json(path: Path, otherwise: Any = None) -> Any:
    """What a file of JSON holds, or else, if it cannot be read, what is given."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; half a character, as in a path of odd bytes, is escaped."""
    write_bytes(path, json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


HOST = socket.gethostname()


def sha256_of(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
