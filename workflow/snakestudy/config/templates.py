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


_VARIABLE = re.compile(
    r"\$\$|\$\{\{(?P<doubled>\w+)\}\}|\$\{(?P<braced>\w+)\}|\$(?P<plain>[A-Za-z_]\w*)"
    r"|\{\{|\}\}|\{(?P<parameter>[^{}]*)\}|[{}]"
)


def variables(template: str) -> set[str]:
    """The names of the environment in a value of `env`: $NAME, ${NAME}; `$$` is a dollar.

    >>> sorted(variables("a:$PATH:${HOME}:{b}:$$c"))
    ['HOME', 'PATH']
    """
    return {name for match in _VARIABLE.finditer(template) if (name := _variable(match))}


def placeholders_beside_variables(template: str) -> set[str]:
    """The placeholders in a value of `env`.

    Raises:
        UserError: for a brace without its partner.
    """
    return placeholders(_VARIABLE.sub(lambda m: "" if _variable(m) else m[0], template))


def fill_with_variables(
    template: str, values: Mapping[str, Any], environment: Mapping[str, str]
) -> str:
    """As `fill`, with every $NAME replaced by what it is in the environment.

    >>> fill_with_variables("{a}/bin:$PATH:$$x", {"a": "$b"}, {"PATH": "/bin"})
    '$b/bin:/bin:$x'

    Raises:
        UserError: for a name that is not there.
    """

    def text(match: re.Match) -> str:
        name = _variable(match)
        if name is None:
            return as_text(values[match["parameter"]]) if match["parameter"] else match[0][0]
        if name not in environment:
            raise UserError(f"${name} is not set here", value=template, fix=_DOLLAR)
        return environment[name]

    return _VARIABLE.sub(text, template)


def _variable(match: re.Match) -> str | None:
    return match["doubled"] or match["braced"] or match["plain"]


_DOLLAR = "Write $$ for a dollar itself."


def _jinja_names(text: str) -> set[str]:
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        return meta.find_undeclared_variables(Environment().parse(text))
    except TemplateSyntaxError as error:
        raise UserError(f"line {error.lineno}: {error.message}") from None


class _Dollar(Template):
    """$name and ${dotted.name}."""

    braceidpattern = r"[^\W\d](?:\w|[^\x00-\x7f])*(?:\.[^\W\d](?:\w|[^\x00-\x7f])*)*"


def _dollar_names(text: str) -> set[str]:
    template = _Dollar(text)
    if not template.is_valid():
        raise UserError("has a $ that starts no name", fix=_DOLLAR)
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
