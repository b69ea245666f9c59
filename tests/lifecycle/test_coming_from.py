"""The documents for people who come from other tools: the same parameter sets in both."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import psweep as ps
import pytest
from kit import ROOT
from vivarium.cluster_tools.psimulate.branches import Keyspace

from snakestudy.config.resolve import resolve
from snakestudy.config.yaml12 import read_yaml
from snakestudy.design.blocks import DesignExpander
from snakestudy.design.design import expand
from snakestudy.values import canonical, task_id

DOCS = sorted((ROOT / "docs").glob("coming-from-*.md"))


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / "docs" / f"coming-from-{name}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def declared(text: str) -> Counter:
    """The parameter sets of a configuration; labels and what is null left out."""
    config = resolve("docs", read_yaml("docs", text))
    design = expand(config["design"], DesignExpander(config["derive"], config["defaults"]))
    names = [name for name in design.columns if name not in design.derived]
    columns = [design.columns[name].to_list() for name in names]
    return sets(dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))


def sets(mappings: Any) -> Counter:
    """Parameter sets that can be compared: flat, in canonical text."""
    return Counter(canonical(flat(one)) for one in mappings)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[prefix + name] = value
    return found


@pytest.mark.parametrize(
    ("theirs", "ours"),
    list(zip(blocks("psweep", "python"), blocks("psweep", "yaml"), strict=True)),
    ids=["grid", "star", "lists"],
)
def test_psweep_builds_the_same_sets(theirs: str, ours: str) -> None:
    namespace: dict[str, Any] = {}
    exec(theirs, namespace)
    assert declared(ours) == sets(namespace["params"])


def test_psimulate_builds_the_same_sets(tmp_path: Path) -> None:
    theirs, ours = blocks("vivarium", "yaml")
    (tmp_path / "branches.yaml").write_text(theirs)
    keyspace = Keyspace.from_branch_configuration(tmp_path / "branches.yaml")
    expected = [{**b, "input_draw": draw, "random_seed": seed} for draw, seed, b in keyspace]
    assert len(expected) == 30
    assert declared(ours) == sets(expected)


@pytest.mark.parametrize(
    ("name", "variable"), [("cell-abm", "params"), ("multirun", "runs"), ("autojob", "params")]
)
def test_loops_build_the_same_sets(name: str, variable: str) -> None:
    namespace: dict[str, Any] = {}
    exec(blocks(name, "python")[0], namespace)
    assert declared(blocks(name, "yaml")[0]) == sets(namespace[variable])


def test_callable_gives_the_same_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "design.py").write_text(blocks("multirun", "python")[1])
    monkeypatch.chdir(tmp_path)
    first, second = blocks("multirun", "yaml")
    assert declared(second) == declared(first)


def test_star_has_its_base_and_stargrid_only_a_varied_one() -> None:
    theirs = ps.stargrid({"a": 1, "b": 7}, vary=[ps.plist("a", [0, 2])])
    star = "{base: {a: 1, b: 7}, vary: {a: [0, 2]}}"
    ours = declared(f"study: x\ndesign: {{star: {star}}}\ntask: {{command: run}}")
    assert ours - sets(theirs) == sets([{"a": 1, "b": 7}])
    assert not sets(theirs) - ours


def test_counts_of_psimulate_are_the_lists_of_its_keyspace_file(tmp_path: Path) -> None:
    counts = "input_draw_count: 3\nrandom_seed_count: 2\nbranches: [{scenario: [a, b]}]\n"
    (tmp_path / "counts.yaml").write_text(counts)
    keyspace = Keyspace.from_branch_configuration(tmp_path / "counts.yaml")
    keyspace.persist(tmp_path / "keyspace.yaml", tmp_path / "branches.yaml")
    saved = read_yaml("keyspace.yaml", (tmp_path / "keyspace.yaml").read_text())
    ours = expand([{"grid": {**saved, "scenario": ["a", "b"]}}], DesignExpander())
    expected = [{**b, "input_draw": draw, "random_seed": seed} for draw, seed, b in keyspace]
    assert set(ours.ids) == {task_id(flat(one)) for one in expected}
    assert ours.size == len(expected) == 12


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_every_configuration_of_ours_is_valid(path: Path) -> None:
    own = [text for text in blocks(path.stem[12:], "yaml") if "study:" in text]
    assert own
    for text in own:
        assert resolve(path.name, read_yaml(path.name, text))["steps"]


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str
)
def test_links_lead_to_files(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []
