"""Which invocations plan: only those that run jobs; all others leave results/ as it is."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from kit import ROOT, Study, environment

from snakestudy.engine import internals
from snakestudy.engine.internals import CommandLine
from snakestudy.engine.options import AFTER_RUN, OTHER_OPTIONS, RUN_OPTIONS

# How each option is given that makes Snakemake do something else than run jobs.
OTHERWISE = {
    "archive": ["--archive", "archive.tar.gz"],
    "cleanup_metadata": ["--cleanup-metadata", "results/tasks.parquet"],
    "cleanup_shadow": ["--cleanup-shadow"],
    "conda_cleanup_envs": ["--conda-cleanup-envs"],
    "conda_create_envs_only": ["--conda-create-envs-only"],
    "container_cleanup_images": ["--container-cleanup-images"],
    "containerize": ["--containerize"],
    "d3dag": ["--d3dag"],
    "dag": ["--dag"],
    "delete_all_output": ["--delete-all-output"],
    "delete_temp_output": ["--delete-temp-output"],
    "deploy_sources": ["--deploy-sources", "query", "checksum"],
    "detailed_summary": ["--detailed-summary"],
    "export_cwl": ["--export-cwl", "study.cwl"],
    "filegraph": ["--filegraph"],
    "generate_unit_tests": ["--generate-unit-tests"],
    "help": ["--help"],
    "lint": ["--lint"],
    "list_changes": ["--list-changes", "code"],
    "list_conda_envs": ["--list-conda-envs"],
    "list_input_changes": ["--list-input-changes"],
    "list_params_changes": ["--list-params-changes"],
    "list_rules": ["--list-rules"],
    "list_target_rules": ["--list-target-rules"],
    "list_untracked": ["--list-untracked"],
    "print_compilation": ["--print-compilation"],
    "report": ["--report", "report.html"],
    "reporter": ["--reporter", "html", "--report-html-path", "report.html"],
    "rulegraph": ["--rulegraph"],
    "summary": ["--summary"],
    "touch": ["--touch"],
    "unlock": ["--unlock"],
    "version": ["--version"],
    "an abbreviation of --unlock": ["--unlo"],
    "an abbreviation of --summary": ["--summ"],
    "a dry run of what is no run": ["--delete-all-output", "--dry-run"],
}
LOSES_FILES = {"delete_all_output"}

# Snakemake in a fork for each command line, so that all is imported once.
DRIVER = """\
import json, os, sys
import smart_open, snakestudy.engine.snakefile
from snakemake.cli import get_argument_parser, main

get_argument_parser()  # looks for plugins
codes = {}
for name, directory, arguments in json.load(sys.stdin):
    pid = os.fork()
    if not pid:
        os.chdir(directory)
        sys.argv = ["snakemake", "an argument that is not Snakemake's"]
        output = os.open(f"{name}.out".replace("/", "_"), os.O_CREAT | os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            main(arguments)
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        os._exit(99)
    codes[name] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps(codes))
"""

PLAIN = """\
rule all:
    input: "results/tasks.parquet"

rule tasks:
    output: "results/tasks.parquet"
    log: "logs/tasks.log"
    shell: "echo > {output} 2> {log}"
"""


def run_all(cases: list[tuple[str, Path, list[str]]]) -> dict[str, int]:
    """Snakemake's exit status by name of the case: (name, directory, command line)."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps([(name, str(directory), line) for name, directory, line in cases]),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return json.loads(done.stdout)


def files_of(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    from snakemake.cli import get_argument_parser

    return get_argument_parser()


@pytest.fixture(scope="module")
def grown(template: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study whose configuration has more sets than are planned."""
    study = template.copy(tmp_path_factory.mktemp("options") / "study")
    study.edit("config/config.yaml", "[1, 2]", "[1, 2, 5]")
    return study


@pytest.fixture(scope="module")
def endings(grown: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple]:
    """Of each command line: exit status, that of a plain workflow, files of results/ after it."""
    plain = tmp_path_factory.mktemp("plain")
    (plain / "Snakefile").write_text(PLAIN)
    snakefile = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
    places = dict.fromkeys(OTHERWISE, grown.path)
    for name in LOSES_FILES:
        places[name] = plain / name
        shutil.copytree(grown.path, places[name])
    lines = OTHERWISE.items()
    codes = run_all([(name, places[name], [*snakefile, *line]) for name, line in lines])
    failed = [name for name in OTHERWISE if codes[name]]
    lines = [("run", []), *((name, OTHERWISE[name]) for name in failed)]
    usual = run_all([(name, plain, ["--cores", "1", *line]) for name, line in lines])
    assert usual.pop("run") == 0
    return {
        name: (codes[name], usual.get(name, 0), files_of(place / "results"))
        for name, place in places.items()
    }


def test_every_option_of_snakemake_is_known_to_go_with_a_run_or_not(
    parser: argparse.ArgumentParser,
) -> None:
    groups = [g for g in parser._action_groups if not (g.title or "").endswith("plugin settings")]
    options = {action.dest for group in groups for action in group._group_actions}
    assert options == RUN_OPTIONS | OTHER_OPTIONS
    assert not RUN_OPTIONS & OTHER_OPTIONS
    assert OTHERWISE.keys() >= OTHER_OPTIONS
    assert AFTER_RUN <= OTHER_OPTIONS


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_no_run_writes_nothing_below_results_and_ends_as_for_any_workflow(
    name: str, endings: dict[str, tuple], grown: Study
) -> None:
    code, usual, files = endings[name]
    output = (grown.path / f"{name}.out").read_text() if name not in LOSES_FILES else ""
    assert code == usual, output
    assert "snakestudy:" not in output
    if name in LOSES_FILES:
        assert files.items() < endings["summary"][2].items()
    else:
        assert files == endings["summary"][2]
    assert not [file for file in files if "proposals" in file or "0002" in file]


def test_study_goes_on_after_all_of_them(endings: dict[str, tuple], grown: Study) -> None:
    copy = grown.path.parent / "goes_on"
    shutil.copytree(grown.path, copy)
    assert "2 new tasks" in Study(copy).snakemake()
    assert len(Study(copy).table("fit")) == 6


def test_dry_run_plans_and_leaves_no_file(grown: Study) -> None:
    copy = grown.path.parent / "dry"
    shutil.copytree(grown.path, copy, ignore=shutil.ignore_patterns("__pycache__", "*.out"))
    study = Study(copy)
    study.write("scripts/sets.py", "def sets():\n    yield {'a': 7, 'b': 70}\n")
    study.edit("config/config.yaml", "design:\n", "design:\n- python: scripts/sets.py:sets\n-")
    for is_planned in (True, False):
        if not is_planned:
            shutil.rmtree(copy / "results")
        shutil.rmtree(copy / ".snakemake")
        before = files_of(copy)
        assert "to run" in study.snakemake("--dry-run")
        assert not (copy / ".snakemake/snakestudy").exists()
        after = files_of(copy).items()
        assert {k: v for k, v in after if not k.startswith(".snakemake/")} == before


@pytest.mark.parametrize("name", sorted(RUN_OPTIONS - {"report_after_run"}))
def test_option_of_a_run_plans(name: str, parser: argparse.ArgumentParser) -> None:
    args = parser.parse_args([])
    setattr(args, name, object())
    assert CommandLine(args, parser).asks_for_run()


def test_report_plans_only_if_it_is_made_after_a_run(parser: argparse.ArgumentParser) -> None:
    alone = parser.parse_args(["--report", "x.html"])
    after = parser.parse_args(["--report", "x.html", "--report-after-run"])
    summary = parser.parse_args(["--report", "x.html", "--report-after-run", "--summary"])
    asked = [CommandLine(args, parser).asks_for_run() for args in (alone, after, summary)]
    assert asked == [False, True, False]


def test_executors_that_run_nothing_do_not_plan_or_write(parser: argparse.ArgumentParser) -> None:
    touch, dry, local = (
        CommandLine(parser.parse_args(["--executor", name]), parser)
        for name in ("touch", "dryrun", "local")
    )
    assert [line.asks_for_run() for line in (touch, dry, local)] == [False, True, True]
    workflow = SimpleNamespace(output_settings=SimpleNamespace(dryrun=False))
    assert [internals.is_dry_run(workflow, line) for line in (dry, local)] == [True, False]


def test_option_that_is_not_known_plans_nothing_and_is_told(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(internals, "_warned", set())
    parser = argparse.ArgumentParser()
    parser.add_argument("--summarize-anew", action="store_true")
    parser.add_argument("--limit", type=int, default="7")  # as the parser makes it 7
    assert CommandLine(parser.parse_args([]), parser).asks_for_run()
    assert capsys.readouterr().err == ""
    assert not CommandLine(parser.parse_args(["--summarize-anew"]), parser).asks_for_run()
    assert "--summarize-anew" in capsys.readouterr().err


def test_options_of_plugins_plan() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument_group("some executor plugin settings").add_argument("--some-queue")
    assert CommandLine(parser.parse_args(["--some-queue", "x"]), parser).asks_for_run()


def test_run_through_the_api_plans_and_runs(study: Study) -> None:
    script = f"""\
        from pathlib import Path

        from snakemake.api import SnakemakeApi
        from snakemake.settings.types import OutputSettings, ResourceSettings

        with SnakemakeApi(OutputSettings()) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=2),
                snakefile=Path({str(ROOT / "Snakefile")!r}),
            )
            workflow.dag().execute_workflow()
        """
    file = study.write("run.py", script)
    command = [sys.executable, str(file), "--summary"]  # not an option of Snakemake's
    done = subprocess.run(
        command, cwd=study.path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(study.fit()) == 4
