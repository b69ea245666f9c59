"""The house: imports go down only, rooms say what they are, names that cross a wall are public."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import ROOT

PACKAGE = ROOT / "workflow" / "snakestudy"
# From the top down; what stands in no room is the ground.
ROOMS = (
    "commands",
    "engine",
    "planning",
    "running",
    "results",
    "design",
    "storage",
    "provenance",
    "config",
    "tables",
)
GROUND = {"errors", "messages", "values", "layout", "files", "imports"}
FACES = {"__init__", "__main__"}  # of the package: they may name any room


def room_of(module: str) -> str:
    """The room of a dotted name below the package; "" for the ground."""
    first = module.split(".")[0]
    return first if first in ROOMS else ""


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """What a file imports of the package: module, name, line; also within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: write the whole name"
            if (node.module or "").split(".")[0] == "snakestudy":
                module = (node.module or "").partition(".")[2]
                yield from ((module, name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (
                (name.name.partition(".")[2], "", node.lineno)
                for name in node.names
                if name.name.split(".")[0] == "snakestudy"
            )


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def test_the_package_has_these_rooms_and_this_ground() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)
    assert {path.stem for path in PACKAGE.glob("*.py")} == GROUND | FACES
    assert [path for path in FILES if path.name.startswith("_") and path.stem != "__init__"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only_and_take_public_names(path: Path) -> None:
    levels = [*ROOMS, ""]
    own = path.relative_to(PACKAGE).parts[0]
    for module, name, line in imports(path):
        to = room_of(module or name)
        assert levels.index(to) >= levels.index(own), f"{path}:{line}: {own} imports {module}"
        assert to == own or not name.startswith("_"), f"{path}:{line}: {name} is {module}'s own"


@pytest.mark.parametrize("name", sorted(GROUND))
def test_the_ground_imports_no_room(name: str) -> None:
    assert [to for to, what, _ in imports(PACKAGE / f"{name}.py") if room_of(to or what)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_it_is_and_imports_nothing(room: str) -> None:
    text = (PACKAGE / room / "__init__.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    words = ast.get_docstring(tree) or ""
    assert 2 <= len(words.splitlines()) <= 5
    assert len(tree.body) == 1  # so that no visit imports what it does without


@pytest.mark.parametrize("document", ["docs/how-it-works.md", "CONTRIBUTING.md", "README.md"])
def test_files_that_a_document_names_are_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_0-9]+\.(?:py|smk))`", text)
    roots = (PACKAGE, ROOT)
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []
