"""Where verbs find a study, and that the code that runs it is theirs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kit import CONFIG, ROOT, Study, environment

import snakestudy as st
from snakestudy.__main__ import main
from snakestudy.errors import UserError
from snakestudy.layout import PACKAGE_ROOT, Layout
from snakestudy.storage.location import NOTES, StudyLocation, find_study, version_of

MODULE = f"""\
    module study:
        snakefile: {str(ROOT / "workflow/Snakefile")!r}
        pathvars:
            results="out/a",
            runs="out/runs",


    use rule * from study


    rule everything:
        default_target: True
        input:
            rules.all.input,
    """
COMMAND = CONFIG.replace(
    "function: scripts/model.py:simulate\n  metrics: [fit]",
    'command: "echo y > fit.csv; echo {a} >> fit.csv"\n  metrics: {fit: fit.csv}',
)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study taken in by another workflow, which has its results and runs elsewhere."""
    study = Study(tmp_path_factory.mktemp("elsewhere") / "study")
    study.write("Snakefile", MODULE)
    study.configure(COMMAND)
    study.snakemake("--snakefile", "Snakefile")
    return study


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs that run no code of a study's leave a process where numpy cannot be imported."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.chdir(Path.cwd())  # verbs go to the study's directory


@pytest.fixture
def here(template: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A copy of the finished study, as the current directory."""
    shutil.copytree(template.path, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return Study(tmp_path / "study")


def a_copy(directory: Path, version: str = "9.9.9") -> Path:
    """The beginnings of another copy of the package, in a directory."""
    package = directory / "workflow" / "snakestudy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    return package.parent


def test_verbs_find_results_that_lie_elsewhere(
    elsewhere: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    place = str(elsewhere.path)
    monkeypatch.chdir(elsewhere.path.parent)
    assert main(["status", place]) == 0
    assert "success 4" in capsys.readouterr().out
    assert main(["design", place]) == 0
    assert "new 0, known 4" in capsys.readouterr().out
    assert main(["prune", place]) == 0
    assert "succeeded" in elsewhere.verb("task", st.open(place).tasks()["task_id"][0])
    assert not (elsewhere.path / "results").exists()
    assert not (elsewhere.path / "runs").exists()


def test_prune_looks_for_run_directories_where_they_are(
    elsewhere: Study,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    shutil.copytree(elsewhere.path, tmp_path / "study", symlinks=True)
    monkeypatch.chdir(tmp_path / "study")
    Study(Path()).edit("config/config.yaml", "[1, 2]", "[1]")
    Study(Path()).snakemake("--snakefile", "Snakefile")
    before = len(list(Path("out/runs").glob("*/*")))
    assert main(["prune", "--yes"]) == 0
    assert (before, len(list(Path("out/runs").glob("*/*")))) == (4, 2)


def test_python_opens_results_that_lie_elsewhere(elsewhere: Study) -> None:
    study = st.open(elsewhere.path)
    assert len(study.results("fit")) == 4
    assert study.layout.runs == elsewhere.path / "out/runs"
    assert len(st.open(elsewhere.path, results="out/a").results("fit")) == 4


def test_design_takes_values_from_results_that_lie_elsewhere(
    elsewhere: Study, study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    values = f"values_from: {{study: {elsewhere.path}, metric: fit, columns: [y]}}"
    grid = "grid:\n    a: [1, 2]\n    b: [10, 20]"
    study.configure(CONFIG.replace(grid, values))
    monkeypatch.chdir(study.path)
    assert main(["design"]) == 0
    assert "2 parameter sets" in capsys.readouterr().out


def test_several_studies_in_a_directory_are_told_apart_by_name(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree("results", "other/results")
    StudyLocation.of_this_code(Layout(Path("other/results"), Path("other/runs"))).note()
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert "several studies" in said
    assert "other/results, results" in said
    with pytest.raises(UserError, match="several studies"):
        st.open()
    assert main(["status", "--results", "other/results"]) == 0
    assert find_study(Path(), "other/results").runs == "other/runs"
    assert main(["status", "--results", "./results/"]) == 0
    assert len(st.open(results="results").results("fit")) == 4
    shutil.rmtree("results")
    assert main(["status"]) == 0  # only one is left


def test_study_is_found_without_snakemakes_own_notes(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    shutil.rmtree(".snakemake")
    assert main(["status"]) == 0
    Path("results").rename("moved")
    assert main(["status"]) == 1
    assert "holds no study" in capsys.readouterr().err
    assert main(["status", "--results", "moved", "--logs", "elsewhere"]) == 0


def test_note_of_a_newer_snakestudy_is_refused_and_half_a_note_is_none(
    here: Study, capsys: pytest.CaptureFixture
) -> None:
    (note,) = NOTES.iterdir()
    text = note.read_text()
    note.write_text(text[:20])
    assert main(["status"]) == 0
    note.write_text(json.dumps({**json.loads(text), "format": 2}))
    assert main(["status"]) == 1
    assert "newer snakestudy" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["status"], ["design"], ["prune"], ["task", "0"]])
def test_verbs_stop_where_another_copy_planned_and_say_how_to_run_that(
    arguments: list[str], here: Study, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    other = a_copy(tmp_path / "other")
    StudyLocation(package_root=str(other), version="9.9.9").note()
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert f"snakestudy 9.9.9 in {other}" in said
    assert f"snakestudy {st.__version__} in {PACKAGE_ROOT}" in said
    assert f"PYTHONPATH={other} python -m snakestudy {arguments[0]}" in said


def test_verbs_stop_in_another_copy_of_the_template_that_planned_nothing_yet(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    other = a_copy(study.path)
    monkeypatch.chdir(study.path)
    assert main(["design"]) == 1
    assert f"PYTHONPATH={other} python -m snakestudy design" in capsys.readouterr().err
    monkeypatch.chdir(study.path.parent)
    assert main(["design", str(study.path)]) == 1
    shutil.rmtree(other / "snakestudy")
    assert main(["design", str(study.path)]) == 0


def test_verbs_go_on_where_the_copy_that_planned_is_gone_or_is_this_one_by_another_name(
    here: Study, tmp_path: Path
) -> None:
    other = a_copy(tmp_path / "other")
    StudyLocation(package_root=str(other), version="9.9.9").note()
    other.parent.rename(tmp_path / "renamed")
    assert main(["status"]) == 0
    (tmp_path / "link").symlink_to(PACKAGE_ROOT)
    StudyLocation(package_root=str(tmp_path / "link"), version="9.9.9").note()
    assert main(["status"]) == 0


def test_verbs_of_rules_are_never_stopped(here: Study, tmp_path: Path) -> None:
    other = a_copy(tmp_path / "other")
    StudyLocation(package_root=str(other), version="9.9.9").note()
    for verb in (["tasks", "results"], ["outcome", "results", "runs", "logs", "continue"]):
        assert main(verb) == 0
    assert main(["check", "results", "runs", "logs"]) == 0


def test_study_goes_from_one_copy_of_the_template_to_another_with_its_next_plan(
    here: Study, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflow", other / "workflow", ignore=skipped)
    here.snakemake("--snakefile", str(other / "workflow/Snakefile"))
    (note,) = (json.loads(path.read_text()) for path in NOTES.iterdir())
    assert (note["package_root"], note["version"]) == (str(other / "workflow"), st.__version__)
    assert main(["status"]) == 1
    shown = [sys.executable, "-m", "snakestudy", "status"]
    theirs = {**environment(), "PYTHONPATH": str(other / "workflow")}
    assert subprocess.run(shown, env=theirs, capture_output=True).returncode == 0
    here.snakemake("--dry-run")
    assert main(["status"]) == 1
    here.snakemake()
    assert main(["status"]) == 0


def test_template_that_is_moved_or_copied_with_its_study_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert StudyLocation.of_this_code(Layout()).package_root == "workflow"
    assert version_of(PACKAGE_ROOT) == st.__version__
    assert version_of(tmp_path) == "of an unknown version"
