"""`backup`, `git`, the environment of a plan: what they keep, refuse and leave alone."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from pathlib import Path

import pyarrow
import pytest
import snakemake
from kit import Study


def git(study: Study, *arguments: str) -> str:
    own = ["-c", "user.name=N", "-c", "user.email=e@x"]
    done = subprocess.run(
        ["git", *own, *arguments], cwd=study.path, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without any configuration of git."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def repository(study: Study, home: Path) -> Study:
    """A study with `git: true`, committed, where git knows who commits."""
    (home / ".gitconfig").write_text("[user]\nname = N\nemail = e@x\n")
    study.edit("config/config.yaml", "study: small", "study: small\ngit: true")
    study.write(".gitignore", "results\nruns\nlogs\n.snakemake\nran.txt\n__pycache__\n")
    git(study, "init", "--quiet")
    git(study, "add", ".")
    git(study, "commit", "--quiet", "--message", "first")
    return study


# backup


def test_backup_keeps_what_a_plan_replaces_and_one_command_restores_it(study: Study) -> None:
    study.edit("config/config.yaml", "study: small", "study: small\nbackup: true")
    study.snakemake()
    old = study.fit()
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    study.snakemake()
    assert not (study.path / "results.backup").exists()  # growth replaces nothing
    study.edit("scripts/model.py", '* params["b"]', '+ params["b"]')
    study.snakemake("-n")
    assert not (study.path / "results.backup").exists()
    study.snakemake()
    new = study.fit()
    assert new != old
    snapshot = study.path / "results.backup" / "0002"
    assert (snapshot / ".store").is_dir()
    one = next((snapshot / "plan" / "chunks").iterdir())
    assert one.stat().st_nlink >= 1
    study.edit("scripts/model.py", '+ params["b"]', '* params["b"]')
    subprocess.run(
        "mv results results.new && cp -a results.backup/0002 results",
        shell=True,
        cwd=study.path,
        check=True,
    )
    study.ran()
    assert "plan 2 is current" in study.snakemake()
    assert not study.ran()
    assert set(old) < set(study.fit())
    assert "nothing missing, nothing wrong" in study.snakemake("check")


def test_snapshot_is_of_hard_links_and_does_not_change_with_the_study(study: Study) -> None:
    study.edit("config/config.yaml", "study: small", "study: small\nbackup: true")
    study.snakemake()
    before = {p.name: p.read_bytes() for p in (study.path / "results/fit").iterdir()}
    parts = list(study.path.glob("results/.store/*/parts/*/fit.parquet"))
    inodes = {part.stat().st_ino for part in parts}
    study.snakemake("--config", "redo=a == 1")
    snapshot = study.path / "results.backup" / "0001"
    assert {p.name: p.read_bytes() for p in (snapshot / "fit").iterdir()} == before
    kept = {p.stat().st_ino for p in snapshot.glob(".store/*/parts/*/fit.parquet")}
    assert kept == inodes


# git


def test_plan_commits_config_and_scripts_and_nothing_else(repository: Study) -> None:
    repository.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    repository.write("scripts/new.py", "x = 1\n")
    repository.write("notes.txt", "not yet\n")
    repository.write("staged.txt", "not now\n")
    git(repository, "add", "staged.txt")
    repository.snakemake()
    changed = git(repository, "show", "--name-only", "--format=%s").split("\n")
    assert [line for line in changed if line] == [
        "small: plan 1",
        "config/config.yaml",
        "scripts/new.py",
    ]
    assert git(repository, "status", "--porcelain").split("\n") == ["A  staged.txt", "?? notes.txt"]
    record = json.loads((repository.path / "results/plan/0001.json").read_text())
    assert record["commit"] == git(repository, "rev-parse", "HEAD") + "+"


def test_plan_of_committed_files_makes_no_commit_and_a_dry_run_neither(repository: Study) -> None:
    head = git(repository, "rev-parse", "HEAD")
    repository.snakemake()
    assert git(repository, "rev-parse", "HEAD") == head
    record = json.loads((repository.path / "results/plan/0001.json").read_text())
    assert record["commit"] == head
    repository.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    repository.snakemake("-n")
    assert git(repository, "rev-parse", "HEAD") == head


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no repository", ["git = true", "in no git repository", "git init"]),
        ("no name", ["git = true", "git knows no user.name", "git config user.name"]),
        ("conflict", ["git = true", "the repository has conflicts", "Resolve"]),
    ],
)
def test_git_that_cannot_commit_is_refused_before_anything_runs(
    repository: Study, home: Path, case: str, words: list[str]
) -> None:
    if case == "no repository":
        shutil.rmtree(repository.path / ".git")
    elif case == "no name":
        (home / ".gitconfig").unlink()
    else:
        for name, text in (("one", "a\n"), ("two", "b\n")):
            git(repository, "checkout", "--quiet", "-b", name, "HEAD" if name == "one" else "one~1")
            repository.write("other.txt", text)
            git(repository, "add", ".")
            git(repository, "commit", "--quiet", "--message", name)
        with pytest.raises(subprocess.CalledProcessError):
            git(repository, "merge", "one")
    said = repository.snakemake(ok=False)
    assert [word for word in words if word not in said] == [], said
    assert not (repository.path / "results").exists()


def test_status_tells_what_changed_in_the_environment_since_the_plan(repository: Study) -> None:
    repository.snakemake()
    assert "changed since that plan" not in repository.verb("status")
    head = git(repository, "rev-parse", "HEAD")
    record = repository.path / "results/.store/records/0001.json"
    told = json.loads(record.read_text())
    told["environment"]["packages"]["pyarrow"] = "1.0"
    told["environment"]["python"] = "3.1.4"
    del told["environment"]["packages"]["snakemake"]
    record.write_text(json.dumps(told))
    repository.write("scripts/new.py", "")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "more")
    said = repository.verb("status")
    version, arrow = platform.python_version(), pyarrow.__version__
    after = git(repository, "rev-parse", "HEAD")
    for words in (
        f"changed since that plan: python 3.1.4 -> {version}, commit {head[:10]} -> {after[:10]}",
        f"pyarrow 1.0 -> {arrow}",
        f"snakemake {snakemake.__version__} added",
    ):
        assert words in said
    assert "is current" in repository.snakemake()


def test_hook_that_refuses_is_told_in_its_own_words(repository: Study) -> None:
    hook = repository.write(
        ".git/hooks/pre-commit", "#!/bin/sh\necho 'no tabs, please' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    repository.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 4]")
    said = repository.snakemake(ok=False)
    assert "git commit failed: no tabs, please" in said
    assert not repository.ran()
