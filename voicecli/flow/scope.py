"""Whoever reads a stream closes it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

__all__ = ["close", "scoped"]

T = TypeVar("T")


async def close(*sources: object) -> None:
    """Close what can be closed, all of it, whatever one of them raises."""
    for number, source in enumerate(sources, 1):
        aclose = getattr(source, "aclose", None)
        if aclose is not None:
            try:
                await aclose()
            except BaseException:
                await close(*sources[number:])
                raise


@asynccontextmanager
async def scoped(source: AsyncIterable[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `source` on the way out, however that is taken."""
    items = aiter(source)
    try:
        yield items
    finally:
        await close(*([items] if items is source else [items, source]))
