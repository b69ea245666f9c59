"""YAML read by the rules of version 1.2, with messages that name the line."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

from snakestudy.errors import UserError


def read_yaml(file: str, text: str) -> dict[str, Any]:
    """The mapping in a YAML text, read by the rules of YAML 1.2.

    >>> read_yaml("x", "a: 1e-3\\nb: no\\nc: 12:30:00\\nd: 2024-01-01\\ne: 010")
    {'a': 0.001, 'b': 'no', 'c': '12:30:00', 'd': '2024-01-01', 'e': 10}
    """
    try:
        config = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UserError(f"{place}{error.problem}", file=file) from None
    except yaml.YAMLError as error:
        raise UserError(f"is no YAML: {error}", file=file) from None
    if not isinstance(config, dict):
        raise UserError("is no mapping of keys to values", file=file)
    return config


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, doubled keys refused."""

    yaml_implicit_resolvers: ClassVar[dict] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
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
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )
_Loader.add_constructor(
    "tag:yaml.org,2002:int",
    lambda loader, node: int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10),
)
_Loader.add_constructor(
    "tag:yaml.org,2002:float",
    lambda loader, node: float(re.sub(r"\.(?=inf|nan)", "", node.value.lower())),
)
