"""The configuration: YAML 1.2, short forms and defaults, and every bad input in words.

Long: one table of keys and of what can be wrong with each.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kit import ROOT

from snakestudy.config.load import INVOCATION_KEYS, load
from snakestudy.config.resolve import resolve, seconds
from snakestudy.config.study import Task
from snakestudy.config.yaml12 import read_yaml
from snakestudy.design.blocks import DesignExpander
from snakestudy.design.design import expand
from snakestudy.errors import UserError
from snakestudy.messages import format_value, nearest

FILE = "config/config.yaml"
BASE = {
    "study": "small",
    "design": {"grid": {"a": [1, 2]}},
    "task": {"command": ["python", "scripts/model.py"]},
}


def resolved(text: str = "", **sections: Any) -> dict[str, Any]:
    return resolve(FILE, {**BASE, **read_yaml(FILE, text or "{}"), **sections})


def task(**keys: Any) -> dict[str, Any]:
    return resolved(task={**BASE["task"], **keys})["steps"][0]


# YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-0.0", -0.0),
        ("+5", 5),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("1:20", "1:20"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        *((word, word) for word in ("no", "No", "yes", "on", "off", "y", "n", "=", "none")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("null", "Null", "NULL", "~", "")),
        *((word, math.inf) for word in (".inf", ".Inf", ".INF", "+.inf")),
        ("-.INF", -math.inf),
        ('"1"', "1"),
        ("'true'", "true"),
        ("!!str 1", "1"),
        ("1e", "1e"),
        ("1.2.3", "1.2.3"),
        (str(2**70), 2**70),
        ("ünï", "ünï"),
    ],
)
def test_yaml_text_is_read_as(text: str, value: Any) -> None:
    found = read_yaml("f", f"a: {text}")["a"]
    assert repr(found) == repr(value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_yaml_nan_is_read_as_nan(text: str) -> None:
    assert math.isnan(read_yaml("f", f"a: {text}")["a"])


def test_yaml_anchors_are_followed() -> None:
    assert read_yaml("f", "a: &x [1]\nb: *x") == {"a": [1], "b": [1]}


def test_yaml_merge_key_is_merged() -> None:
    text = "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}"
    assert read_yaml("f", text)["d"] == {"b": 1, "c": 3}


BOMB = "\n".join(f"a{i + 1}: &a{i + 1} [{', '.join(10 * [f'*a{i}'])}]" for i in range(8))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", ["line 3, column 1", "'a' is doubled"]),
        ("a:\n  b: {c: 1, c: 2}", ["line 2, column 13", "'c' is doubled"]),
        ("a: [1, 2", ["line 1"]),
        ("a: 1\n\tb: 2", ["line 2"]),
        ("a: 'x", ["line 1"]),
        ("a: 1\nb: c: 2", ["line 2, column 5"]),
        ("a: 1\n1: 2", ["line 2, column 1", "1 is no text", "quotes"]),
        ("a: {true: 2}", ["line 1, column 5", "True is no text"]),
        ("[a]: 1", ["line 1, column 1", "no text"]),
        ("a: 1\n---\nb: 2", ["line 2"]),
        ("a: !foo 1", ["line 1, column 4", "!foo"]),
        ("a: !!python/object/apply:os.system [true]", ["line 1, column 4"]),
        *((f"a: {tag} x", ["line 1, column 4", tag]) for tag in ("!!set", "!!binary", "!!omap")),
        ("a: !!timestamp 2024-01-01", ["line 1, column 4", "write the value itself"]),
        ("a: !!int x", ["line 1, column 4", "is no int"]),
        ("a: !!bool yes", ["line 1, column 4", "is no bool"]),
        ("a: " + 5000 * "1", ["line 1, column 4", "more than 4,000 digits"]),
        ("a: &x [*x]", ["an alias holds itself"]),
        ("a: &x {b: *x}", ["an alias holds itself"]),
        ("a: " + 5000 * "[" + 5000 * "]", ["more than 100 levels deep"]),
        ("a: " + 101 * "[" + 101 * "]", ["more than 100 levels deep"]),
        ("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + BOMB, ["10,000,000 values"]),
        ("a: *x", ["line 1, column 4", "x"]),
        ("a: \x01", ["no YAML"]),
        ("- 1", ["no mapping"]),
        ("", ["no mapping"]),
        ("# only a comment", ["no mapping"]),
        ("text", ["no mapping"]),
    ],
)
def test_bad_yaml_names_file_and_line(text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read_yaml("x.yaml", text)
    message = str(caught.value)
    assert message.startswith("x.yaml: ")
    assert [word for word in words if word not in message] == [], message


# defaults and short forms


def test_defaults_are_written_out() -> None:
    found = resolved()
    assert {key: value for key, value in found.items() if key not in {*BASE, "steps"}} == {
        "derive": {},
        "defaults": {},
        "design_limit": 2_000_000,
        "chunks": {"tasks": "auto", "max": None, "workers": 1, "by": []},
        "resources": {},
        "on_failure": "continue",
        "give_up": 3,
        "on_change": "auto",
        "run_dirs": "auto",
        "runs_root": None,
        "backup": False,
        "git": False,
    }
    assert found["design"] == [BASE["design"]]
    assert found["steps"] == [
        {
            "name": "run",
            "after": [],
            "command": ["python", "scripts/model.py"],
            "inputs": [],
            "metrics": [],
            "depends": [],
            "threads": 1,
            "mem_mb": None,
            "runtime": None,
            "grace": 30,
            "restart": "fresh",
            "isolation": "worker",
            "retries": 0,
            "env": {},
        }
    ]


def test_resolving_leaves_its_input_alone() -> None:
    before = json.dumps(BASE)
    found = resolved(chunks={"tasks": 5})
    assert found["chunks"] == {"tasks": 5, "max": None, "workers": 1, "by": []}
    assert json.dumps(BASE) == before


def test_defaults_of_one_configuration_are_not_those_of_another() -> None:
    resolved()["derive"]["x"] = "a"
    assert resolved()["derive"] == {}


def test_sample_has_its_defaults_and_whole_numbers() -> None:
    block = {"sample": {"n": 1e1, "parameters": {"x": {"uniform": [0, 1]}}}, "seeds": 2}
    (found,) = resolved(design=block)["design"]
    assert found == {**block, "sample": {**block["sample"], "method": "random", "seed": 0}}
    assert str(found["sample"]["n"]) == "10"


def test_list_of_blocks_stays_one() -> None:
    blocks = [{"grid": {"a": 1}}, {"seeds": 2}]
    assert resolved(design=blocks)["design"] == blocks


def test_function_has_the_metric_result_by_default() -> None:
    found = resolved(task={"function": "scripts/model.py:f"})["steps"][0]
    assert found["metrics"] == [{"name": "result"}]
    assert resolved(task={"function": "m.py:f", "metrics": []})["steps"][0]["metrics"] == []


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ("a.dat", {"path": "a.dat", "linkage": "shared", "rename": None, "render": None}),
        ({"path": "a.dat", "linkage": "link"}, {"linkage": "link"}),
        ({"path": "a.dat", "rename": "b.dat"}, {"linkage": "shared", "rename": "b.dat"}),
        ("inits/{a}.dat", {"path": "inits/{a}.dat", "linkage": "copy"}),
        ({"path": "{a}.dat", "linkage": "shared"}, {"linkage": "shared"}),
        ({"path": "a.in", "render": "jinja"}, {"linkage": "copy", "render": "jinja"}),
        ({"path": "a.in", "render": "dollar", "linkage": "copy"}, {"linkage": "copy"}),
    ],
)
def test_short_form_of_an_input(item: Any, wanted: dict[str, Any]) -> None:
    (found,) = task(inputs=[item])["inputs"]
    assert found.keys() == {"path", "linkage", "rename", "render"}
    assert found.items() >= wanted.items()


@pytest.mark.parametrize(
    ("metrics", "wanted"),
    [
        (["fit", "curve"], [{"name": "fit"}, {"name": "curve"}]),
        ({"fit": "fit.csv"}, [{"name": "fit", "path": "fit.csv"}]),
        (
            {"e": {"path": "x.log", "regex": "(?P<e>.)"}},
            [{"name": "e", "path": "x.log", "regex": ["(?P<e>.)"]}],
        ),
        (
            {"c": {"path": "x", "reader": "scripts/r.py:f"}},
            [{"name": "c", "path": "x", "reader": "scripts/r.py:f"}],
        ),
        ({}, []),
    ],
)
def test_short_form_of_metrics(metrics: Any, wanted: list) -> None:
    assert task(metrics=metrics)["metrics"] == wanted


def test_task_of_a_resolved_configuration() -> None:
    found = Task.of(
        task(
            command=["echo", 1, 0.5],
            env={"N": 4, "T": "{threads}"},
            runtime="2h",
            metrics={"e": {"path": "x", "regex": ["(?P<e>.)"], "match": "all"}},
        )
    )
    assert found.command == ("echo", "1", "0.5")
    assert found.env == (("N", "4"), ("T", "{threads}"))
    assert found.runtime == 7200
    assert (found.metrics[0].regex, found.metrics[0].match) == (("(?P<e>.)",), "all")
    assert Task.of(json.loads(json.dumps(task(command="echo {a}")))).command == "echo {a}"


@pytest.mark.parametrize(
    ("duration", "wanted"),
    [("30s", 30), ("20m", 1200), ("1.5h", 5400), ("1d", 86400), (90, 90), (0.5, 0.5)],
)
def test_duration_in_seconds(duration: Any, wanted: float) -> None:
    assert seconds(duration) == wanted
    assert task(runtime=duration)["runtime"] == wanted


# bad input: (section in YAML, key in the message, other words of it)

FUNCTION = "function: scripts/m.py:f"
BAD = [
    # keys
    ("on_falure: stop", "on_falure", ["unknown key", "Did you mean on_failure?"]),
    ("x: 1", "x = 1", ["unknown key", "Known: backup, chunks, defaults, derive"]),
    ("task: {comand: [ls]}", "task.comand", ["unknown key", "Did you mean command?"]),
    ("chunks: {worker: 1}", "chunks.worker", ["unknown key", "Did you mean workers?"]),
    ("design: {gird: {a: 1}}", "design.gird", ["unknown key", "Did you mean grid?"]),
    ("design: [{seeds: 1}, {seed: 1}]", "design.1.seed", ["unknown key", "seeds?"]),
    (
        "task: {command: [ls], inputs: [{path: a, lnkage: copy}]}",
        "task.inputs.0.lnkage",
        ["unknown key", "Did you mean linkage?"],
    ),
    (
        "task: {command: [ls], metrics: {m: {path: a, regexp: x}}}",
        "task.metrics.m.regexp",
        ["unknown key", "Did you mean regex?"],
    ),
    ("task: {command: [ls], inputs: [{linkage: copy}]}", "task.inputs.0", ["path is missing"]),
    ("task: {command: [ls], metrics: {m: {match: all}}}", "task.metrics.m", ["path is missing"]),
    # types and words
    ("study: ''", 'study = ""', ["is empty", "Name of the study"]),
    ("study: 3", "study = 3", ["of type string"]),
    ("study:", "study = null", ["of type string"]),
    ("design: x", 'design = "x"', ["not of a known form", "One block"]),
    ("design: []", "design = []", ["is empty"]),
    ("design: [{}]", "design.0 = {}", ["is empty"]),
    ("design: {grid: {}}", "design.grid = {}", ["is empty"]),
    ("design: {grid: [1]}", "design.grid = [1]", ["of type mapping"]),
    ("design: {rows: []}", "design.rows = []", ["is empty"]),
    ("design: {where: ''}", "design.where", ["is empty"]),
    ("design: {zip: []}", "design.zip", ["is empty"]),
    ("derive: {r: 1}", "derive.r = 1", ["of type string"]),
    ("derive: [r]", "derive = ", ["of type mapping"]),
    ("task: x", 'task = "x"', ["of type mapping"]),
    ("chunks:", "chunks = null", ["of type mapping"]),
    ("on_failure: halt", 'on_failure = "halt"', ["not known", "accept, continue, stop"]),
    ("on_change: kep", 'on_change = "kep"', ["Did you mean keep?"]),
    ("run_dirs: no", 'run_dirs = "no"', ["not known", "none"]),
    ("resources: {gpu: [1]}", "resources.gpu = [1]", ["of type string or number"]),
    ("task: {command: [ls], env: {A: }}", "task.env.A = null", ["of type string or number"]),
    ("task: {command: [ls, true]}", "task.command", ["string or number"]),
    ("task: {command: []}", "task.command = []", ["is empty"]),
    ("task: {command: ''}", "task.command", ["is empty"]),
    ("task: {command: [ls], setup: ''}", "task.setup", ["is empty"]),
    ("task: {command: [ls], depends: x}", "task.depends", ["of type list"]),
    (
        "task: {command: [ls], inputs: [{path: a, linkage: symlink}]}",
        'task.inputs.0.linkage = "symlink"',
        ["not known", "Did you mean link?"],
    ),
    (
        "task: {command: [ls], inputs: [{path: a, render: jinja2}]}",
        'task.inputs.0.render = "jinja2"',
        ["Did you mean jinja?"],
    ),
    # numbers
    *(
        (f"chunks: {{{key}: {value}}}", f"chunks.{key} = {value}", ["at least 1"])
        for key in ("tasks", "max", "workers")
        for value in (0, -1)
    ),
    ("chunks: {tasks: 1.5}", "chunks.tasks = 1.5", []),
    ("chunks: {tasks: aut}", 'chunks.tasks = "aut"', ["not of a known form", "or auto"]),
    ("chunks: {by: a}", 'chunks.by = "a"', ["of type list"]),
    ("chunks: {by: [a, b, a]}", 'chunks.by = "a"', ["doubled"]),
    ("give_up: 0", "give_up = 0", ["at least 1"]),
    ("give_up: true", "give_up = true", ["of type integer"]),
    ("design: {seeds: 0}", "design.seeds = 0", ["at least 1"]),
    ("design: {seeds: -3}", "design.seeds = -3", ["at least 1"]),
    ("design: {seeds: 2.5}", "design.seeds = 2.5", []),
    ("design: {seeds: [a]}", "design.seeds", ["integer"]),
    ("task: {command: [ls], threads: 0}", "task.threads = 0", ["at least 1"]),
    ("task: {command: [ls], threads: two}", "task.threads", ["of type integer"]),
    ("task: {command: [ls], retries: -1}", "task.retries = -1", ["at least 0"]),
    ("task: {command: [ls], mem_mb: 0}", "task.mem_mb = 0", ["more than 0"]),
    ("task: {command: [ls], mem_mb: -5}", "task.mem_mb = -5", ["more than 0"]),
    ("task: {command: [ls], mem_mb: .nan}", "task.mem_mb", []),
    ("task: {command: [ls], mem_mb: .inf}", "task.mem_mb", []),
    ("task: {command: [ls], runtime: 0}", "task.runtime = 0", ["more than 0"]),
    ("task: {command: [ls], runtime: 0s}", "task.runtime", ["0s"]),
    ("task: {command: [ls], runtime: .nan}", "task.runtime", []),
    ("task: {command: [ls], runtime: .inf}", "task.runtime", []),
    *(
        (f"task: {{command: [ls], runtime: '{value}'}}", f'task.runtime = "{value}"', ["20m"])
        for value in ("20 minutes", "20", "m", "-5m", "1h30m", "2w", "5M")
    ),
    # what goes together
    ("task: {}", "task", ["a command or a function", "neither"]),
    (f"task: {{command: [ls], {FUNCTION}}}", "task", ["a command or a function", "both"]),
    (f"task: {{{FUNCTION}, setup: x}}", "task.setup", ["command only"]),
    (f"task: {{{FUNCTION}, metrics: {{m: m.csv}}}}", "task.metrics", ["a list of names"]),
    ("task: {function: scripts/m.py}", "task.function", ["must name a function", ".py:function"]),
    ("task: {function: f}", "task.function", ["must name a function"]),
    ("task: {function: 'm.py:1f'}", "task.function", ["must name a function"]),
    (
        "task: {command: [ls], inputs: [a, {path: b, render: jinja, linkage: shared}]}",
        'task.inputs.1.linkage = "shared"',
        ["the task's own", "Leave linkage out"],
    ),
    # metrics
    *(
        (f"task: {{command: [ls], metrics: [{name}]}}", f'task.metrics = "{name}"', ["reserved"])
        for name in ("plan", "metadata", "tables", "tasks", "Plan", "METADATA")
    ),
    ("task: {command: [ls], metrics: [fit, Fit]}", 'task.metrics = "Fit"', ["differs from fit"]),
    (
        "task: {command: [ls], metrics: {A: a.csv, a: b.csv}}",
        'task.metrics = "a"',
        ["differs from A", "nothing but case"],
    ),
    *(
        (f"task: {{command: [ls], metrics: {{{name}: a.csv}}}}", "task.metrics", ["identifier"])
        for name in ("a-b", "a b", "../up", "'1'", "_a", "a.b", "ü", "''", ".store")
    ),
    ("task: {command: [ls], metrics: [fit, fit]}", 'task.metrics = "fit"', ["doubled"]),
    ("task: {command: [ls], metrics: fit}", 'task.metrics = "fit"', ["not of a known form"]),
    *(
        (
            f"task: {{command: [ls], metrics: {{e: {{path: x, {how}}}}}}}",
            f"task.metrics.e{key}",
            words,
        )
        for how, key, words in [
            ("regex: '(?P<e>'", ".regex", ["no regular expression"]),
            ("regex: ['(?P<e>.)', '*']", '.regex = "*"', ["no regular expression"]),
            ("regex: 'E = (.*)'", ".regex", ["names no group", "(?P<column>...)"]),
            ("regex: ['(?P<e>.)', '(?P<e>a)']", '.regex = "e"', ["twice"]),
            ("regex: []", ".regex = []", ["is empty"]),
            ("regex: '(?P<e>.)', match: any", ".match", ["not known", "all, first, last"]),
            ("match: all", ".match", ["goes with regex only"]),
            ("regex: '(?P<e>.)', reader: 'r.py:f'", "", ["both regex and reader"]),
            ("reader: r.py", ".reader", ["must name a function"]),
        ]
    ),
]


@pytest.mark.parametrize(("text", "key", "words"), BAD, ids=[text for text, _, _ in BAD])
def test_bad_configuration_names_file_key_and_what_is_wrong(
    text: str, key: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        resolved(text)
    message = str(caught.value)
    assert message.startswith(f"{FILE}: {key}")
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("key", ["study", "design", "task"])
def test_missing_key_is_named_and_described(key: str) -> None:
    with pytest.raises(UserError, match=rf"{FILE}: the key {key} is missing\. \w+"):
        resolve(FILE, {name: value for name, value in BASE.items() if name != key})


def test_whole_floats_are_as_good_as_ints() -> None:
    found = resolved("design: {seeds: 1e1}\nchunks: {workers: 2.0}\ngive_up: 1e1")
    assert expand(found["design"], DesignExpander()).size == 10
    assert expand(resolved("design: {seeds: [1.0, 2]}")["design"], DesignExpander()).size == 2
    counts = [found["chunks"]["workers"], found["give_up"], task(threads=2.0)["threads"]]
    assert [str(count) for count in counts] == ["2", "10", "2"]


# load


def test_file_is_loaded_with_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("\ufeff" + yaml.safe_dump({**BASE, "give_up": 2}), encoding="utf-8")
    study = load("c.yaml", {"on_change": "keep", "retry": "all"}, None)
    assert (study.file, study.name) == ("c.yaml", "small")
    assert (study.config["on_change"], study.config["give_up"]) == ("keep", 2)
    assert study.invocation == {"retry": "all"}
    assert not study.config.keys() & set(INVOCATION_KEYS)
    plain = load("c.yaml", {"retry": "all"}, None)
    assert plain.text_digest != study.text_digest
    assert plain.text_digest == load("c.yaml", {}, None).text_digest


def test_configuration_of_the_same_text_is_taken_from_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(yaml.safe_dump(BASE))
    digest = load("c.yaml", {}, None).text_digest
    record = SimpleNamespace(config_digest=digest, config={"study": "as recorded"})
    assert load("c.yaml", {}, record).name == "as recorded"
    assert load("c.yaml", {"give_up": 1}, record).name == "small"
    Path("c.yaml").write_text(yaml.safe_dump(BASE) + "# more\n")
    assert load("c.yaml", {}, record).name == "small"


def test_configuration_is_resolved_again_after_the_schema_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(yaml.safe_dump(BASE))
    digest = load("c.yaml", {}, None).text_digest
    record = SimpleNamespace(config_digest=digest, config={"study": "as recorded"})
    Path("schema.yaml").write_text(f"{yaml.safe_dump(SCHEMA)}# a newer one\n")
    monkeypatch.setattr("snakestudy.config.load.SCHEMA", Path("schema.yaml"))
    assert load("c.yaml", {}, record).name == "small"


@pytest.mark.parametrize("content", [None, b"study: \xff\n"])
def test_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("c.yaml").write_bytes(content)
    with pytest.raises(UserError, match=r"c\.yaml: cannot be read .*--configfile"):
        load("c.yaml", {}, None)


def test_unknown_key_of_the_command_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(yaml.safe_dump(BASE))
    with pytest.raises(UserError, match=r"on_chnage = \"keep\": unknown key. .*on_change\?"):
        load("c.yaml", {"on_chnage": "keep"}, None)


# messages


def test_message_is_file_key_value_problem_and_fix() -> None:
    error = UserError("is bad", file="f", key="k", value=[1], fix="Write 2.")
    assert str(error) == "f: k = [1]: is bad. Write 2."
    assert str(UserError("is bad")) == "is bad"
    assert str(UserError("is bad", value=None).prefix_key("b").prefix_key("a").with_place("f")) == (
        "f: a.b = null: is bad"
    )
    assert str(UserError("is bad", key="k", file="f").with_place("g", "l")) == "f: k: is bad"


def test_long_values_are_cut() -> None:
    assert len(format_value("x" * 500)) == 80
    assert format_value({"a": "ü"}) == '{"a": "ü"}'


def test_nearest_word_or_all_known() -> None:
    assert nearest("comand", ["command", "setup"]) == "Did you mean command?"
    assert nearest("x", ["b", "a"]) == "Known: a, b."
    assert nearest("x", []) == "None is known here."


# documentation


def schema_keys(schema: Any) -> set[str]:
    """The names of all properties, at any depth."""
    if isinstance(schema, list):
        return set().union(*map(schema_keys, schema))
    if not isinstance(schema, dict):
        return set()
    properties = schema.get("properties", {})
    return set(properties).union(*map(schema_keys, schema.values()))


SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


@pytest.mark.parametrize("key", sorted(schema_keys(SCHEMA)))
def test_key_is_explained_in_the_readme(key: str) -> None:
    assert f"`{key}`" in (ROOT / "config/README.md").read_text(encoding="utf-8")


def test_default_configuration_of_the_template_resolves() -> None:
    text = (ROOT / FILE).read_text(encoding="utf-8")
    found = resolve(FILE, read_yaml(FILE, text))
    assert expand(found["design"], DesignExpander(found["derive"])).size > 0
