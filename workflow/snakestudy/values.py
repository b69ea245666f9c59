"""Parameter values: one canonical text for each, the task_id, dotted names."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

MOST_LEVELS = 100  # of lists and mappings in each other: all that reads them is recursive
MOST_DIGITS = 4000  # of an integer: Python writes no more than 4,300
_MOST_BITS = 13_288  # those of 10**MOST_DIGITS


def plain(value: Any, levels: int = MOST_LEVELS) -> Any:
    """The value made of Python's own types: numpy scalars and arrays are unpacked.

    Args:
        levels: so many lists and mappings may be in each other.

    Raises:
        ValueError: if it is none of null, bool, int, finite float, str, list, mapping.
    """
    if type(value) is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{value!a} holds half a character") from None
    if type(value) is int and value.bit_length() > _MOST_BITS:
        raise ValueError(f"an integer of more than {MOST_DIGITS:,} digits is no parameter value")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is no parameter value")
        return value
    if isinstance(value, (Mapping, list, tuple)) and not levels:
        raise ValueError(f"is nested more than {MOST_LEVELS} levels deep, or holds itself")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"a mapping with a key that is no text: {value!r}")
        return {plain(key): plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, levels - 1) for item in value]
    to_python = getattr(value, "tolist", None)  # of numpy scalars and arrays
    if to_python is not None:
        return plain(to_python(), levels)
    raise ValueError(
        f"a {type(value).__name__} is no parameter value (null, bool, int, float, str, "
        "or lists and mappings of those)"
    )


def canonical(value: Any) -> str:
    """Canonical JSON of a plain value: keys sorted, 1 and 1.0 alike, `true` and 1 not.

    >>> canonical({"b": 1.0, "a": [True, None, 0.1, -0.0]})
    '{"a":[true,null,0.1,0],"b":1}'
    """
    if type(value) is float:
        return str(int(value)) if value.is_integer() else repr(value)
    if type(value) is int:
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        items = (f"{json.dumps(key)}:{canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(items) + "}"
    return json.dumps(value)


def fragment(name: str, value: Any) -> str:
    """One parameter's share of its task's canonical JSON; empty for null (see `task_id`)."""
    return "" if value is None else f"{json.dumps(name)}:{canonical(value)}"


def _id_of(fragments: Iterable[str]) -> str:
    """The task_id of a parameter set from its fragments, sorted by name."""
    return digest("{" + ",".join(filter(None, fragments)) + "}")


def task_id(parameters: Mapping[str, Any]) -> str:
    """The first 16 hex digits of SHA-256 over the set's canonical JSON.

    A parameter that is null counts as absent, so that a block of the design
    can gain a name without renaming the sets of the others.

    >>> task_id({"a": 1, "b": None}) == task_id({"a": 1.0})
    True
    """
    return _id_of(fragment(name, plain(parameters[name])) for name in sorted(parameters))


def digest(content: str | bytes) -> str:
    """The first 16 hex digits of SHA-256."""
    if isinstance(content, str):
        content = content.encode(errors="surrogatepass")
    return hashlib.sha256(content).hexdigest()[:16]


def digest_of(value: Any) -> str:
    """The digest of anything JSON can hold, whatever the order of its keys."""
    return digest(json.dumps(value, sort_keys=True, ensure_ascii=False))


def nest(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested mappings.

    >>> nest({"model.rate": 2, "model.size": 3, "seed": 0})
    {'model': {'rate': 2, 'size': 3}, 'seed': 0}
    """
    if "." not in "".join(parameters):
        return dict(parameters)
    nested: dict[str, Any] = {}
    for name, value in parameters.items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


def parse_number(text: str) -> int | float | str | None:
    """What a text reads as: a number if it is one (Fortran's 1.0D-03 too), null if empty.

    >>> [parse_number(text) for text in ("12", " 1.0D-03", "nan", "", "a b")]
    [12, 0.001, nan, None, 'a b']
    """
    stripped = text.strip()
    if not stripped:
        return None
    # Python reads 1_000 as a number; data files do not. Digits without end would be infinite.
    if "_" not in stripped and len(stripped) < 4000:
        try:
            return int(stripped)
        except ValueError:
            pass
        try:
            return float(stripped.replace("D", "e").replace("d", "e"))
        except ValueError:
            pass
    return text


def as_text(value: Any) -> str:
    """A value as a word of a command or a part of a path.

    >>> as_text(0.1), as_text(True), as_text(None), as_text([1, "a"])
    ('0.1', 'true', '', '[1, "a"]')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)
