"""Placeholders in braces, and templates of files (jinja, dollar)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import Any

from snakestudy.errors import UserError
from snakestudy.values import as_text, nest

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(template: str) -> set[str]:
    """The names in a template; `{{` and `}}` stand for braces.

    >>> placeholders("{a}-{b.c} {{x}}") == {"a", "b.c"}
    True

    Raises:
        UserError: for a brace without its partner.
    """
    names = set()
    for match in _PLACEHOLDER.finditer(template):
        if match[0] in "{}":
            raise UserError(
                "has a single brace", value=template, fix="Write {{ or }} for a brace itself."
            )
        if match[1] is not None:
            names.add(match[1])
    return names


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with every {name} replaced by its value as text.

    >>> fill("--x={x} {{y}}", {"x": 0.5})
    '--x=0.5 {y}'
    """

    def text(match: re.Match) -> str:
        return match[0][0] if match[1] is None else as_text(values[match[1]])

    return _PLACEHOLDER.sub(text, template)


def _jinja_names(text: str) -> set[str]:
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        return meta.find_undeclared_variables(Environment().parse(text))
    except TemplateSyntaxError as error:
        raise UserError(f"line {error.lineno}: {error.message}") from None


class _Dollar(Template):
    """$name and ${dotted.name}."""

    braceidpattern = r"(?a:[_a-z][_a-z0-9]*(?:\.[_a-z][_a-z0-9]*)*)"


def _dollar_names(text: str) -> set[str]:
    template = _Dollar(text)
    if not template.is_valid():
        raise UserError("has a $ that starts no name", fix="Write $$ for a dollar itself.")
    return set(template.get_identifiers())


def rendered_names(text: str, kind: str) -> set[str]:
    """The names that a template (jinja: of the topmost mappings) reads.

    Raises:
        UserError: for what is no template of the kind.
    """
    return _dollar_names(text) if kind == "dollar" else _jinja_names(text)


def render(text: str, kind: str, values: Mapping[str, Any]) -> str:
    """A template with the parameters filled in; a name that is missing is an error."""
    if kind == "dollar":
        return _Dollar(text).substitute({name: as_text(value) for name, value in values.items()})
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(text).render(nest(values))
