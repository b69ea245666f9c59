"""YAML read by the rules of version 1.2, with messages that name the line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import yaml

from snakestudy.errors import UserError
from snakestudy.values import MOST_DIGITS, MOST_LEVELS

_PREFIX = "tag:yaml.org,2002:"
_MOST_VALUES = 10**7  # with each alias written out


def read_yaml(file: str, text: str) -> dict[str, Any]:
    """The mapping in a YAML text, read by the rules of YAML 1.2.

    >>> read_yaml("x", "a: 1e-3\\nb: no\\nc: 12:30:00\\nd: 2024-01-01\\ne: 010")
    {'a': 0.001, 'b': 'no', 'c': '12:30:00', 'd': '2024-01-01', 'e': 10}
    """
    config = read_value(file, text)
    if not isinstance(config, dict):
        raise UserError("is no mapping of keys to values", file=file)
    return config


def read_value(file: str, text: str) -> Any:
    """The value in a YAML text.

    >>> read_value("x", "{grid: {x: [7, 8.5, a b]}}")
    {'grid': {'x': [7, 8.5, 'a b']}}

    Raises:
        UserError: that names the file, and the line where it is known.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UserError(f"{place}{error.problem}", file=file) from None
    except yaml.YAMLError as error:
        raise UserError(f"is no YAML: {error}", file=file) from None
    except RecursionError:
        raise UserError(_TOO_DEEP, file=file) from None
    if _size(value, {}, file) > _MOST_VALUES:
        raise UserError(f"its aliases stand for more than {_MOST_VALUES:,} values", file=file)
    return value


_TOO_DEEP = f"is nested more than {MOST_LEVELS} levels deep, or an alias holds itself"


def _size(value: Any, known: dict[int, int], file: str, levels: int = MOST_LEVELS) -> int:
    """The number of values in one; what an alias stands for is counted wherever it is."""
    if not isinstance(value, (dict, list)):
        return 1
    if not levels:
        raise UserError(_TOO_DEEP, file=file)
    if id(value) not in known:
        items = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known, file, levels - 1) for item in items)
    return known[id(value)]


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, doubled keys refused."""

    yaml_implicit_resolvers: ClassVar[dict] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == f"{_PREFIX}merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {key!r} is no text; write it in quotes"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} is doubled"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


def _add_scalar(name: str, read: Callable[[str], float]) -> None:
    def construct(loader: _Loader, node: yaml.ScalarNode) -> float:
        text = loader.construct_scalar(node)
        try:
            if len(text) > MOST_DIGITS:
                raise ValueError(f"a number of more than {MOST_DIGITS:,} digits")
            return read(text)
        except (ValueError, KeyError) as error:
            problem = f"is no {name}: {error}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None

    _Loader.add_constructor(_PREFIX + name, construct)


def _unknown(_: _Loader, node: yaml.Node) -> None:
    tag = node.tag.replace(_PREFIX, "!!")
    problem = f"the tag {tag} is not known here; write the value itself"
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


# What a tag may say is what is there without one: text, number, true, null, list, mapping.
_Loader.yaml_constructors = {
    _PREFIX + name: yaml.SafeLoader.yaml_constructors[_PREFIX + name]
    for name in ("null", "str", "seq", "map")
}
_add_scalar("int", lambda text: int(text, 0 if text[:2] in ("0o", "0x") else 10))
_add_scalar("float", lambda text: float(re.sub(r"\.(?=inf|nan)", "", text.lower())))
_add_scalar("bool", lambda text: {"true": True, "false": False}[text.lower()])
_Loader.add_constructor(None, _unknown)
