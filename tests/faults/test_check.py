"""Target `check`: what it counts and what it tells (damaged files: faults/test_damage.py)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from kit import Study


def test_check_of_a_whole_study_counts_what_is_there(checked: Study) -> None:
    said = checked.snakemake("check")
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if "  " in line[:40]}
    assert lines["manifests"] == ["4", "8", "8", "0"]
    assert lines["metadata/run"] == ["4", "8", "8", "one", "0"]
    assert lines["fit"] == ["4", "8", "8", "one", "0"]
    assert lines["tasks"] == ["1", "8", "8", "0"]
    assert "nothing missing, nothing wrong" in said


def test_changed_code_inputs_and_tasks_that_are_not_planned_are_told(
    checked: Study, tmp_path: Path
) -> None:
    study = Study(tmp_path / "study")
    shutil.copytree(checked.path, study.path, symlinks=True)
    study.write("inits/2.dat", "another")
    assert "input files of 4 tasks changed" in study.snakemake("check", ok=False)
    study.edit("scripts/model.py", "*", "+")
    said = study.snakemake("check", ok=False)
    assert "2 tasks of before scripts/model.py changed" in said


def test_run_directories_that_were_kept_and_are_gone_are_told_and_no_problem(
    study: Study,
) -> None:
    study.edit("config/config.yaml", "chunks:", "run_dirs: keep\nchunks:")
    study.snakemake()
    said = study.snakemake("check")
    assert re.search(r"run directories +4 +0 +4 +0", said)
    assert "are gone" not in said
    shutil.rmtree(min(study.path.glob("runs/??/*")))
    said = study.snakemake("check")
    assert re.search(r"run directories +3 +0 +4 +0", said)
    assert "1 of 4 run directories are gone: metrics added later run their tasks again" in said
    assert "nothing missing, nothing wrong" in said


def test_check_of_a_study_that_was_never_planned_says_so(study: Study) -> None:
    assert "holds no study that was planned" in study.snakemake("check", ok=False)
