"""The lock of a chunk: one visit at a time, on any file system.

flock where there is one: the system lets go when the holder dies, on whatever node. Some file
systems answer that they have none (Lustre without `-o flock`, some NFS): there the lock is a
directory `held` that holds one file, named and filled by its holder. It comes into its place by a
rename, which fails while another one's file is in there; that of a holder who is gone is removed.
Neither hard links nor times are needed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.files import HOST, read_json

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold a chunk's store.

    Raises:
        UserError: if another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                with _hold_by_name(directory):
                    yield
                return
            if error.errno not in _BUSY:
                raise
            file.seek(0)
            raise _busy(directory, file.read().strip() or "unknown") from None
        file.truncate(0)
        file.write(_Holder.this().in_words())
        file.flush()
        yield


def is_held(directory: Path) -> bool:
    """Whether a process holds a chunk's store."""
    try:
        with (directory / "lock").open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            holders = (_Holder.of(path) for path in _holders(directory))
            return any(holder is None or not holder.is_gone() for holder in holders)
        return True


def _busy(directory: Path, who: str, more: str = "") -> UserError:
    return UserError(
        f"chunk {directory.name} is being visited by another job ({who})",
        fix=f"Wait for it to end, or end it; then run snakemake again.{more}",
    )


@dataclass(frozen=True)
class _Holder:
    """A process, as others can tell whether it is still there.

    Attributes:
        machine, boot: of the machine, and of its present run.
        pids: where the number of the process counts (containers have their own).
        began: what tells it from a later process of the same number.
        job: of the scheduler, for people.
    """

    host: str
    machine: str
    boot: str
    pids: str
    pid: int
    began: str
    job: str | None

    @classmethod
    def this(cls) -> _Holder:
        pid = os.getpid()
        boot = _text("/proc/sys/kernel/random/boot_id")
        job = os.environ.get("SLURM_JOB_ID")
        return cls(HOST, _text("/etc/machine-id"), boot, _pids(), pid, _began(pid), job)

    @classmethod
    def of(cls, path: Path) -> _Holder | None:
        """None if its file tells nothing."""
        try:
            return cls(**read_json(path))
        except TypeError:
            return None

    @property
    def name(self) -> str:
        return f"{self.host}.{self.pid}.{self.began}"

    def in_words(self) -> str:
        return f"host {self.host}, process {self.pid}{f', job {self.job}' if self.job else ''}"

    def is_gone(self) -> bool:
        """Whether it certainly is: on another machine, nobody here knows."""
        here = self.this()
        if not self.boot or self.host != here.host:
            return False
        if self.boot != here.boot:
            return bool(self.machine) and self.machine == here.machine
        return self.pids == here.pids and _began(self.pid) != self.began


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _pids() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process began, in ticks since boot; empty if there is none."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _holders(directory: Path) -> list[Path]:
    try:
        return list((directory / "held").iterdir())
    except FileNotFoundError:
        return []


@contextmanager
def _hold_by_name(directory: Path) -> Iterator[None]:
    """Hold it where the file system has no locks.

    Raises:
        UserError: if another process holds it, or may hold it.
    """
    for path in _holders(directory):
        holder = _Holder.of(path)
        if holder is not None and holder.is_gone():
            path.unlink(missing_ok=True)
    me, held = _Holder.this(), directory / "held"
    mine = directory / f".held.{me.name}"
    mine.mkdir(exist_ok=True)
    (mine / me.name).write_text(json.dumps(asdict(me)), encoding="utf-8")
    try:
        mine.rename(held)  # onto an empty directory or none, else it fails
    except OSError as error:
        (mine / me.name).unlink()
        mine.rmdir()
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        found = [(path, _Holder.of(path)) for path in _holders(directory)]
        path, holder = found[0] if found else (held, None)
        more = f" This file system has no locks (flock); if that job is gone, delete {path}."
        raise _busy(directory, holder.in_words() if holder else "unknown", more) from None
    try:
        yield
    finally:
        (held / me.name).unlink(missing_ok=True)
        with suppress(OSError):  # another one has come already
            held.rmdir()
