"""Every text that is read or written names its encoding: a study is the same in every locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path for part in ("workflow", "scripts", "benchmarks") for path in (ROOT / part).rglob("*.py")
)
FILES.append(ROOT / "tests/kit.py")
NO_TEXT = {"os", "tokenize", "tarfile", "zipfile", "gzip"}  # whose `open` is of another kind


def unnamed(text: str) -> Iterator[str]:
    """The calls that leave the encoding of a text to the locale."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        is_named = "encoding" in keywords or None in keywords  # **how may hold it
        if not is_named and _is_text(node, keywords):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def _is_text(node: ast.Call, keywords: dict[str | None, ast.expr]) -> bool:
    function = node.func
    on = getattr(getattr(function, "value", None), "id", "")
    name = getattr(function, "attr", getattr(function, "id", ""))
    if name in ("read_text", "write_text"):
        return len(node.args) < (2 if name == "write_text" else 1)
    if keywords.keys() & {"text", "universal_newlines"}:
        return True
    places = {"open": int(on in ("", "io") and isinstance(function, ast.Name)), "fdopen": 1}
    default = "w+b" if name.endswith("TemporaryFile") else "r"
    if (name not in places and default == "r") or on in NO_TEXT - {"os" * (name == "fdopen")}:
        return False
    place = places.get(name, 0)
    mode = keywords.get("mode", node.args[place] if len(node.args) > place else None)
    return "b" not in (ast.literal_eval(mode) if isinstance(mode, ast.Constant) else default)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_text_names_its_encoding(file):
    read = [
        call for call in unnamed(file.read_text(encoding="utf-8")) if "spec['study']" not in call
    ]
    assert not read


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text()",
        "path.write_text(x)",
        "open(x)",
        "open(x, 'w')",
        "path.open()",
        "path.open('a')",
        "os.fdopen(3, 'w')",
        "run(x, text=True)",
        "NamedTemporaryFile('r+')",
    ],
)
def test_a_text_that_names_none_is_seen(call):
    assert list(unnamed(call))


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text(encoding='utf-8')",
        "open(x, 'rb')",
        "path.open('ab')",
        "os.open(x, 0)",
        "os.fdopen(3, 'wb')",
        "TemporaryFile()",
        "run(x, encoding='utf-8')",
    ],
)
def test_bytes_and_named_ones_are_let_through(call):
    assert not list(unnamed(call))
