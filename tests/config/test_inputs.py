"""Inputs: which of them are a task's own, and what their digest depends on."""

from __future__ import annotations

from typing import Any

import pytest

from snakestudy.config.inputs import inputs_digest, is_per_task
from snakestudy.config.resolve import resolve
from snakestudy.config.study import Input, Task
from snakestudy.config.templates import fill, render, rendered_names


def task(*inputs: dict[str, Any] | str) -> Task:
    section = {"command": "a", "inputs": list(inputs)}
    config = {"study": "s", "design": {"seeds": 1}, "task": section}
    return Task.of(resolve("c.yaml", config)["steps"][0])


@pytest.mark.parametrize(
    ("path", "rename", "wanted"),
    [
        ("a.dat", None, False),
        ("a.dat", "b.dat", False),
        ("{x}.dat", None, True),
        ("a.dat", "{x}.dat", True),
        ("{x}.dat", "b.dat", True),
    ],
)
def test_input_is_a_tasks_own_if_a_placeholder_is_in_its_path_or_its_name(
    path: str, rename: str | None, wanted: bool
) -> None:
    assert is_per_task(Input(path, "copy", rename, None)) is wanted


def test_digest_of_inputs_is_of_the_tasks_own_and_their_content_and_order() -> None:
    renamed, shared = {"path": "a.dat", "rename": "{x}.dat"}, "b.dat"
    assert inputs_digest(task(shared), {"x": 1}, str) is None
    own = inputs_digest(task(renamed, shared), {"x": 1}, str)
    assert own is not None
    assert own == inputs_digest(task(renamed), {"x": 1}, str)
    assert own != inputs_digest(task(renamed), {"x": 1}, lambda path: f"new {path}")
    two = [inputs_digest(task(f"{{x}}.{a}", f"{{x}}.{b}"), {"x": 1}, str) for a, b in ("ab", "ba")]
    assert two[0] != two[1]


def test_digest_of_inputs_reads_the_file_of_the_task() -> None:
    read: list[str] = []
    digests = {
        x: inputs_digest(task("in/{x}.dat"), {"x": x}, lambda path: read.append(path) or path)
        for x in (1, 2)
    }
    assert read == ["in/1.dat", "in/2.dat"]
    assert digests[1] != digests[2]


@pytest.mark.parametrize("name", ["lambda", "class", "if", "µ", "μ", "e\u0301", "model.class"])
@pytest.mark.parametrize(("kind", "form"), [("jinja", "{{{{ {} }}}}"), ("dollar", "${{{}}}")])
def test_templates_read_names_as_they_are_written(name: str, kind: str, form: str) -> None:
    text = form.format(name)
    assert rendered_names(text, kind) == {name.split(".")[0] if kind == "jinja" else name}
    assert render(text, kind, {name: 5}) == "5"
    assert fill(f"{{{name}}}", {name: 5}) == "5"
