"""Blocks of a design in, what they declare or how they are refused out."""

from __future__ import annotations

from typing import Any

import pytest

from snakestudy.design.blocks import DesignExpander
from snakestudy.design.design import Design, expand
from snakestudy.errors import UserError


def design(*blocks: dict[str, Any], **more: Any) -> Design:
    """The design of some blocks; more: what a DesignExpander takes (derive, defaults, ...)."""
    return expand(blocks, DesignExpander(**more))


def rows(found: Design) -> list[tuple[Any, ...]]:
    """The sets, values in the order of the columns."""
    columns = [column.to_list() for column in found.columns.values()]
    return list(zip(*columns, strict=True))


def refused(*blocks: dict[str, Any], **more: Any) -> str:
    """The message with which the blocks are refused."""
    with pytest.raises(UserError) as caught:
        design(*blocks, **more)
    return str(caught.value)


def has(text: str, words: list[str]) -> None:
    assert [word for word in words if word not in text] == [], text
