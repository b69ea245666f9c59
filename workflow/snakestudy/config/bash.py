"""Lines of bash with placeholders: values become variables, never code."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from snakestudy.errors import UserError

_TOKEN = re.compile(
    r"""\{\{|\}\}|\{[^{}]+\}|\\.|\$'|\$\(\(|\$\(|<<<|<<-?[ \t]*\w+|(?<!\S)\#[^\n]*|['"`()\n]|.""",
    re.DOTALL,
)
# How a variable is written so that it is one word, by what stands around it.
_WRITTEN = {"'": "'\"{}\"'", "$'": "'\"{}\"$'", '"': "{}"}


@cache
def bash_text(template: str, prefix: str = "_STUDY_") -> tuple[str, dict[str, str]]:
    """The template with every {name} as a variable, and those variables' names.

    Bash never looks into a variable's value for code, whatever quotes stand around it.

    >>> print(*bash_text("echo {x} '{x}'"))
    echo "${_STUDY_0}" ''"${_STUDY_0}"'' {'x': '_STUDY_0'}

    Raises:
        UserError: for a placeholder in arithmetic, which would evaluate it.
    """
    variables: dict[str, str] = {}
    text, around, pending, heredoc = "", [""], "", ""
    for token in _TOKEN.findall(template):
        if heredoc:
            text += _variable(token, variables, "{}", prefix) if _is_name(token) else _brace(token)
            heredoc = "" if text.rsplit("\n", 2)[-2:] == [heredoc, ""] else heredoc
        elif _is_name(token):
            if "((" in around:
                raise UserError(
                    f"{token} stands in arithmetic, which would evaluate its value",
                    fix=f"Write a variable before: value={token}.",
                )
            text += _variable(token, variables, _WRITTEN.get(around[-1], '"{}"'), prefix)
        elif token.startswith("#") and around[-1] in ("", "(", "`"):
            text += token.replace("{{", "{").replace("}}", "}")
        else:
            if token.startswith("<<") and token != "<<<" and around[-1] in ("", "("):
                pending = token.lstrip("<- \t")
            text += _brace(token)
            _move(token, around)
            if token == "\n" and pending:
                pending, heredoc = "", pending
    return text, variables


# A name in braces that are no ${name} of bash, no escaped ones and no pair of pairs.
_BRACED = re.compile(r"(?<![$\\{])\{([^{}\n]+)\}(?!\})")
_LITERAL = re.compile(r"'[^']*'|(?<!\S)#[^\n]*")  # awk '{print}', and comments


@cache
def setup_text(setup: str, known: frozenset[str]) -> tuple[str, dict[str, str]]:
    """As `bash_text` of lines in which only braces around known names are placeholders.

    >>> print(*setup_text("export N={threads} A=${HOME}; f() { ls; }", frozenset(["threads"])))
    export N="${_SETUP_0}" A=${HOME}; f() { ls; } {'threads': '_SETUP_0'}
    """
    template, end = "", 0
    for match in _BRACED.finditer(setup):
        if match[1] in known:
            template += re.sub(r"(?<!\\)[{}]", r"\g<0>\g<0>", setup[end : match.start()]) + match[0]
            end = match.end()
    template += re.sub(r"(?<!\\)[{}]", r"\g<0>\g<0>", setup[end:])
    return bash_text(template, "_SETUP_")


def unknown_in_setup(setup: str, known: Collection[str]) -> list[str]:
    """Names in braces that are no known ones and mean nothing to bash either."""
    named = {*_BRACED.findall(_LITERAL.sub("", setup))}.difference(known)
    return sorted(name for name in named if re.fullmatch(r"[^\W\d]\w*(?:\.\w+)*", name))


def _is_name(token: str) -> bool:
    return len(token) > 2 and token[0] == "{"


def _brace(token: str) -> str:
    return token[0] if token in ("{{", "}}") else token


def _variable(token: str, variables: dict[str, str], written: str, prefix: str) -> str:
    name = variables.setdefault(token[1:-1], f"{prefix}{len(variables)}")
    return written.format(f"${{{name}}}")


def _move(token: str, around: list[str]) -> None:
    """Follow a token into or out of quotes and substitutions."""
    top = around[-1]
    if top in ("'", "$'"):
        if token == "'":
            around.pop()
        elif top == "'" and token == "\\'":
            around.pop()  # a backslash is nothing special here
    elif (token == '"' and top == '"') or (token == "`" and top == "`"):
        around.pop()
    elif token in ('"', "`") or (token in ("'", "$'") and top != '"'):
        around.append(token)
    elif token in ("$(", "$(("):
        around.append(token[1:])
    elif token == "(" and top != '"':
        around.append("(")
    elif token == ")" and top in ("(", "(("):
        around.pop()
        if top == "((":
            around.append("(")  # the second parenthesis is still open
