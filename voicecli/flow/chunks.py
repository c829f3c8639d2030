"""Steps that cut and gather bytes and dictionaries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

from voicecli.flow.awaitables import resolve_awaitable_or_obj
from voicecli.flow.scope import scoped
from voicecli.flow.steps import map_step

__all__ = ["chunk_bytes_step", "collect_dict_step", "map_str_to_json_step", "min_size_bytes_step"]


async def chunk_bytes_step(
    async_iter: AsyncIterator[bytes], chunk_size: int | Awaitable[int]
) -> AsyncIterator[bytes]:
    """Every item in chunks of at most `chunk_size` bytes, which may be awaited, after the first item."""
    size: int | None = None
    async with scoped(async_iter) as items:
        async for item in items:
            if size is None:
                size = await resolve_awaitable_or_obj(chunk_size)
                if size < 1:
                    raise ValueError(f"A chunk has at least 1 byte, not {size}.")
            for start in range(0, len(item), size):
                yield item[start : start + size]


async def min_size_bytes_step(
    async_iter: AsyncIterator[bytes], min_size: int | Awaitable[int]
) -> AsyncIterator[bytes]:
    """Items joined until they have `min_size` bytes, which may be awaited; the last one may be shorter."""
    size: int | None = None
    waiting = bytearray()
    async with scoped(async_iter) as items:
        async for item in items:
            if size is None:
                size = await resolve_awaitable_or_obj(min_size)
            waiting += item
            if len(waiting) >= size:
                whole = bytes(waiting)
                waiting.clear()
                yield whole
    if waiting:
        yield bytes(waiting)


def map_str_to_json_step(async_iter: AsyncIterator[str]) -> AsyncIterator[Any]:
    """What every item is as JSON. Raises json.JSONDecodeError."""
    return map_step(async_iter, json.loads)


async def collect_dict_step(
    async_iter: AsyncIterator[Mapping[Any, Any] | None],
) -> AsyncIterator[dict[Any, Any]]:
    """Dictionaries joined until an empty item or the end; values of a key are added, or the last one kept."""
    collected: dict[Any, Any] = {}
    async with scoped(async_iter) as items:
        async for item in items:
            if item:
                for key, value in item.items():
                    collected[key] = _added(collected[key], value) if key in collected else value
            else:
                whole, collected = collected, {}
                yield whole
    if collected:
        yield collected


def _added(before: Any, value: Any) -> Any:
    try:
        return before + value
    except (TypeError, ValueError):  # ValueError: arrays of different shapes
        return value
