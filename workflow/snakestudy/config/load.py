"""A configuration file and what an invocation adds to it -> a Study."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from snakestudy.config.resolve import resolve
from snakestudy.config.schema import SCHEMA
from snakestudy.config.study import Study
from snakestudy.errors import UserError
from snakestudy.values import digest

INVOCATION_KEYS = ("retry", "rehash", "pilot", "redo")  # for --config only


class Previous(Protocol):
    """A configuration as it was resolved before (the newest plan record's)."""

    @property
    def config_digest(self) -> str: ...

    @property
    def config(self) -> dict[str, Any]: ...


def override(key: str, text: str) -> Any:
    """The value of a `KEY=VALUE` of --config, read as one of the configuration; redo is a text.

    Raises:
        UserError: for what is no YAML.
    """
    if key == "redo":
        return text[1:-1] if re.fullmatch(r"'[^']*'|\"[^\"]*\"", text) else text
    from snakestudy.config.yaml12 import read_value

    return read_value(f"--config {key}", text)


def load(file: str, overrides: Mapping[str, Any], previous: Previous | None) -> Study:
    """The study of a configuration file.

    Args:
        file: path, relative to the working directory.
        overrides: top-level keys from `--config`, which replace those of the file.
        previous: the newest plan record; if it was made from the same text, its
            configuration is taken as it is, unchecked.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot be read ({error})", file=file, fix="Write one, or name it by --configfile."
        ) from None
    invocation = {key: overrides[key] for key in INVOCATION_KEYS if key in overrides}
    if invocation.get("retry", "all") != "all":
        raise UserError(
            "is not known", key="--config retry", value=overrides["retry"], fix="Write all."
        )
    pilot = invocation.get("pilot", 1)
    if type(pilot) is not int or pilot < 1:
        raise UserError(
            "is no number of tasks", key="--config pilot", value=pilot, fix="Write pilot=10."
        )
    if not isinstance(invocation.get("redo", ""), str):
        raise UserError(
            "is no expression", key="--config redo", value=overrides["redo"], fix="Write R0 > 3."
        )
    values = {key: value for key, value in overrides.items() if key not in invocation}
    key = digest(
        text + SCHEMA.read_text(encoding="utf-8") + json.dumps(values, sort_keys=True, default=str)
    )
    if previous and previous.config_digest == key:
        config = previous.config
    else:
        from snakestudy.config.yaml12 import read_yaml  # not needed by the processes that run tasks

        config = resolve(file, {**read_yaml(file, text), **values})
    return Study(file, config, key, invocation)
