"""What a failed command says of itself: why it could not start, which line of its log is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kit import Study

from snakestudy.files import script_problem
from snakestudy.running.command_call import _last_words
from snakestudy.running.process import run_program

BAR = "".join(
    f"\r{n:3}%|{'█' * n:100}| {n}/100 [00:{n:02}<00:00, 9.9it/s]" for n in range(0, 101, 5)
)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (b"#!/bin/sh\nexit 0\n", 0o755, None),
        (b"#! /usr/bin/env python3\n", 0o755, None),
        (b"\x7fELF\x02\x01\x01\0\0", 0o755, None),
        (b"#!/bin/bash\r\nexit 0\r\n", 0o755, ["names '/bin/bash\\r'", "Windows line ends"]),
        (b"#!/usr/bin/env python3\r\n", 0o755, ["'/usr/bin/env python3\\r'", "dos2unix"]),
        (b"\xef\xbb\xbf#!/bin/sh\nexit 0\n", 0o755, ["byte-order mark"]),
        (b"echo hello\n", 0o755, ["has no first line (#!/bin/sh)"]),
        (b"", 0o755, ["has no first line"]),
        (b"#!/no/such -x\n", 0o755, ["names /no/such", "not there"]),
        (b"#!\n", 0o755, ["not there"]),
        (b"#!/bin/sh\n", 0o644, ["is not executable", "chmod +x"]),
    ],
)
def test_why_a_file_is_no_program(
    tmp_path: Path, text: bytes, mode: int, words: list[str] | None
) -> None:
    script = tmp_path / "script"
    script.write_bytes(text)
    script.chmod(mode)
    problem = script_problem(script)
    if words is None:
        assert problem is None
        return
    assert problem is not None
    assert [word for word in words if word not in problem] == [], problem
    os.chdir(tmp_path)
    if "env python3" not in str(text):  # which starts, and fails by itself
        with pytest.raises(OSError, match=str(script)) as caught:
            run_program([str(script)], os.environ, tmp_path / "out", tmp_path / "err", None)
        assert problem in str(caught.value)


def test_script_that_is_no_program_is_refused_before_anything_runs(study: Study) -> None:
    script = study.write("scripts/run.sh", "#!/bin/bash\r\necho 1\r\n")
    script.chmod(0o755)
    study.configure("""\
        study: scripts
        design: {grid: {a: [1, 2]}}
        task: {command: [scripts/run.sh, "{a}"]}
        """)
    assert r"names '/bin/bash\r' in its first line" in study.planned()
    study.write("scripts/run.sh", "#!/bin/bash\necho 1\n")
    study.snakemake()


@pytest.mark.parametrize(
    ("stderr", "stdout", "shown"),
    [
        ("first\nlast\n\n", "", "last"),
        ("", "said\n", "said"),
        ("ValueError: x\n" + BAR, "", "ValueError: x"),
        (BAR + "\nValueError: x\n", "", "ValueError: x"),
        (BAR + "\n", "it failed\n", "it failed"),
        ("it failed\n" + 10 * BAR, "", "it failed"),
        ("it failed\r\n", "", "it failed"),
        ("no\n\rstep 1/3\rstep 2/3\rstep 3/3", "", "no"),
        ("Error: disk\n 45%\n", "", "Error: disk"),
        ("Error: disk\n[=====>     ]\n", "", "Error: disk"),
        ("Error: disk\nfile.gz      100%[=========>] 1.5M  2MB/s  in 0s\n", "", "Error: disk"),
        ("Error: disk\nworking ━━━━━━━━╸━━━ 60% 0:00:01\n", "", "Error: disk"),
        ("\x1b[31mError\x1b[0m: disk\n\x1b[2K", "", "Error: disk"),
        ("rate is 100% | of 3\n", "", "rate is 100% | of 3"),
        ("at 100%: x\n", "", "at 100%: x"),
        ("[a] - [b]\n", "", "[a] - [b]"),
        ("", "", ""),
    ],
)
def test_line_that_is_shown_is_the_last_that_is_no_progress(
    tmp_path: Path, stderr: str, stdout: str, shown: str
) -> None:
    for name, text in (("err", stderr), ("out", stdout)):
        (tmp_path / name).write_bytes(text.encode())
    assert _last_words(tmp_path / "err", tmp_path / "out") == shown


def test_progress_is_shown_where_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "err").write_bytes(BAR.encode())
    (tmp_path / "out").write_bytes(b"")
    assert _last_words(tmp_path / "err", tmp_path / "out").startswith("100%|█")
