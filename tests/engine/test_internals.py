"""What Snakemake or a plugin does not document: where it is gone, a warning, and the study runs."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from kit import ROOT, Study

from snakestudy.engine import internals, slurm
from snakestudy.engine.internals import CommandLine
from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.planning.model import Capacity

# The template taken in by a Snakemake that lacks all that it could lack, beside a SLURM plugin
# of another form.
LACKING = f"""\
    import sys, types

    GONE = {{
        "pathvars", "resource_settings", "config_settings", "output_settings",
        "execution_settings", "local_exec", "scheduler", "current_basedir",
    }}


    class Lacking:
        def __init__(self, real):
            self.__dict__["real"] = real

        def __getattr__(self, name):
            if name in GONE or name == "is_main_process":
                raise AttributeError(name)
            return getattr(self.real, name)

        def __setattr__(self, name, value):
            setattr(self.real, name, value)


    async def query_job_status(job, command, logger):
        raise AssertionError


    plugin = types.ModuleType("snakemake_executor_plugin_slurm")
    plugin.query_job_status = query_job_status
    plugin.Executor = type("Executor", (), {{"additional_general_args": lambda self, job: ""}})
    sys.modules[plugin.__name__] = plugin
    workflow = Lacking(workflow)


    include: {str(ROOT / "workflow/Snakefile")!r}


    workflow.default_target = "all"
    """


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[[], str]:
    """What has been said on stderr since the last call."""
    monkeypatch.setattr(internals, "_warned", set())
    return lambda: capsys.readouterr().err


def test_study_runs_under_a_snakemake_and_a_plugin_that_lack_what_they_had(study: Study) -> None:
    snakefile = study.write("Snakefile", LACKING)
    output = study.snakemake("--snakefile", str(snakefile))
    assert len(study.fit()) == 4
    assert "plan 1 is current" in study.snakemake()
    warnings = [line for line in output.splitlines() if line.startswith("snakestudy: warning:")]
    for what in (
        "workflow.pathvars.apply",
        "workflow.resource_settings.cores",
        "workflow.config_settings.configfiles",
        "workflow.output_settings.dryrun",
        "workflow.execution_settings.retries",
        "workflow.is_main_process",
        "workflow.local_exec",
        "snakemake_executor_plugin_slurm.query_job_status",
        "Executor.sleep",
        "Executor.additional_general_args",
    ):
        assert sum(what in line for line in warnings) == 1, output
    assert "--summary" not in output
    study.edit("config/config.yaml", "[1, 2]", "[1, 2, 5]")
    study.snakemake("--snakefile", str(snakefile), "--dry-run")
    study.snakemake("--snakefile", str(snakefile), "--summary")
    assert not (study.path / "results/.store/proposals").exists()


@pytest.mark.parametrize(
    ("read", "otherwise"),
    [
        (internals.layout_of, Layout()),
        (internals.capacity_of, Capacity(1)),
        (lambda workflow: internals.configuration_of(workflow, None), ([], {})),
        (internals.retries_of, 0),
        (lambda workflow: internals.is_main(workflow, None), True),
        (lambda workflow: internals.is_dry_run(workflow, None), False),
        (internals.spare_rate_of_jobs, None),
    ],
)
def test_what_is_gone_is_told_once_and_something_stands_for_it(
    read: Callable[[Any], Any], otherwise: Any, told: Callable[[], str]
) -> None:
    workflow = SimpleNamespace()
    assert read(workflow) == otherwise
    assert "snakestudy: warning: this Snakemake has no workflow." in told()
    assert read(workflow) == otherwise
    assert told() == ""


def test_without_is_main_process_the_command_line_tells_a_nested_one(
    told: Callable[[], str],
) -> None:
    from snakemake.cli import get_argument_parser

    parser = get_argument_parser()
    for line, is_main in ((["--mode", "subprocess"], False), ([], True)):
        command_line = CommandLine(parser.parse_args(line), parser)
        assert internals.is_main(SimpleNamespace(), command_line) == is_main
    assert "is_main_process" in told()


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (
            "design={grid: {x: [7, 0.5, a b, null, true]}}",
            {"grid": {"x": [7, 0.5, "a b", None, True]}},
        ),
        ("design={'grid': {\"x\": ['7', 1e-3]}}", {"grid": {"x": ["7", 0.001]}}),
        ("chunks={tasks: 2}", {"tasks": 2}),
        ("pilot=10", 10),
        ("git=true", True),
        ("study=on", "on"),
        ("study='12'", "12"),
        ("runs_root=", None),
        ("redo=L == '1u'", "L == '1u'"),
        ("redo='1u' == L", "'1u' == L"),
        ("redo='L == 1'", "L == 1"),
        ("redo='a' == x or x == 'b'", "'a' == x or x == 'b'"),
        ("redo=1", "1"),
        ("study=a=b", "a=b"),
        ("study=Köln", "Köln"),
        (os.fsdecode("study=Köln".encode()), "Köln"),
    ],
)
def test_overrides_are_read_as_the_configuration_is(typed: str, value: Any) -> None:
    from snakemake.cli import get_argument_parser

    parser = get_argument_parser()
    command_line = CommandLine(parser.parse_args(["--config", typed]), parser)
    assert command_line.overrides() == {typed.partition("=")[0]: value}
    workflow = SimpleNamespace(config_settings=SimpleNamespace(configfiles=(), config={"a": "b"}))
    assert internals.configuration_of(workflow, command_line)[1] == command_line.overrides()


def test_override_that_is_no_yaml_is_refused() -> None:
    command_line = CommandLine(argparse.Namespace(config=["design={grid: [1"]), None)  # type: ignore
    with pytest.raises(UserError, match="--config design: line 1"):
        command_line.overrides()


def test_overrides_that_are_not_told_are_those_of_snakemake(told: Callable[[], str]) -> None:
    command_line = CommandLine(argparse.Namespace(config={"a": 1}), None)  # type: ignore
    workflow = SimpleNamespace(config_settings=SimpleNamespace(configfiles=(), config={"a": 1}))
    assert internals.configuration_of(workflow, command_line) == ([], {"a": 1})
    assert "--config" in told()


def test_values_of_the_command_line_are_those_of_the_file(study: Study) -> None:
    study.write("scripts/model.py", "def run(p):\n    return {'y': p['a'] + 0.5}\n")
    study.configure("""\
        study: typed
        design: {grid: {a: 1}}
        task: {function: "scripts/model.py:run"}
        """)
    study.snakemake("--config", "design={grid: {a: [7, 8]}}", "chunks={tasks: 1}")
    assert sorted(study.table("result")["y"]) == [7.5, 8.5]
    study.edit("config/config.yaml", "a: 1", "a: [7, 8]")
    assert "to run" not in study.planned()
    output = study.snakemake("-n", "--config", "redo=a == 7 and 'u' == 'u'")
    assert "to run: 1 task in 1 chunk" in output


def test_rate_of_jobs_is_spared_on_local_cores_only() -> None:
    for is_local in (True, False):
        scheduler = SimpleNamespace(job_rate_limiter=1)
        internals.spare_rate_of_jobs(SimpleNamespace(local_exec=is_local, scheduler=scheduler))
        assert scheduler.job_rate_limiter == (None if is_local else 1)


def test_command_line_that_is_nowhere_to_be_seen_is_told(told: Callable[[], str]) -> None:
    assert CommandLine.of_this_process() is None
    assert told() == ""  # the API tells none
    cli: dict[str, Any] = {"__name__": "snakemake.cli"}
    exec("def main(ask, arguments=None):\n    return ask()", cli)
    assert cli["main"](CommandLine.of_this_process) is None
    assert "what it was asked for" in told()


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What guards look at, in the form of plugin 2.8; `answers` are those of sacct and squeue."""
    module: Any = types.ModuleType("snakemake_executor_plugin_slurm")
    module.answers = {}

    async def query_job_status(command: str, logger: Any) -> tuple[Any, Any]:
        states = module.answers.get(command.split()[0])
        return (None, None) if states is None else (states, 0.1)

    class Executor:
        def __init__(self, arrays: set[str]) -> None:
            self.array_jobs, self.wait = arrays, True
            settings = SimpleNamespace(seconds_between_status_checks=0.01)
            self.workflow = SimpleNamespace(remote_execution_settings=settings)

        async def sleep(self) -> None:
            raise AssertionError("sleeps as it likes")

        def additional_general_args(self) -> str:
            return "--executor slurm-jobstep --jobs 1"

    module.query_job_status, module.Executor = query_job_status, Executor
    module.query_job_status_squeue = lambda runid: f"squeue --name {runid}"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def asked(plugin: Any, **answers: dict[str, str] | None) -> dict[str, str] | None:
    """States of jobs as the guarded plugin sees them."""
    plugin.answers = answers
    return asyncio.run(plugin.query_job_status("sacct --name run", None))[0]


def test_guards_fit_the_plugin_they_were_made_for_and_are_put_once(
    plugin: Any, told: Callable[[], str]
) -> None:
    slurm.guard()
    guarded = plugin.query_job_status
    slurm.guard()
    assert plugin.query_job_status is guarded
    assert told() == ""
    asyncio.run(plugin.Executor(set()).sleep())
    lines = [plugin.Executor(arrays).additional_general_args() for arrays in (set(), {"run"})]
    assert lines == ["--executor local --jobs 1", "--executor slurm-jobstep --jobs 1"]


def test_guarded_plugin_sees_every_end_of_a_job(
    plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm.guard()
    states = {"1": "CANCELLED by 0", "2": "PREEMPTED", "3": "RUNNING", "4": ""}
    seen = {"1": "CANCELLED", "2": "CANCELLED", "3": "RUNNING"}
    assert asked(plugin, sacct=states) == seen
    assert asked(plugin, sacct=None, squeue={"3": "RUNNING"}) == {"3": "RUNNING"}
    assert asked(plugin, sacct=None, squeue=None) is None
    monkeypatch.setattr(slurm, "_MISSED", 0)
    assert asked(plugin, sacct={"3": "RUNNING"}) == {"1": "UNKNOWN", "2": "UNKNOWN", "3": "RUNNING"}


GUARDED = ("query_job_status", "sleep", "additional_general_args")


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("query_job_status", GUARDED[1:]),
        ("query_job_status_squeue", GUARDED),
        ("Executor", GUARDED[:1]),
        ("sleep", (GUARDED[0], GUARDED[2])),
        ("additional_general_args", GUARDED[:2]),
    ],
)
def test_plugin_that_lacks_something_is_told_and_the_other_guards_stand(
    name: str, left: tuple[str, ...], plugin: Any, told: Callable[[], str]
) -> None:
    owners = [plugin, plugin.Executor, plugin.Executor]
    before = [getattr(owner, guarded) for owner, guarded in zip(owners, GUARDED, strict=True)]
    delattr(plugin.Executor if name in GUARDED[1:] else plugin, name)
    slurm.guard()
    assert name in told()
    guarded = [
        function
        for owner, function, original in zip(owners, GUARDED, before, strict=True)
        if getattr(owner, function, original) is not original
    ]
    assert tuple(guarded) == left
