"""Names and values with anything in them arrive as data, in every place; nothing executes them.

Long: hostile names and values, written out for every place.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from kit import Study

# Run by anything, each of these makes a file called canary somewhere below the test's directory.
TOUCH = 'touch "$STUDY_DIR/canary" canary'
INJECTIONS = [
    f"; {TOUCH}",
    f"$({TOUCH})",
    f"`{TOUCH}`",
    f"&& {TOUCH} #",
    f"| {TOUCH}",
    f"'; {TOUCH}; '",
    f'"; {TOUCH}; "',
    f"'$({TOUCH})'",
    f'"$({TOUCH})"',
    f"\n{TOUCH}\n",
    "> canary",
    "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
    "__import__('os').system('touch canary')",
]
NAMES = [  # that a file can have, too
    *("a  b", " outer ", "it's", 'say "hi"', "ünï漢🎉", "line\nbreak", "\n", "tab\there"),
    *("{", "}", "}{", "{x}", "{{x}}", "{threads}", "$x", "${HOME}", "$HOME", "$$", "%s", "%(x)s"),
    *(
        ".hidden",
        "-rf",
        "--help",
        "\\",
        "a\\nb",
        "*",
        "?",
        "[ab]",
        "~",
        "#x",
        "!x",
        "&",
        "=1",
        "a,b",
    ),
    *("\r", "a\r\nb", "\x1b[31m", "\u00a0", "\u2028", "\x7f", "null", "true", "1", "1e3", "nan"),
    *(text for text in INJECTIONS if "/" not in text),
]
PATHS = ["..", "../up", "../../../up", "/etc/passwd", "a/b", "scripts/echo.py", "./scripts"]
VALUES = [*NAMES, *PATHS, *(text for text in INJECTIONS if "/" in text)]

ECHO = """\
import json, os, sys
x = json.load(open("params.json"))["x"]
report = {"argv": sys.argv[1:], "env": os.environ["X"], "params": x}
for name in ("jinja.txt", "dollar.txt"):
    with open(name, newline="") as file:
        report[name] = file.read()
json.dump(report, open("report.json", "w"))
json.dump([{"y": x, "it's $(touch canary)": x}], open("fit.json", "w"))
"""
SAFE = "a harmless value"


def configure(study: Study, **config: object) -> None:
    """Write the configuration as JSON, which is YAML, with nothing left to misread."""
    text = json.dumps({"study": f"it's; $({TOUCH})", **config}, ensure_ascii=False)
    for control in ("\x7f", "\u2028"):
        text = text.replace(control, f"\\u{ord(control):04x}")
    study.configure(text)


def check_nothing_was_executed(study: Study) -> None:
    assert [path.name for path in study.path.parent.iterdir()] == [study.path.name]
    files = {path.name for path in study.path.rglob("*") if "inits" not in path.parts}
    assert "canary" not in files
    assert not Path("canary").exists()


def run_directory(study: Study, task_id: str) -> Path:
    return study.path / "runs" / task_id[:2] / task_id


LIST = ["python", "scripts/echo.py", "{x}", "a{x}b", "--x={x}", "scripts/{x}"]
STRING = 'python "$STUDY_DIR/scripts/echo.py" {x} a{x}b --x={x} scripts/{x}'


@pytest.mark.parametrize("command", [LIST, STRING], ids=["list", "string"])
def test_value_arrives_unchanged_as_word_env_params_template_and_table(
    study: Study, command: list[str] | str
) -> None:
    study.write("scripts/echo.py", ECHO)
    study.write("jinja.txt", "<{{ x }}>")
    study.write("dollar.txt", "<$x>")
    configure(
        study,
        design={"grid": {"x": VALUES}},
        task={
            "command": command,
            "setup": "export SET=up",
            "env": {"X": "<{x}>"},
            "inputs": [
                {"path": "jinja.txt", "render": "jinja"},
                {"path": "dollar.txt", "render": "dollar"},
            ],
            "metrics": {"fit": "fit.json"},
        },
        chunks={"tasks": 100, "workers": 2},
    )
    study.snakemake()
    fit = study.table("fit")
    assert sorted(fit["x"]) == sorted(VALUES)
    assert list(fit["y"]) == list(fit["x"])
    assert list(fit["it's $(touch canary)"]) == list(fit["x"])
    for task_id, x in zip(fit["task_id"], fit["x"], strict=True):
        report = json.loads((run_directory(study, task_id) / "report.json").read_text())
        assert report == {
            "argv": [x, f"a{x}b", f"--x={x}", f"scripts/{x}"],
            "env": f"<{x}>",
            "params": x,
            "jinja.txt": f"<{x}>",
            "dollar.txt": f"<{x}>",
        }
    tasks = pd.read_parquet(study.path / "results/tasks.parquet")
    assert list(tasks["x"]) == VALUES
    check_nothing_was_executed(study)


@pytest.mark.parametrize(
    "command",
    [
        'python -c \'import sys, json; json.dump(sys.argv[1], open("y.json", "w"))\' "{x}"',
        "python -c 'import sys, json; json.dump(sys.argv[1], open(\"y.json\", \"w\"))' '{x}'",
        "cat > y.txt <<END\n{x}\nEND",
    ],
    ids=["double_quotes", "single_quotes", "here_document"],
)
def test_placeholder_inside_quotes_of_a_string_command_executes_nothing(
    study: Study, command: str
) -> None:
    """It may be refused, it may arrive as data; it may not be code."""
    values = [SAFE, *INJECTIONS]
    configure(
        study,
        design={"grid": {"x": values}},
        task={"command": command},
        chunks={"tasks": 100},
    )
    output = study.snakemake(ok=None)
    check_nothing_was_executed(study)
    if not (study.path / "results").exists():
        assert "task.command" in output
        return
    metadata = study.table("metadata/run")
    for task_id, x in zip(metadata["task_id"], metadata["x"], strict=True):
        (found,) = run_directory(study, task_id).glob("y.*")
        text = found.read_text()
        assert (json.loads(text) if found.suffix == ".json" else text.removesuffix("\n")) == x


FUNCTION = """\
import json, os

def simulate(params):
    here = os.environ["STUDY_DIR"] + "/seen.jsonl"
    with open(here, "a") as file:
        file.write(json.dumps(params) + "\\n")
    print(params)
    if params["x"] == "fail":
        raise ValueError(params["it's; $(touch canary)"])
    return {"y": params["x"], "c o l; $(touch canary)": [params["x"]]}
"""


def test_names_and_values_from_tables_reach_a_function_and_the_result_tables(study: Study) -> None:
    study.write("scripts/echo.py", FUNCTION.replace('"y": params["x"]', '"y": [params["x"]]'))
    values = [*VALUES, "fail"]
    with (study.path / "x.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["x"], *([value] for value in values)])
    own = {
        "it's; $(touch canary)": f"$({TOUCH})\n\x1b[2J{{x}}",
        "a b": "a  b",
        "`touch canary`": 1,
        'say "hi"': True,
        "ünï.漢🎉": "dotted",
        "--flag": [f"$({TOUCH})", {"k'; touch canary": None}],
        "%s %(x)s": 0.5,
    }
    configure(
        study,
        design={"table": "x.csv", "grid": {name: [value] for name, value in own.items()}},
        task={"function": "scripts/echo.py:simulate", "metrics": ["fit"]},
        chunks={"tasks": 100, "by": ["it's; $(touch canary)"]},
    )
    output = study.snakemake(ok=False)
    assert f"{len(values)} tasks, 1 failed" in output
    seen = [json.loads(line) for line in (study.path / "seen.jsonl").read_text().splitlines()]
    assert sorted(one["x"] for one in seen) == sorted(values)
    dotted = own.pop("ünï.漢🎉")
    for one in seen:
        assert one == {**own, "x": one["x"], "ünï": {"漢🎉": dotted}}
    fit = study.table("fit")
    assert sorted(fit["x"]) == sorted(VALUES)
    assert list(fit["y"]) == list(fit["x"])
    assert list(fit["c o l; $(touch canary)"]) == list(fit["x"])
    for name in ("it's; $(touch canary)", "a b", "`touch canary`", 'say "hi"', "%s %(x)s"):
        assert set(fit[name]) == {own[name]}
    assert set(fit["--flag"].map(json.loads).map(str)) == {str(own["--flag"])}
    metadata = study.table("metadata/run")
    (error,) = metadata["error"].dropna()
    assert error == f"ValueError: $({TOUCH})"
    check_nothing_was_executed(study)


def test_files_with_hostile_names_are_copied_linked_shared_and_renamed(study: Study) -> None:
    fixed = f"it's; $({TOUCH}) {{x}} \n.dat".replace("/", "|")
    study.write(f"inits/fixed {fixed}", "fixed")
    study.write(f"scripts/{fixed}", "import sys; open('argv.txt', 'w').write(sys.argv[1])")
    for number, name in enumerate(NAMES):
        study.write(f"inits/{name}.dat", f"init {number}")
    in_braces = fixed.replace("{", "{{").replace("}", "}}")
    configure(
        study,
        design={"grid": {"x": NAMES}},
        task={
            "command": "true",
            "inputs": [
                "inits/{x}.dat",
                {"path": "inits/{x}.dat", "linkage": "link", "rename": "link/{x}"},
                {"path": "inits/{x}.dat", "linkage": "shared", "rename": "shared/{x}"},
                {"path": f"inits/fixed {in_braces}", "linkage": "shared", "rename": "fixed.dat"},
            ],
        },
        chunks={"tasks": 100},
    )
    study.snakemake()
    table = study.table("metadata/run")
    assert sorted(table["x"]) == sorted(NAMES)
    for task_id, x in zip(table["task_id"], table["x"], strict=True):
        own = run_directory(study, task_id)
        expected = f"init {NAMES.index(x)}"
        assert (own / f"{x}.dat").read_text() == expected
        assert (own / "link" / x).resolve() == (study.path / "inits" / f"{x}.dat")
        assert (own / "shared" / x).read_text() == expected
        assert (own / "shared" / x).resolve().is_relative_to(study.path / "runs/shared")
        assert (own / "fixed.dat").read_text() == "fixed"
        names = {path.name for path in own.iterdir()}
        assert names == {
            *(f"{x}.dat", "link", "shared", "fixed.dat"),
            *("params.json", "stdout.log", "stderr.log", "task.json"),
        }
    check_nothing_was_executed(study)


@pytest.mark.parametrize(
    ("path", "x"),
    [
        ("inits/{x}.dat", "../secret"),
        ("inits/{x}/secret.dat", ".."),
        ("inits/{x}.dat", "sub/../../secret"),
        ("inits/.{x}/secret.dat", "."),
    ],
)
def test_value_that_goes_up_from_the_path_of_an_input_is_refused(
    study: Study, path: str, x: str
) -> None:
    study.write("secret.dat", "secret")
    study.write("inits/sub/a.dat", "fine")
    configure(
        study,
        design={"grid": {"x": ["sub/a", x]}},
        task={"command": "true", "inputs": [{"path": path, "rename": "in.dat"}]},
    )
    study.write("inits/sub/a/secret.dat", "fine")
    study.write("inits/.sub/a/secret.dat", "fine")
    output = study.snakemake(ok=False)
    assert "snakestudy: config/config.yaml: " in output
    assert "'..'" in output
    assert not (study.path / "results").exists()
    assert not (study.path / "runs").exists()


def test_study_in_a_directory_with_a_hostile_name_works(tmp_path: Path) -> None:
    study = Study(tmp_path / 'it\'s {x} $(touch canary); `touch canary` "é%s"')
    fixed = "it's; $(touch canary).py"
    study.write(
        f"scripts/{fixed}",
        "import json, os, sys\n"
        "json.dump({'y': [os.environ['STUDY_DIR'], sys.argv[0]]}, open('fit.json', 'w'))\n",
    )
    configure(
        study,
        design={"grid": {"a": [1, 2]}},
        task={"command": ["python", f"scripts/{fixed}"], "metrics": {"fit": "fit.json"}},
        chunks={"tasks": 1},
    )
    study.snakemake()
    fit = study.table("fit")
    assert len(fit) == 4
    assert set(fit["y"]) == {str(study.path), str(study.path / "scripts" / fixed)}
    assert "is current" in study.snakemake()
    check_nothing_was_executed(study)


def test_value_that_no_table_can_hold_is_that_tasks_failure(study: Study) -> None:
    study.write(
        "scripts/model.py",
        """\
        import numpy

        class X:
            pass

        VALUES = [7, X(), lambda: 1, [X()], {'k': X()}, open('/dev/null'), numpy.array([X()])]

        def simulate(params):
            return {"y": VALUES[params["i"]]}
        """,
    )
    study.configure("""\
        study: small
        design: {grid: {i: [0, 1, 2, 3, 4, 5, 6]}}
        task: {function: "scripts/model.py:simulate", metrics: [fit]}
        chunks: {tasks: 7}
        """)
    study.snakemake(ok=False)
    assert list(study.table("fit")["i"]) == [0]
    errors = study.table("metadata")["error"].dropna()
    assert len(errors) == 6
    assert all("is no value of a table" in error for error in errors)
