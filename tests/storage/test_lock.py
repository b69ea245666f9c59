"""One visit of a chunk at a time, also where the file system has no locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kit import Study, environment

from snakestudy.errors import UserError
from snakestudy.storage.lock import hold, is_held

WITHOUT_FLOCK = """\
import errno, fcntl

def flock(file, operation):
    raise OSError({number}, "no locks here")

fcntl.flock = flock
"""
HOLDER = """\
import sys
from pathlib import Path
from snakestudy.storage.lock import hold

with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["ENOSYS", "ENOLCK", "EOPNOTSUPP", "flock"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """What flock answers here, and in `held_by_another`'s process."""
    if request.param != "flock":
        number = getattr(errno, request.param)

        def flock(file, operation):
            raise OSError(number, "no locks here")

        monkeypatch.setattr(fcntl, "flock", flock)
        place = tmp_path / "site"
        place.mkdir()
        (place / "sitecustomize.py").write_text(WITHOUT_FLOCK.format(number=number))
    return request.param


@pytest.fixture
def other(locks: str, tmp_path: Path):
    """Another process that holds tmp_path / 00000."""
    env = environment()
    env["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "site"), env["PYTHONPATH"]])
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "00000")]
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_held_by_one_it_is_refused_to_others_until_it_is_let_go(
    other: subprocess.Popen, tmp_path: Path
) -> None:
    directory = tmp_path / "00000"
    assert is_held(directory)
    with pytest.raises(UserError, match=f"chunk 00000 is being visited.*process {other.pid}"):
        hold(directory).__enter__()
    assert is_held(directory)
    other.communicate()
    assert not is_held(directory)
    for _ in range(2):
        with hold(directory):
            assert is_held(directory)
    assert not is_held(directory)
    assert [path.name for path in directory.iterdir()] == ["lock"]


def test_lock_of_a_holder_that_was_killed_is_free(other: subprocess.Popen, tmp_path: Path) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not is_held(tmp_path / "00000")
    with hold(tmp_path / "00000"):
        pass


@pytest.mark.parametrize(
    ("change", "is_free"),
    [
        ({"host": "elsewhere"}, False),
        ({"boot": "another"}, True),
        ({"boot": "another", "machine": "another"}, False),
        ({"boot": "another", "machine": ""}, False),
        ({"began": "1"}, True),
        ({"pids": "of a container", "began": "1"}, False),
        ({}, False),
    ],
)
def test_holder_counts_as_gone_only_if_that_is_certain(
    change: dict, is_free: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file, operation):
        raise OSError(errno.ENOSYS, "no locks here")

    monkeypatch.setattr(fcntl, "flock", flock)
    if not Path("/etc/machine-id").exists():
        monkeypatch.setattr(
            "snakestudy.storage.lock._text",
            lambda path: "m" if path == "/etc/machine-id" else Path(path).read_text().strip(),
        )
    context = hold(tmp_path)
    context.__enter__()
    (file,) = (tmp_path / "held").iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert is_held(tmp_path) != is_free
    if is_free:
        with hold(tmp_path):
            assert [path.parent.name for path in tmp_path.glob("held/*")] == ["held"]
    else:
        with pytest.raises(UserError, match=f"no locks.*delete {file}"):
            hold(tmp_path).__enter__()
    context.__exit__(None, None, None)


def test_other_errors_of_a_lock_are_told_as_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file, operation):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"):
        hold(tmp_path).__enter__()


def test_study_runs_where_there_are_no_locks(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = study.path / "site"
    site.mkdir(parents=True)
    (site / "sitecustomize.py").write_text(WITHOUT_FLOCK.format(number=errno.ENOSYS))
    env = environment()
    env["PYTHONPATH"] = os.pathsep.join([str(site), env["PYTHONPATH"]])
    monkeypatch.setattr("kit.environment", lambda: env)
    study.snakemake()
    assert study.fit() == [(1, 10, 10), (1, 20, 20), (2, 10, 20), (2, 20, 40)]
    assert "chunks unfinished" not in study.verb("status")
    study.snakemake("--config", "redo=a == 1")
    assert sorted(study.ran().values()) == [1, 1, 2, 2]
    study.verb("prune", "--yes")
