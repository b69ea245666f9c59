"""Placeholders, command lines and the files a task finds in its run directory.

Long: one table of templates, paths and links.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from snakestudy.config.bash import bash_text
from snakestudy.config.inputs import check_task, source_path, target_name
from snakestudy.config.resolve import resolve
from snakestudy.config.study import Input, Task
from snakestudy.config.templates import fill, placeholders, render
from snakestudy.errors import UserError
from snakestudy.running.command_call import argv_of
from snakestudy.running.staging import stage
from snakestudy.values import as_text

HOSTILE = [
    *("a  b", " x ", "it's", '"', "';touch canary;'", '";touch canary;"', "; touch canary"),
    *("$(touch canary)", "`touch canary`", "${HOME}", "$HOME", "&& touch canary", "> canary", "#"),
    *(
        "{",
        "}",
        "{{",
        "{b}",
        "{x}",
        "ünï漢🎉",
        "-rf",
        "--help",
        "../../up",
        "/etc/passwd",
        "*",
        "~",
    ),
    *("\\", "\\n", "a\nb", "\n", "\t", "", "%s", "!!", "scripts/model.py", "a|b", "\r\n", "\u2028"),
]


def task_of(command: str | list[str] = "true", **keys: Any) -> Task:
    config = {"study": "s", "design": {"seeds": 1}, "task": {"command": command, **keys}}
    return Task.of(resolve("c.yaml", config)["steps"][0])


# placeholders, fill


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{a}-{b.c}", {"a", "b.c"}),
        ("{a}{a}", {"a"}),
        ("{{a}} {{}}", set()),
        ("{{{a}}}", {"a"}),
        ("awk '{{print $1}}' {x}", {"x"}),
        ("{ünï x}", {"ünï x"}),
        ("", set()),
    ],
)
def test_placeholders_of_a_template(template: str, names: set[str]) -> None:
    assert placeholders(template) == names


@pytest.mark.parametrize("template", ["{", "}", "{a", "a}", "{a}}", "{{a}", "{a{b}}"])
def test_single_brace_is_refused(template: str) -> None:
    with pytest.raises(UserError, match=r"has a single brace\. Write \{\{ or \}\}"):
        placeholders(template)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{a}", "1"),
        ("{f}/{t}{n}|", "0.1/true|"),
        ("{{a}} {{{a}}}", "{a} {1}"),
        ("{m.r} {l}", 'x [1, "ü"]'),
        ("$HOME {a}%", "$HOME 1%"),
    ],
)
def test_values_are_filled_in_as_text(template: str, filled: str) -> None:
    values = {"a": 1, "f": 0.1, "t": True, "n": None, "m.r": "x", "l": [1, "ü"]}
    assert fill(template, values) == filled


@given(st.text(), st.text())
def test_values_are_not_filled_in_themselves(one: str, two: str) -> None:
    assert fill("{a}|{b}", {"a": one, "b": two}) == f"{one}|{two}"


# argv_of


def words_of(task: Task, values: dict[str, Any], directory: Path) -> list[str]:
    """What a program gets as arguments: the command prints each with a NUL behind it."""
    env = dict(os.environ)
    if isinstance(task.command, str):  # as `CommandCall` does
        env |= {name: as_text(values[key]) for key, name in bash_text(task.command)[1].items()}
    argv = argv_of(task, values, directory)
    printed = subprocess.run(argv, cwd=directory, env=env, check=True, capture_output=True).stdout
    assert not list(directory.rglob("canary"))
    return printed.decode().split("\0")[:-1]


@pytest.mark.parametrize("setup", [None, "export A=1\n# a comment", "true"])
@pytest.mark.parametrize(
    "command",
    [["printf", "%s\\0", "{x}", "--x={x}", "a/{x}"], "printf '%s\\0' {x} --x={x} a/{x}"],
    ids=["list", "string"],
)
def test_value_is_one_word_whatever_it_holds(
    tmp_path: Path, command: str | list[str], setup: str | None
) -> None:
    task = task_of(command, **({"setup": setup} if setup else {}))
    for value in HOSTILE:
        found = words_of(task, {"x": value}, tmp_path)
        assert found == [value, f"--x={value}", f"a/{value}"]


@pytest.mark.parametrize("quoted", ['"{x}"', "'{x}'", '"a{x}"'])
def test_placeholder_in_quotes_is_refused_or_one_word(tmp_path: Path, quoted: str) -> None:
    task = task_of(f"printf '%s\\0' {quoted}")
    try:
        check_task(task, ["x"])
    except UserError:
        return
    for value in HOSTILE:
        prefix = "a" if "a{" in quoted else ""
        assert words_of(task, {"x": value}, tmp_path) == [prefix + value]


@pytest.mark.parametrize(
    "command",
    [
        "# it's a comment\nprintf '%s\\0' {x}",
        "true # it's\nprintf '%s\\0' \"{x}\"",
        "printf '%s\\0' {x} # it's",
        "true '\\' ; printf '%s\\0' {x}",
        "true \"it's\" ; printf '%s\\0' {x}",
        "true it\\'s ; printf '%s\\0' {x}",
        "true $'it\\'s' ; printf '%s\\0' {x}",
        "true '\n' ; printf '%s\\0' '{x}'",
        "true <<<text\nprintf '%s\\0' {x}",
        "true $((1 << 2))\nprintf '%s\\0' {x}",
        "true <<END\nit's {x}\nEND\nprintf '%s\\0' {x}",
        "true <<'END'\nit's\nEND\nprintf '%s\\0' {x}",
        "y={x}; printf '%s\\0' \"$y\"",
        "f() {{ printf '%s\\0' \"$1\"; }}; f {x}",
    ],
)
def test_quotes_elsewhere_in_a_line_of_bash_do_not_matter(tmp_path: Path, command: str) -> None:
    task = task_of(command)
    try:
        check_task(task, ["x"])
    except UserError:
        return
    for value in HOSTILE:
        assert words_of(task, {"x": value}, tmp_path) == [value]


@pytest.mark.parametrize(
    "inner", ["printf '%s.' {x}", "printf '%s.' '{x}'", "printf '%s.' \"{x}\""]
)
def test_value_is_one_word_in_a_command_substitution(tmp_path: Path, inner: str) -> None:
    for outer in (f'"$({inner})"', f'"a$({inner})"'):
        task = task_of(f"printf '%s\\0' {outer}")
        try:
            check_task(task, ["x"])
        except UserError:
            continue
        prefix = "a" if outer.startswith('"a') else ""
        for value in HOSTILE:
            assert words_of(task, {"x": value}, tmp_path) == [f"{prefix}{value}."]


@pytest.mark.parametrize(
    ("value", "word"), [(0.1, "0.1"), (1e-7, "1e-07"), (True, "true"), (None, ""), ([1], "[1]")]
)
def test_other_values_are_words_too(tmp_path: Path, value: Any, word: str) -> None:
    for command in (["printf", "%s\\0", "{x}"], "printf '%s\\0' {x}"):
        assert words_of(task_of(command), {"x": value}, tmp_path) == [word]


def test_word_of_a_list_that_names_a_file_of_the_study_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/m.py", "scripts/{x}", "m.py"):
        (tmp_path / name).touch()
    command = [
        "python",
        "scripts/m.py",
        "m.py",
        "scripts/no.py",
        "scripts",
        "./scripts/m.py",
        "{x}",
    ]
    found = argv_of(task_of([*command, "scripts/{{x}}"]), {"x": "scripts/m.py"}, tmp_path)
    assert found == [
        *("python", str(tmp_path / "scripts/m.py"), "m.py", "scripts/no.py", "scripts"),
        *(str(tmp_path / "./scripts/m.py"), "scripts/m.py", "scripts/{x}"),
    ]


def test_string_is_bash_with_pipefail(tmp_path: Path) -> None:
    assert words_of(task_of("printf '%s\\0' {{a,b}}"), {}, tmp_path) == [
        "a",
        "b",
    ]
    for command in ("false\ntrue", "false | true"):
        assert subprocess.run(argv_of(task_of(command), {}, tmp_path)).returncode == 1


@pytest.mark.parametrize("command", [["printenv", "A"], "printenv A"])
def test_setup_runs_before_the_command_in_its_shell(
    tmp_path: Path, command: str | list[str]
) -> None:
    task = task_of(command, setup="A='{not filled}'; export A")
    found = subprocess.run(argv_of(task, {}, tmp_path), capture_output=True, text=True)
    assert found.stdout == "{not filled}\n"
    failing = argv_of(task_of(command, setup="false"), {}, tmp_path)
    assert subprocess.run(failing, capture_output=True).returncode == 1


def test_exit_code_of_a_list_with_setup_is_the_program_s(tmp_path: Path) -> None:
    task = task_of(["bash", "-c", "exit 7"], setup="true")
    assert subprocess.run(argv_of(task, {}, tmp_path)).returncode == 7


# where inputs come from and go


def item(path: str = "in.dat", **keys: Any) -> Input:
    return Input(**{"path": path, "linkage": "copy", "rename": None, "render": None, **keys})


@pytest.mark.parametrize("value", ["..", "../up", "a/../../b", "a/.."])
def test_value_with_a_way_up_in_a_path_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=r"\bup\b.* by a value"):
        source_path(item("inits/{x}/a.dat"), {"x": value})


@pytest.mark.parametrize(
    ("value", "path"),
    [("a", "inits/a"), ("a/b", "inits/a/b"), ("..a", "inits/..a"), (3, "inits/3")],
)
def test_value_in_a_path(value: Any, path: str) -> None:
    assert source_path(item("inits/{x}"), {"x": value}) == path


@pytest.mark.parametrize(
    ("rename", "source", "name"),
    [
        (None, "resources/a.dat", "a.dat"),
        ("b.dat", "a.dat", "b.dat"),
        ("sub/./b.dat", "a.dat", "sub/b.dat"),
        ("sub/../b.dat", "a.dat", "b.dat"),
        ("{x}.dat", "a.dat", "v.dat"),
        ("..b", "a.dat", "..b"),
        ("sub/params.json", "a.dat", "sub/params.json"),
    ],
)
def test_target_of_an_input(rename: str | None, source: str, name: str) -> None:
    assert target_name(item(rename=rename), source, {"x": "v"}) == name


@pytest.mark.parametrize("rename", ["..", "../b", "sub/../../b", "/tmp/b", ".", "./", "{x}", "{e}"])
def test_target_outside_of_the_run_directory_is_refused(rename: str) -> None:
    with pytest.raises(UserError, match="leaves the run directory"):
        target_name(item(rename=rename), "a.dat", {"x": "../../b", "e": ""})


@pytest.mark.parametrize(
    "name", ["params.json", "stdout.log", "stderr.log", "task.json", "results.json"]
)
def test_target_that_is_a_file_of_the_template_is_refused(name: str) -> None:
    for rename, source in ((name, "a"), (f"./{name}", "a"), ("{x}", "a"), (None, f"in/{name}")):
        with pytest.raises(UserError, match="a file of the template's own"):
            target_name(item(rename=rename), source, {"x": name})


# stage


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study with resources/in.dat."""
    path = tmp_path / "study"
    (path / "resources").mkdir(parents=True)
    (path / "resources/in.dat").write_text("content")
    return path


def staged(study: Path, inputs: list[Any], values: dict[str, Any] | None = None) -> Path:
    """The run directory of a task with these inputs."""
    directory = study / "runs/ab/abc"
    directory.mkdir(parents=True)
    task, shared = task_of(inputs=inputs), study / "runs/shared"
    stage(task, directory, study, shared, files={}, values=values or {})
    return directory


def test_copy_is_an_own_file(study: Path) -> None:
    found = staged(study, [{"path": "resources/in.dat", "linkage": "copy"}]) / "in.dat"
    assert not found.is_symlink()
    found.write_text("changed")
    assert (study / "resources/in.dat").read_text() == "content"


def test_shared_is_a_link_to_one_read_only_copy(study: Path) -> None:
    directory = staged(study, ["resources/in.dat", {"path": "resources/in.dat", "rename": "b"}])
    links = [directory / "in.dat", directory / "b"]
    assert all(link.is_symlink() for link in links)
    (copy,) = {link.resolve() for link in links}
    assert copy.is_relative_to(study / "runs/shared")
    assert copy.stat().st_mode & 0o222 == 0
    assert copy.read_text() == "content"
    (study / "resources/in.dat").write_text("changed")
    assert links[0].read_text() == "content"


def test_shared_copy_follows_the_content_of_its_file(study: Path) -> None:
    first = staged(study, ["resources/in.dat"]) / "in.dat"
    (study / "resources/in.dat").write_text("changed")
    shutil.move(study / "runs/ab/abc", study / "runs/ab/old")
    second = staged(study, ["resources/in.dat"]) / "in.dat"
    assert second.read_text() == "changed"
    assert (study / "runs/ab/old" / first.name).read_text() == "content"


@pytest.mark.parametrize("linkage", ["shared", "copy"])
def test_program_among_the_inputs_stays_executable(study: Path, linkage: str) -> None:
    (study / "resources/in.dat").chmod(0o755)
    found = staged(study, [{"path": "resources/in.dat", "linkage": linkage}]) / "in.dat"
    assert os.access(found.resolve(), os.X_OK)
    assert found.stat().st_mode & 0o111


def test_link_is_a_link_to_the_path_given(study: Path) -> None:
    found = staged(study, [{"path": "resources/in.dat", "linkage": "link"}]) / "in.dat"
    assert found.resolve() == study / "resources/in.dat"
    (study / "resources/in.dat").write_text("changed")
    assert found.read_text() == "changed"


def test_links_survive_moving_the_study(study: Path) -> None:
    inputs = ["resources/in.dat", {"path": "resources/in.dat", "linkage": "link", "rename": "l"}]
    staged(study, inputs)
    moved = study.rename(study.with_name("moved")) / "runs/ab/abc"
    assert (moved / "in.dat").read_text() == (moved / "l").read_text() == "content"


def test_link_to_an_absolute_path_keeps_it(study: Path) -> None:
    path = str(study / "resources/in.dat")
    found = staged(study, [{"path": path, "linkage": "link"}]) / "in.dat"
    assert os.readlink(found) == path


@pytest.mark.parametrize("linkage", ["shared", "copy", "link"])
def test_inputs_arrive_where_runs_is_a_link_to_another_disk(study: Path, linkage: str) -> None:
    scratch = study.parent / "scratch" / "deep" / "runs"
    scratch.mkdir(parents=True)
    (study / "runs").symlink_to(scratch)
    found = staged(study, [{"path": "resources/in.dat", "linkage": linkage}]) / "in.dat"
    assert found.read_text() == "content"


@pytest.mark.parametrize("linkage", ["shared", "copy", "link"])
def test_rename_makes_directories(study: Path, linkage: str) -> None:
    inputs = [{"path": "resources/in.dat", "linkage": linkage, "rename": "a/{x}/b c.dat"}]
    assert (staged(study, inputs, {"x": "v"}) / "a/v/b c.dat").read_text() == "content"


def test_placeholder_chooses_the_file(study: Path) -> None:
    for name in ("{x}", "a b", "$(touch canary)", "ü'\""):
        (study / "resources" / name).write_text(name)
    for name in ("{x}", "a b", "$(touch canary)", "ü'\""):
        directory = staged(study, [{"path": "resources/{x}", "rename": "init"}], {"x": name})
        assert (directory / "init").read_text() == name
        shutil.rmtree(directory)


@pytest.mark.parametrize("linkage", ["shared", "copy", "link"])
def test_second_input_never_writes_through_a_link_of_the_first(study: Path, linkage: str) -> None:
    (study / "resources/other.dat").write_text("other")
    inputs = [
        {"path": "resources/in.dat", "linkage": linkage, "rename": "{x}"},
        {"path": "resources/other.dat", "linkage": "copy", "rename": "{y}"},
    ]
    try:
        staged(study, inputs, {"x": "same", "y": "same"})
    except (UserError, OSError):
        pass
    assert (study / "resources/in.dat").read_text() == "content"
    for copy in (study / "runs/shared").rglob("in.dat"):
        assert copy.read_text() == "content"


def test_missing_input_is_an_error(study: Path) -> None:
    with pytest.raises(OSError, match=r"no\.dat"):
        staged(study, [{"path": "resources/{x}.dat", "linkage": "copy"}], {"x": "no"})


# templates


def test_jinja_template_sees_nested_parameters() -> None:
    text = "{{ model.rate }} {% for x in xs %}{{ x }},{% endfor %}\n{{ t }}\n"
    values = {"model.rate": 0.5, "xs": [1, 2], "t": "<&'\"{{ t }}"}
    assert render(text, "jinja", values) == "0.5 1,2,\n<&'\"{{ t }}\n"


def test_dollar_template_has_texts() -> None:
    values = {"a": 0.5, "t": True, "n": None, "s": "$a"}
    assert render("$a ${a}b $t [$n] $$5 $s\n", "dollar", values) == "0.5 0.5b true [] $5 $a\n"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("jinja", "{{ no }}"),
        ("jinja", "{{ model.no }}"),
        ("jinja", "{% if no %}x{% endif %}"),
        ("dollar", "$no"),
        ("dollar", "${no}"),
        ("dollar", "$"),
    ],
)
def test_name_that_is_not_filled_is_an_error(kind: str, text: str) -> None:
    with pytest.raises((UndefinedError, KeyError, ValueError)):
        render(text, kind, {"a": 1, "model.rate": 2})


@pytest.mark.parametrize("value", HOSTILE)
def test_rendered_value_is_only_text(study: Path, value: str) -> None:
    (study / "j.in").write_text("<{{ x }}>\n")
    (study / "d.in").write_text("<$x>\n")
    inputs = [{"path": "j.in", "render": "jinja"}, {"path": "d.in", "render": "dollar"}]
    directory = staged(study, inputs, {"x": value})
    for name in ("j.in", "d.in"):
        assert (directory / name).read_bytes().decode() == f"<{value}>\n"


# check_task


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"command": ["echo", "{alpah}"]}, ["task.command", "{alpah} is no", "mean alpha?"]),
        ({"command": "echo {b}"}, ["task.command", "{b} is no parameter", "Known: alpha,"]),
        ({"command": "awk '{print}'"}, ["task.command", "{print} is no parameter"]),
        ({"command": "echo }"}, ["task.command", "single brace"]),
        ({"env": {"X": "{b}"}}, ["task.env.X", "{b} is no parameter"]),
        ({"inputs": ["{b}.dat"]}, ["task.inputs.0.path", "{b} is no parameter"]),
        (
            {"inputs": ["a", {"path": "b", "rename": "{c}"}]},
            ["task.inputs.1.rename", "{c} is no parameter"],
        ),
        ({"inputs": [{"path": "a", "rename": "../a"}]}, ["task.inputs.0.rename", "leaves the run"]),
        ({"inputs": ["in/params.json"]}, ["task.inputs.0", "template's own"]),
        ({"inputs": ["in/a.dat", "other/a.dat"]}, ["task.inputs.1", "a.dat", "same name"]),
        (
            {"inputs": ["in/a.dat", {"path": "b", "rename": "./a.dat"}]},
            ["task.inputs.1", "a.dat", "same name"],
        ),
        ({"inputs": [{"path": "j.in", "render": "jinja"}]}, ["j.in", "{beta} is no parameter"]),
        ({"inputs": [{"path": "bad.in", "render": "jinja"}]}, ["bad.in", "line 2"]),
        ({"inputs": [{"path": "d.in", "render": "dollar"}]}, ["d.in", "{beta} is no parameter"]),
        ({"inputs": [{"path": "p.in", "render": "dollar"}]}, ["p.in", "$", "Write $$"]),
        ({"metrics": {"m": "../m.csv"}}, ["task.metrics.m.path", "leaves the run directory"]),
        ({"metrics": {"m": "/tmp/m.csv"}}, ["task.metrics.m.path", "leaves the run directory"]),
        ({"metrics": {"m": "a/../.."}}, ["task.metrics.m.path", "leaves the run directory"]),
    ],
)
def test_task_that_cannot_be_staged_is_refused_before(
    study: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], words: list[str]
) -> None:
    monkeypatch.chdir(study)
    texts = {
        "j.in": "{{ alpha }} {{ beta }}",
        "bad.in": "\n{% if alpha %}",
        "d.in": "$alpha ${beta}",
    }
    for name, text in {**texts, "p.in": "5 $"}.items():
        Path(name).write_text(text)
    with pytest.raises(UserError) as caught:
        check_task(task_of(**keys), ["alpha"])
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message


def test_names_of_parameters_threads_and_task_id_are_known(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study)
    Path("j.in").write_text("{{ m.rate }} {{ threads }} {{ task_id }} {% set y = 1 %}{{ y }}")
    Path("d.in").write_text("$alpha $threads $task_id $$")
    task = task_of(
        "run -j {threads} --id {task_id} {m.rate} {{x}}",
        env={"OMP_NUM_THREADS": "{threads}", "M": "{alpha}"},
        inputs=[
            {"path": "j.in", "render": "jinja", "rename": "{task_id}/j"},
            {"path": "d.in", "render": "dollar"},
            "inits/{alpha}.dat",
        ],
        metrics={"m": "sub/m.csv"},
    )
    assert check_task(task, ["alpha", "m.rate"]) is None
