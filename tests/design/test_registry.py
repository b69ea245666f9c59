"""Kinds of design blocks: the registry, the schema and the files agree; a new kind is a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from designs import design, refused, rows
from kit import ROOT, environment

from snakestudy.config.schema import schema
from snakestudy.design import registry
from snakestudy.design.blocks import DesignExpander
from snakestudy.design.columns import Column
from snakestudy.design.design import expand
from snakestudy.design.kinds.kind import BlockKind, ExpandContext, Factor, Sha
from snakestudy.errors import UserError

NAMES = [kind.name for kind in registry.KINDS]


def test_schema_and_registry_have_the_same_kinds() -> None:
    assert [*NAMES, "where"] == list(schema()["$defs"]["block"]["properties"])


def test_each_kind_has_a_file_of_its_name_and_each_file_is_in_the_registry() -> None:
    files = {path.stem for path in (ROOT / "workflow/snakestudy/design/kinds").glob("*.py")}
    assert files - {"__init__", "kind"} == set(NAMES)


def test_registry_brings_no_heavy_module_into_a_parse() -> None:
    code = "import sys, snakestudy.design.registry; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    modules = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert "snakestudy.design.kinds.seeds" in modules.stdout.split()
    heavy = {"numpy", "pandas", "pyarrow", "yaml", "jsonschema"}
    assert not heavy & set(modules.stdout.split())


# a new kind


def expand_toy(value: int, context: ExpandContext) -> Iterable[Factor]:
    if value > context.limit:
        raise UserError("is too much", key="inside")
    yield Factor({"toy": Column.of(range(value))}, {"name": Column.of("abcdefg"[:value])})


def toy_files(value: int, _: Sha) -> list[str]:
    return [f"toy{value}.txt"]


TOY = BlockKind(
    "toy",
    expand_toy,
    files=toy_files,
    studies=lambda value: [None, "../other"],
    note=lambda key, value, sets, last: f"{key} has {sets} after {last}",
    runs_python=True,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One more line in the registry."""
    monkeypatch.setattr(registry, "KINDS", (*registry.KINDS, TOY))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("toy")
def test_new_kind_multiplies_with_the_others_and_its_labels_are_no_part_of_ids() -> None:
    found = design({"toy": 2, "grid": {"a": [1, 2]}})
    assert list(found.columns) == ["a", "toy", "name"]
    assert rows(found) == [(1, 0, "a"), (1, 1, "b"), (2, 0, "a"), (2, 1, "b")]
    assert found.ids == design({"rows": [{"a": a, "toy": t} for a in (1, 2) for t in (0, 1)]}).ids
    assert found.blocks[0].factors == (("grid", 2), ("toy", 2))


@pytest.mark.usefixtures("toy")
def test_new_kind_has_its_note_with_the_value_of_the_last_plan() -> None:
    blocks = [{"toy": 2}, {"toy": 3}]
    found = expand(blocks, DesignExpander(), [{"toy": 1}])
    assert found.remarks[:2] == ("design.0.toy has 2 after 1", "design.1.toy has 3 after None")


@pytest.mark.usefixtures("toy")
def test_error_of_a_new_kind_lies_at_its_key() -> None:
    assert refused({"toy": 5}, limit=4).startswith("design.toy.inside: is too much")


@pytest.mark.usefixtures("toy")
def test_block_without_a_kind_is_told_all_of_them() -> None:
    assert "values_from, seeds or toy." in refused({"where": "a > 1"})


@pytest.mark.usefixtures("toy")
def test_new_kind_is_asked_what_it_is_made_from() -> None:
    Path("toy3.txt").write_text("x")
    block = {"seeds": 1, "toy": 3}
    assert registry.files_of(block, lambda path: Path(path).read_text()) == {"toy3.txt": "x"}
    assert registry.studies_of(block) == [None, "../other"]
    assert registry.runs_python(block)
    with pytest.raises(UserError, match=r'toy = "toy4.txt": is no file\. Write a path'):
        registry.files_of({"toy": 4}, lambda path: Path(path).read_text())


# the kinds there are


@pytest.mark.parametrize(
    ("block", "files", "studies", "runs_python"),
    [
        ({"grid": {"a": [1]}, "seeds": 2}, [], [], False),
        ({"table": "t.csv", "seeds": 2}, ["t.csv"], [], False),
        ({"python": "sets.py:f"}, ["sets.py", "t.csv", "more.py"], [], True),
        ({"values_from": {"metric": "fit", "columns": ["a"]}}, [], [None], False),
        ({"values_from": {"metric": "fit", "columns": ["a"], "study": "."}}, [], ["."], False),
    ],
    ids=["values", "table", "python", "this_study", "named_study"],
)
def test_block_is_made_from(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block: dict[str, Any],
    files: list[str],
    studies: list[str | None],
    runs_python: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a\n1\n")
    Path("more.py").write_text("")
    Path("sets.py").write_text("import more\ndef f():\n    return open('t.csv')\n")
    found = registry.files_of(block, lambda path: f"sha of {path}")
    assert found == {path: f"sha of {path}" for path in files}
    assert registry.studies_of(block) == studies
    assert registry.runs_python(block) is runs_python


@pytest.mark.parametrize(
    ("method", "n", "before", "notes"),
    [
        ("lhs", 2000, 4, 1),
        ("lhs", 4, 4, 0),
        ("random", 8, 4, 0),
        ("lhs", 8, None, 0),
    ],
)
def test_more_points_of_lhs_are_worth_a_word(
    method: str, n: int, before: int | None, notes: int
) -> None:
    sample = {"n": n, "method": method, "seed": 0, "parameters": {"x": {"uniform": [0, 1]}}}
    last = [] if before is None else [{"sample": {**sample, "n": before}}]
    found = expand([{"sample": sample}], DesignExpander(), last).notes
    word = "design.sample: lhs drew all points anew, as n changed from 4 to 2,000 (sobol, "
    assert [note.startswith(word) for note in found] == [True] * notes
