"""Bad input: one clear message, a non-zero exit status, and not a file more than before.

Long: one table of what can be wrong, and the words for it.
"""

from __future__ import annotations

import pytest
from kit import Study

FUNCTION = "task: {function: scripts/model.py:simulate, metrics: [fit]}"
BASE = {
    "study": "study: small",
    "design": "design: {grid: {a: [1, 2], b: [10, 20]}}",
    "task": FUNCTION,
    "chunks": "chunks: {tasks: 2}",
}
FILES = {
    "broken.py": "def simulate(params:\n    return 1\n",
    "resources/a.dat": "1 2 3\n",
    "resources/other/a.dat": "4 5 6\n",
    "resources/quote.csv": 'c,d\n"1"2,3\n',
    "resources/ragged.csv": "c,d\n1,2\n3\n",
    "resources/reserved.csv": "c,chunk\n1,2\n",
    "templates/jinja.txt": "a = {{ a }}\nrate = {{ alpha }}\n",
    "templates/syntax.txt": "a = {{ a }}\n{% if a %}\n",
    "templates/dollar.txt": "a = $a\nrate = ${alpha}\n",
    "templates/price.txt": "a = $a\nprice = 5 $\n",
    "templates/dotted.txt": "rate = $model\n",
}


def with_task(**keys: str) -> dict[str, str]:
    """A task that is a command, with these keys."""
    words = ", ".join(f"{name}: {value}" for name, value in {"command": "'true'", **keys}.items())
    return {"task": f"task: {{{words}}}"}


def with_design(text: str) -> dict[str, str]:
    return {"design": f"design: {text}"}


def with_inputs(text: str) -> dict[str, str]:
    return with_task(inputs=text)


# id -> sections of the configuration that differ, what the message must hold
CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    # keys
    "unknown_key": ({"x": "on_falure: stop"}, ["on_falure", '"stop"', "unknown", "on_failure?"]),
    "misspelt_required_key": (
        {"design": "desing: {grid: {a: [1]}}"},
        ["desing", "unknown key", "Did you mean design?"],
    ),
    "unknown_key_of_task": (
        with_task(metrcs="[fit]"),
        ["task.metrcs", "unknown key", "Did you mean metrics?"],
    ),
    "unknown_key_of_chunks": (
        {"chunks": "chunks: {task: 2}"},
        ["chunks.task = 2", "unknown key", "Did you mean tasks?"],
    ),
    "unknown_key_of_block": (
        with_design("{grids: {a: [1, 2]}}"),
        ["design.grids", "unknown key", "Did you mean grid?"],
    ),
    "unknown_key_of_second_block": (
        with_design("[{grid: {a: [1]}}, {grid: {a: [2]}, were: a > 1}]"),
        ["design.1.were", "unknown key", "Did you mean where?"],
    ),
    "unknown_key_of_input": (
        with_inputs("[{path: resources/a.dat, link: copy}]"),
        ["task.inputs.0.link", "unknown key", "linkage"],
    ),
    "unknown_key_of_metric": (
        with_task(metrics="{fit: {path: fit.csv, regx: x}}"),
        ["task.metrics.fit.regx", "unknown key", "Did you mean regex?"],
    ),
    "missing_key": ({"study": ""}, ["study is missing"]),
    "no_task_to_run": (
        {"task": "task: {metrics: [fit]}"},
        ["task", "command or a function", "neither"],
    ),
    "command_and_function": (
        {"task": "task: {command: [ls], function: scripts/model.py:simulate}"},
        ["task", "command or a function", "both"],
    ),
    "unknown_word": (
        {"x": "on_failure: halt"},
        ["on_failure", '"halt"', "accept, continue, stop"],
    ),
    # YAML
    "yaml_error": ({"chunks": "chunks: {tasks: 2"}, ["line "]),
    "yaml_tab": ({"chunks": "chunks:\n\ttasks: 2"}, ["line 5"]),
    "doubled_key": (
        {"x": "on_failure: stop", "y": "on_failure: continue"},
        ["line 6", "'on_failure'", "doubled"],
    ),
    "doubled_axis": (with_design("{grid: {a: [1], a: [2]}}"), ["line 2", "'a'", "doubled"]),
    "not_a_mapping": (dict.fromkeys(BASE, "") | {"x": "- 1"}, ["mapping"]),
    "empty_file": (dict.fromkeys(BASE, ""), ["mapping"]),
    # the design
    "unequal_zip": (
        with_design("{zip: {a: [1, 2], b: [1, 2, 3]}}"),
        ["design.zip", '"a": 2', '"b": 3', "unequal", "equally long"],
    ),
    "empty_axis": (with_design("{grid: {a: []}}"), ["design.grid.a = []", "empty", "at least one"]),
    "range_without_values": (
        with_design("{grid: {a: {range: [3, 1, 1]}}}"),
        ["design.grid.a", "[3, 1, 1]", "empty"],
    ),
    "misspelt_range": (
        with_design("{grid: {a: {linspase: [0, 1, 3]}}}"),
        ["design.grid.a", '"linspase"', "Did you mean linspace?"],
    ),
    "linspace_of_none": (
        with_design("{grid: {a: {linspace: [0, 1, 0]}}}"),
        ["design.grid.a", "[0, 1, 0]", "at least 1"],
    ),
    "where_empties_the_design": (
        with_design("{grid: {a: [1, 2]}, where: a > 2}"),
        ["design.where", '"a > 2"', "every parameter set"],
    ),
    "where_does_not_parse": (
        with_design("{grid: {a: [1, 2]}, where: a >}"),
        ["design.where", "a >", "no expression"],
    ),
    "where_reads_no_parameter": (
        with_design("{grid: {alpha: [1, 2]}, where: alpah > 1}"),
        ["design.where", "alpah is no parameter", "Did you mean alpha?"],
    ),
    "where_calls_what_is_not_permitted": (
        with_design("{grid: {a: [1, 2]}, where: 'open(a)'}"),
        ["design.where", "open", "not permitted"],
    ),
    "where_is_a_number": (
        with_design("{grid: {a: [1, 2]}, where: a + 1}"),
        ["design.where", "a + 1", "neither true nor false", "comparison"],
    ),
    "reserved_name": (
        with_design("{grid: {status: [1]}}"),
        ["design", '"status"', "reserved", "Rename"],
    ),
    "reserved_column_of_table": (
        with_design("{table: resources/reserved.csv}"),
        ["design", '"chunk"', "reserved", "Rename"],
    ),
    "empty_name": (with_design("{grid: {'': [1]}}"), ["design", '""', "empty name", "Rename"]),
    "name_and_its_parent": (
        with_design("{grid: {a: [1], a.b: [2]}}"),
        ["design", '"a.b"', "inside a", "Rename"],
    ),
    "name_twice_in_a_block": (
        with_design("{grid: {a: [1]}, zip: {a: [2]}}"),
        ["design", '"a"', "grid", "zip"],
    ),
    "nan": (with_design("{grid: {a: [1, .nan]}}"), ["design.grid.a", "nan is no parameter value"]),
    "infinity": (with_design("{grid: {a: -.inf}}"), ["design.grid.a", "inf is no parameter value"]),
    "half_a_character": (with_design('{grid: {a: ["\\ud800"]}}'), ["design.grid.a"]),
    "derived_infinity": (
        {**with_design("{grid: {a: [0, 1]}}"), "x": "derive: {r: 1 / a}"},
        ["derive.r", "inf", '"a": 0'],
    ),
    "derived_like_a_parameter": ({"x": "derive: {a: b + 1}"}, ['"a"', "parameter and derived"]),
    "derived_in_a_circle": ({"x": "derive: {r: s, s: r}"}, ["derive", '["r", "s"]', "circle"]),
    # files that are not there, or are not what they should be
    "missing_input": (
        with_inputs("[resources/b.dat]"),
        ["task.inputs.0.path", '"resources/b.dat"', "No such file"],
    ),
    "missing_input_of_one_task": (
        with_inputs("['resources/{a}.dat']"),
        ["task.inputs", '"resources/1.dat"', "No such file"],
    ),
    "input_is_a_directory": (
        with_inputs("[resources]"),
        ["task.inputs.0.path", '"resources"', "directory"],
    ),
    "missing_table": (
        with_design("{table: resources/conditions.csv}"),
        ["design.table", '"resources/conditions.csv"', "no file", "relative to the study"],
    ),
    "ragged_table": (
        with_design("{table: resources/ragged.csv}"),
        ["design.table", "resources/ragged.csv", "row 2 has 1"],
    ),
    "table_with_a_stray_quote": (
        with_design("{table: resources/quote.csv}"),
        ["design.table", "resources/quote.csv", "cannot be read"],
    ),
    "missing_script_of_function": (
        {"task": "task: {function: scripts/modell.py:simulate}"},
        ["task.function", '"scripts/modell.py"', "No such file"],
    ),
    "missing_script_of_command": (
        with_task(command="[python, scripts/modell.py]"),
        ["task.command", '"scripts/modell.py"', "no file"],
    ),
    "missing_function": (
        {"task": "task: {function: scripts/model.py:simulat}"},
        ["task.function", '"simulat"', "Did you mean simulate?"],
    ),
    "no_function": (
        {"task": "task: {function: scripts/model.py}"},
        ["task.function", '"scripts/model.py"', "path/to/file.py:function"],
    ),
    "script_is_no_python": (
        {"task": "task: {function: broken.py:simulate}"},
        ["task.function", '"broken.py"', "no Python", "line "],
    ),
    "missing_reader": (
        with_task(metrics="{fit: {path: a.out, reader: scripts/read.py:fit}}"),
        ["task.metrics.fit", '"scripts/read.py"', "No such file"],
    ),
    "depends_on_nothing": (
        with_task(depends="[lib/*.py]"),
        ["task.depends", '"lib/*.py"', "no file"],
    ),
    # names that are filled in
    "unfilled_jinja": (
        with_inputs("[{path: templates/jinja.txt, render: jinja}]"),
        ["templates/jinja.txt", "alpha", "no parameter"],
    ),
    "jinja_syntax": (
        with_inputs("[{path: templates/syntax.txt, render: jinja}]"),
        ["templates/syntax.txt", "line "],
    ),
    "unfilled_dollar": (
        with_inputs("[{path: templates/dollar.txt, render: dollar}]"),
        ["templates/dollar.txt", "alpha", "no parameter"],
    ),
    "dollar_without_a_name": (
        with_inputs("[{path: templates/price.txt, render: dollar}]"),
        ["templates/price.txt", "$", "Write $$"],
    ),
    "dollar_names_half_a_dotted_name": (
        {
            **with_design("{grid: {model.rate: [1, 2]}}"),
            **with_inputs("[{path: templates/dotted.txt, render: dollar}]"),
        },
        ["templates/dotted.txt", "model"],
    ),
    "template_is_no_text": (
        with_inputs("[{path: templates/binary.dat, render: jinja}]"),
        ["templates/binary.dat"],
    ),
    "unknown_placeholder_in_list": (
        {**with_design("{grid: {alpha: [1]}}"), **with_task(command="[echo, '{alpah}']")},
        ["task.command", "{alpah}", "no parameter", "Did you mean alpha?"],
    ),
    "unknown_placeholder_in_string": (
        with_task(command="'echo {c} > ${{HOME}}'"),
        ["task.command", "{c} is no parameter", "Known: a, b,"],
    ),
    "unknown_placeholder_in_env": (
        with_task(env="{X: '{c}'}"),
        ["task.env.X", "{c} is no parameter"],
    ),
    "unknown_placeholder_in_path": (
        with_inputs("['resources/{c}.dat']"),
        ["task.inputs.0.path", "{c} is no parameter"],
    ),
    "env_name_with_equals_sign": (with_task(env="{A=B: 1}"), ["task.env", "A=B"]),
    "single_brace": (
        with_task(command="'awk {print}}'"),
        ["task.command", "single brace", "Write {{ or }}"],
    ),
    # what would leave the run directory, or hide another file there
    "rename_leaves_the_run_directory": (
        with_inputs("[{path: resources/a.dat, rename: sub/../../a.dat}]"),
        ["task.inputs.0.rename", '"sub/../../a.dat"', "leaves the run directory"],
    ),
    "rename_is_absolute": (
        with_inputs("[{path: resources/a.dat, rename: /tmp/a.dat}]"),
        ["task.inputs.0.rename", '"/tmp/a.dat"', "leaves the run directory"],
    ),
    "rename_leaves_for_one_task": (
        {
            **with_design("{grid: {a: [x, ..]}}"),
            **with_inputs("[{path: resources/a.dat, rename: '{a}/a.dat'}]"),
        },
        ["task.inputs", "{a}/a.dat", "leaves the run directory"],
    ),
    "rename_hides_params": (
        with_inputs("[{path: resources/a.dat, rename: ./params.json}]"),
        ["task.inputs.0.rename", '"params.json"', "template's own"],
    ),
    "two_inputs_of_one_name": (
        with_inputs(
            "[{path: resources/a.dat, linkage: link}, {path: resources/other/a.dat, linkage: copy}]"
        ),
        ["task.inputs.1", "a.dat"],
    ),
    "metric_path_leaves_the_run_directory": (
        with_task(metrics="{fit: ../fit.csv}"),
        ["task.metrics.fit.path", '"../fit.csv"', "leaves the run directory"],
    ),
    # numbers
    "zero_tasks_a_chunk": ({"chunks": "chunks: {tasks: 0}"}, ["chunks.tasks = 0"]),
    "negative_workers": (
        {"chunks": "chunks: {workers: -1}"},
        ["chunks.workers = -1", "at least 1"],
    ),
    "zero_chunks": ({"chunks": "chunks: {max: 0}"}, ["chunks.max = 0"]),
    "zero_seeds": (with_design("{seeds: 0}"), ["design.seeds = 0"]),
    "negative_seeds": (with_design("{seeds: -3}"), ["design.seeds = -3"]),
    "zero_threads": (with_task(threads="0"), ["task.threads = 0", "at least 1"]),
    "negative_retries": (with_task(retries="-1"), ["task.retries = -1", "at least 0"]),
    "zero_give_up": ({"x": "give_up: 0"}, ["give_up = 0", "at least 1"]),
    "zero_memory": (with_task(mem_mb="0"), ["task.mem_mb = 0"]),
    "zero_runtime": (with_task(runtime="0s"), ["task.runtime", "0s"]),
    "runtime_in_words": (
        with_task(runtime="20 minutes"),
        ["task.runtime", '"20 minutes"', "20m"],
    ),
    "threads_as_text": (with_task(threads="two"), ["task.threads", '"two"', "integer"]),
    # words of inputs, metrics, chunks
    "unknown_linkage": (
        with_inputs("[{path: resources/a.dat, linkage: symlink}]"),
        ["task.inputs.0.linkage", '"symlink"', "not known", "Did you mean link?"],
    ),
    "rendered_and_shared": (
        with_inputs("[{path: templates/dotted.txt, render: dollar, linkage: shared}]"),
        ["task.inputs.0.linkage", '"shared"', "Leave linkage out"],
    ),
    "reserved_metric": (
        with_task(metrics="[tasks]"),
        ["task.metrics", '"tasks"', "reserved", "another"],
    ),
    "metric_name_with_space": (
        with_task(metrics="{my fit: fit.csv}"),
        ["task.metrics", '"my fit"', "no identifier", "another"],
    ),
    "metric_name_is_a_path": (with_task(metrics="{../up: fit.csv}"), ['"../up"', "no identifier"]),
    "regex_without_group": (
        with_task(metrics="{e: {path: stdout.log, regex: 'E = (.*)'}}"),
        ["task.metrics.e.regex", "E = (.*)", "no group", "(?P<column>"],
    ),
    "regex_does_not_parse": (
        with_task(metrics="{e: {path: stdout.log, regex: '(?P<e>'}}"),
        ["task.metrics.e.regex", "(?P<e>", "no regular expression"],
    ),
    "chunks_by_no_parameter": (
        {**with_design("{grid: {mesh: [1, 2]}}"), "chunks": "chunks: {by: [mehs]}"},
        ["chunks.by", '"mehs"', "no parameter", "Did you mean mesh?"],
    ),
    "memory_does_not_parse": (with_task(mem_mb="'100 *'"), ["task.mem_mb", "100 *"]),
    "memory_reads_no_parameter": (
        with_task(mem_mb="100 * c"),
        ["task.mem_mb", "c is no parameter"],
    ),
    "memory_is_negative": (with_task(mem_mb="a - 5"), ["task.mem_mb", '"a - 5"', "gives -"]),
    "memory_is_a_text": (
        {**with_design("{grid: {a: [x, y]}}"), **with_task(mem_mb="a")},
        ["task.mem_mb"],
    ),
    "resource_is_a_list": ({"x": "resources: {gpu: [1]}"}, ["resources.gpu", "string or number"]),
}


def tree(study: Study) -> dict[str, tuple[bytes | str, int]]:
    """Every file and directory of the study but Snakemake's own: content and time stamp."""
    found: dict[str, tuple[bytes | str, int]] = {}
    for path in study.path.rglob("*"):
        name = path.relative_to(study.path)
        if name.parts[0] == ".snakemake":
            continue
        content = path.read_bytes() if path.is_file() else "directory"
        found[str(name)] = (content, path.stat().st_mtime_ns if path.is_file() else 0)
    return found


def refused(study: Study, configfile: str = "config/config.yaml", **overrides: str) -> str:
    """Plan as a run does; check that this ends with one message and has changed no file."""
    before = tree(study)
    message = study.planned(configfile, dry_run=False, **overrides)
    assert tree(study) == before
    assert message.startswith("snakestudy: ")
    assert "\n" not in message
    return message


def refused_by_snakemake(study: Study, *arguments: str) -> str:
    """Run snakemake; check that it ends with one message, status 1, and has changed no file."""
    before = tree(study)
    status, output = study.exit(*arguments)
    assert status == 1, output
    assert tree(study) == before
    lines = [line for line in output.splitlines() if not line.startswith("Using workflow specific")]
    assert len(lines) == 1, output
    assert lines[0].startswith("snakestudy: "), output
    return lines[0]


def write_case(study: Study, case: str) -> None:
    sections, _ = CASES[case]
    for name, text in FILES.items():
        study.write(name, text)
    (study.path / "templates/binary.dat").write_bytes(b"a = {{ a }} \xff\xfe\x00")
    study.configure("\n".join({**BASE, **sections}.values()) + "\n")


@pytest.mark.parametrize("case", CASES)
def test_is_refused_with_one_message_and_nothing_written(study: Study, case: str) -> None:
    write_case(study, case)
    message = refused(study)
    assert message.startswith("snakestudy: config/config.yaml: ")
    missing = [piece for piece in CASES[case][1] if piece not in message]
    assert not missing, message


@pytest.mark.parametrize(
    "case",
    [
        "yaml_error",
        "misspelt_required_key",
        "where_reads_no_parameter",
        "missing_script_of_command",
        "unfilled_jinja",
        "memory_is_negative",
    ],
)
def test_snakemake_prints_just_that_message_and_ends_with_1(study: Study, case: str) -> None:
    write_case(study, case)
    assert refused_by_snakemake(study) == refused(study)


def test_missing_configuration_file_is_refused(study: Study) -> None:
    (study.path / "config/config.yaml").unlink()
    message = refused(study)
    assert message.startswith("snakestudy: config/config.yaml: cannot be read")
    assert "--configfile" in message


def test_configuration_that_is_no_utf8_is_refused(study: Study) -> None:
    (study.path / "config/config.yaml").write_bytes("study: \u00fc\n".encode("latin-1"))
    assert "config/config.yaml: cannot be read" in refused(study)


def test_bad_key_on_the_command_line_is_refused(study: Study) -> None:
    message = refused_by_snakemake(study, "--config", "on_chnage=keep")
    assert "on_chnage" in message
    assert "Did you mean on_change?" in message
    message = refused(study, retry="non")
    assert "retry" in message
    assert "non" in message
    assert "all" in message


def test_bad_edit_leaves_a_finished_study_as_it_was_and_lint_and_unlock_work(
    finished: Study,
) -> None:
    study = finished
    done = tree(study)
    good = (study.path / "config/config.yaml").read_text()
    study.edit("config/config.yaml", "metrics: [fit]", "metrics: [fit]\n  linkage: copy")
    assert "task.linkage" in refused_by_snakemake(study)
    assert "task.linkage" in refused_by_snakemake(study, "-n")
    for flag in ("--lint", "--unlock"):
        status, output = study.exit(flag)
        assert "snakestudy:" not in output
        assert "Traceback" not in output
        assert flag == "--lint" or status == 0, output
    study.configure(good)
    assert {name: content for name, (content, _) in tree(study).items()} == {
        name: content for name, (content, _) in done.items()
    }
    assert "plan 1 is current" in study.snakemake()


@pytest.mark.parametrize("flag", ["--lint", "--unlock"])
def test_lint_and_unlock_work_with_a_bad_configuration(study: Study, flag: str) -> None:
    study.configure("study: [")
    before = tree(study)
    status, output = study.exit(flag)
    assert "snakestudy:" not in output
    assert "Error" not in output
    assert flag == "--lint" or status == 0, output
    assert tree(study) == before


def test_directory_of_another_study_is_refused(finished: Study) -> None:
    finished.write("other.yaml", "\n".join({**BASE, "study": "study: other"}.values()))
    message = refused(finished, "other.yaml")
    assert message.startswith('snakestudy: other.yaml: study = "other": ')
    assert "belongs to study small" in message
    assert "--directory" in message
