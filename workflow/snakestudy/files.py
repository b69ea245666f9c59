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


def script_problem(path: str | Path) -> str | None:
    """Why the system does not run a file as a program, and what to do; None if it seems to."""
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError as error:
        return error.strerror
    if not os.access(path, os.X_OK):
        return "is not executable: say chmod +x, or name what runs it before it"
    line = first.removeprefix(b"\xef\xbb\xbf").rstrip(b"\n")
    if not line.startswith(b"#!"):
        what = "has no first line (#!/bin/sh) that says what runs it"
        return None if b"\0" in first else what
    named = os.fsdecode(line[2:]).strip(" \t")
    interpreter = named.split(maxsplit=1)[0] if named.strip() else ""
    if line != first.rstrip(b"\n"):
        return "starts with a byte-order mark, so that its first line does not count: take it out"
    if named.endswith("\r"):
        return f"names {named!r} in its first line: convert its Windows line ends (dos2unix)"
    if not os.path.exists(interpreter):
        return f"names {interpreter} in its first line, which is not there"
    return None


HOST = socket.gethostname()


def sha256_of(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
