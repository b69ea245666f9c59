"""Programs: what they inherit, how long they may run, that nothing of them lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from kit import ROOT

from snakestudy.running import process
from snakestudy.running.process import Ended, kill_tree, run_program, signal_programs


def run(where: Path, line: str, limit: float | None = None) -> Ended:
    """Run a line of bash, its output in two files of a directory."""
    files = where / "stdout.log", where / "stderr.log"
    return run_program(["bash", "-c", line], dict(os.environ), *files, limit)


def wait_for(file: Path) -> str:
    """The content of a file, once it is there and whole."""
    end = time.monotonic() + 20
    while not file.exists() or not file.read_text().endswith("\n"):
        assert time.monotonic() < end, f"{file} is not there"
        time.sleep(0.01)
    return file.read_text()


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def check_dead(pids: str) -> None:
    end = time.monotonic() + 10
    while alive := [pid for pid in map(int, pids.split()) if is_alive(pid)]:
        assert time.monotonic() < end, f"{alive} of {pids} live on"
        time.sleep(0.01)


@pytest.fixture(params=[True, False], ids=["pidfd", "no_pidfd"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here, and as where a process's end cannot be waited for without reaping it."""
    if not request.param:
        monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.mark.usefixtures("any_system")
@pytest.mark.parametrize("limit", [None, 60.0, 1e9])
def test_program_within_its_limit_ends_by_itself(tmp_path: Path, limit: float | None) -> None:
    begin = time.monotonic()
    ended = run(tmp_path, "echo said; echo told >&2; sleep 0.2; exit 3", limit)
    assert 0.2 <= time.monotonic() - begin < 20
    assert (ended.exit_code, ended.timed_out) == (3, False)
    assert 0.5 < ended.max_rss_mb < 5000  # that of what starts it counts, too
    assert (tmp_path / "stdout.log").read_text() == "said\n"
    assert (tmp_path / "stderr.log").read_text() == "told\n"


@pytest.mark.usefixtures("any_system")
def test_program_beyond_its_limit_is_killed_with_children_that_left_its_group(
    tmp_path: Path,
) -> None:
    line = (
        f"sleep 100 & echo $! > {tmp_path}/pids; setsid sleep 100 & echo $$ $! >> {tmp_path}/pids"
    )
    ended = run(tmp_path, f"{line}; wait", limit=0.5)
    assert (ended.exit_code, ended.timed_out) == (-signal.SIGKILL, True)
    check_dead(wait_for(tmp_path / "pids"))


@pytest.mark.usefixtures("any_system")
def test_program_that_ends_in_the_moment_it_is_killed_has_not_timed_out_nor_lost_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = []

    def kill_late(pid: int) -> None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # fails if it was reaped
        killed.append(pid)
        kill_tree(pid)

    monkeypatch.setattr(process, "kill_tree", kill_late)
    ended = run(tmp_path, "sleep 0.3", limit=0.1)
    assert (ended.exit_code, ended.timed_out) == (0, False)
    assert len(killed) == 1


@pytest.mark.usefixtures("any_system")
def test_programs_that_end_about_their_limit_have_timed_out_just_where_they_were_killed(
    tmp_path: Path,
) -> None:
    ends = [run(tmp_path, "sleep 0.03", limit=0.03 + step / 1000) for step in range(-2, 10)]
    assert all(e.exit_code in (0, -signal.SIGKILL) for e in ends)
    assert [e.timed_out for e in ends] == [e.exit_code == -signal.SIGKILL for e in ends]


def test_program_that_is_killed_within_its_limit_has_not_timed_out(tmp_path: Path) -> None:
    ended = run(tmp_path, "kill -KILL $$", limit=60)
    assert (ended.exit_code, ended.timed_out) == (-signal.SIGKILL, False)


@pytest.mark.parametrize("name", ["PIPE", "XFSZ", "TERM", "INT", "HUP"])
def test_program_does_not_ignore_what_python_ignores(tmp_path: Path, name: str) -> None:
    ended = run(tmp_path, f"kill -{name} $$; echo it lives on")
    assert ended.exit_code == -signal.Signals[f"SIG{name}"]


def test_program_runs_in_the_directory_of_this_process_which_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    run(tmp_path, "pwd")
    assert (tmp_path / "stdout.log").read_text() == f"{tmp_path}/inner\n"
    assert Path.cwd() == tmp_path / "inner"


def test_program_that_is_nowhere_is_an_error_that_names_it(tmp_path: Path) -> None:
    files = tmp_path / "stdout.log", tmp_path / "stderr.log"
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        run_program(["no-such-program"], dict(os.environ), *files, None)


def test_running_programs_are_signalled_and_ended_ones_forgotten(tmp_path: Path) -> None:
    def tell() -> None:
        wait_for(tmp_path / "ready")
        signal_programs(signal.SIGTERM)

    run(tmp_path, "true")
    threading.Thread(target=tell).start()
    line = f"trap 'exit 5' TERM; echo > {tmp_path}/ready; while true; do sleep 0.01; done"
    assert run(tmp_path, line, limit=20).exit_code == 5
    assert process._groups == set()


# Each runs in a process of its own, which ends by what it shows.
INTERRUPTED = """
import os, signal, threading
def interrupt():
    wait_for(here / "pids")
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
run(here, f"setsid sleep 100 & echo $$ $! > {here}/pids; wait")
"""
ENDING = """
import threading
def end():
    wait_for(here / "pids")
    process.kill_descendants()
    (here / "killed").write_text("\\n")
    time.sleep(0.5)
    os._exit(7)
threading.Thread(target=end).start()
while True:
    run(here, f"setsid sleep 100 & echo $$ $! >> {here}/pids; wait")
"""
CHILDREN = """
child = subprocess.Popen(["bash", "-c", f"setsid sleep 100 & echo $$ $! > {here}/pids; wait"])
wait_for(here / "pids")
process.kill_descendants()
os._exit(7)
"""


@pytest.mark.parametrize(
    ("script", "exit_code"), [(INTERRUPTED, -signal.SIGINT), (ENDING, 7), (CHILDREN, 7)]
)
def test_no_program_lives_on_after_the_process_that_runs_it(
    tmp_path: Path, script: str, exit_code: int
) -> None:
    head = f"from test_process import *\nhere = Path({str(tmp_path)!r})\n"
    path = [str(ROOT / "workflow"), str(ROOT / "tests"), str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, "-c", head + script]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60)
    assert done.returncode == exit_code, done.stderr.decode()
    check_dead((tmp_path / "pids").read_text())
