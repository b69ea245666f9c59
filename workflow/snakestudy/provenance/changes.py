"""What changed between two sets of what results depend on, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from snakestudy.provenance.code import same_code

# Kinds of components of which the first that is known stands for what was before.
FIRST_STANDS = ("default", "module", "directory")


def changes(
    old: Mapping[str, str], new: Mapping[str, str], text_of: Callable[[str], str | None]
) -> list[str]:
    """What counts as changed between two sets of components, in words.

    Args:
        text_of: the text of a Python file by its SHA-256, None if it is not known.

    Comments, docstrings and formatting of Python code do not count, nor does a formula, a
    default, a module or a directory of a command that is only there on one side: whatever names
    it has changed itself.
    """
    words = []
    for label in sorted(old.keys() | new.keys()):
        before, after = old.get(label), new.get(label)
        kind, _, name = label.partition(" ")
        if before == after or _is_alike(kind, before, after, text_of):
            continue
        what = {
            "code": name,
            "derive": f"the formula of {name}",
            "default": f"the default of {name}",
            "input": f"input {name}",
            "module": name,
            "directory": f"the directory {name}",
        }
        verb = "was added" if before is None else "was removed" if after is None else "changed"
        words.append(f"{what.get(kind, f'the {kind}')} {verb}")
    return words


def _is_alike(
    kind: str, before: str | None, after: str | None, text_of: Callable[[str], str | None]
) -> bool:
    """Whether components of a kind that differ say the same."""
    if before is None or after is None:
        return kind in ("derive", *FIRST_STANDS)
    if kind == "derive":
        return same_code(before, after)
    return kind in ("code", "module") and same_code(text_of(before), text_of(after))
