"""What was handed over and is still to be computed: coroutines are run, iterators are read."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

_UNSETTLED = {AsyncGeneratorType, CoroutineType, GeneratorType, map, filter, zip}


def settled(given: Any) -> Any:
    """What a function returned, or the metrics in a mapping it returned, computed to the end."""
    if type(given) is dict:
        if _UNSETTLED.isdisjoint(map(type, given.values())):
            return given
        return {name: settled(value) for name, value in given.items()}
    if type(given) in _UNSETTLED or isinstance(given, Iterator) or inspect.isawaitable(given):
        return _computed(given)
    return given


def _computed(given: Any) -> Any:
    if isinstance(given, AsyncGeneratorType):
        given = _all_of(given)
    if inspect.isawaitable(given):
        import asyncio

        return settled(asyncio.run(_awaited(given)))
    return list(given)


async def _awaited(given: Any) -> Any:
    return await given


async def _all_of(given: Any) -> list[Any]:
    return [item async for item in given]
