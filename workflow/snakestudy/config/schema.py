"""The JSON Schema of the configuration: what it breaks, in words, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from snakestudy.errors import UserError
from snakestudy.messages import nearest

_PACKAGE = Path(__file__).parents[1]
# Beside the package, where users' editors are told to look, or in it where it was installed.
_PLACES = [root / "schemas" / "config.schema.yaml" for root in (_PACKAGE.parent, _PACKAGE)]
SCHEMA = next(filter(Path.exists, _PLACES), _PLACES[0])


@cache
def schema() -> dict[str, Any]:
    import yaml  # not needed by the processes that run tasks

    # PyYAML is not built with libyaml everywhere; where it is, that saves half a tenth of a second.
    return yaml.load(
        SCHEMA.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )


def with_defaults(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The values with every default of a schema (of an object) that they leave out."""
    filled = dict(values)
    for key, rule in schema["properties"].items():
        if "default" in rule:
            filled.setdefault(key, deepcopy(rule["default"]))
        forms = [rule, *rule.get("anyOf", ())]
        if type(filled.get(key)) is float and any(form.get("type") == "integer" for form in forms):
            filled[key] = int(filled[key])  # 1e3 is as good as 1000
        if rule.get("type") == "object" and "properties" in rule and key in filled:
            filled[key] = with_defaults(filled[key], rule)
    return filled


def check_schema(config: dict[str, Any]) -> None:
    """
    Raises:
        UserError: for what breaks the schema most.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema()).iter_errors(config))
    if error is None:
        return
    error = _inside(error)
    key = ".".join(str(part) for part in error.absolute_path)
    rule, wanted, value = error.validator, error.validator_value, error.instance
    if rule == "additionalProperties":
        known = error.schema["properties"]
        word = next(name for name in value if name not in known)
        key = f"{key}.{word}" if key else word
        raise UserError("unknown key", key=key, value=value[word], fix=nearest(word, known))
    if rule == "required":
        word = next(name for name in wanted if name not in value)
        raise UserError(f"the key {word} is missing", key=key or None, fix=_described(error, word))
    message, fix = _in_words(rule, wanted, error)
    raise UserError(message, key=key, value=value, fix=fix)


def _inside(error: Any) -> Any:
    """What is wrong in the one form that the value can have; an unknown key first."""
    while error.validator == "anyOf":
        forms: dict[int, list[Any]] = {}
        for inner in error.context:
            forms.setdefault(inner.schema_path[0], []).append(inner)
        fitting = [errors for errors in forms.values() if not any(map(_is_another_type, errors))]
        if len(fitting) != 1:
            break
        error = min(fitting[0], key=lambda inner: inner.validator != "additionalProperties")
    return error


def _is_another_type(error: Any) -> bool:
    return error.validator in ("type", "const") and not error.path


def _described(error: Any, word: str) -> str:
    return error.schema["properties"].get(word, {}).get("description", "")


def _in_words(rule: str, wanted: Any, error: Any) -> tuple[str, str | None]:
    """What a broken rule of the schema means, and what to write instead."""
    described = error.schema.get("description")
    if rule == "enum":
        return "is not known", nearest(str(error.instance), map(str, wanted))
    if rule == "type":
        kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
        names = {"object": "mapping", "array": "list"}
        for kind, name in names.items():
            kinds = kinds.replace(kind, name)
        return f"must be of type {kinds}", described
    if rule in ("minLength", "minItems", "minProperties"):
        return "is empty", described or "Write at least one."
    if rule == "minimum":
        return f"must be at least {wanted}", described
    if rule == "exclusiveMinimum":
        return f"must be more than {wanted}", described
    if rule == "pattern":
        return error.schema["x-problem"], error.schema["x-fix"]
    if rule == "anyOf":
        return "is not of a known form", described
    return error.message, described
