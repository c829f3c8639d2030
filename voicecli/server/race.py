"""Works that go on side by side, until the first is done or whoever started them has had enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

__all__ = ["first_of", "race"]


@asynccontextmanager
async def race(*works: Coroutine[Any, Any, Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Their tasks; what still goes on at the end is cancelled, and over."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def first_of(*tasks: asyncio.Future[Any], timeout: float | None = None) -> asyncio.Future[Any] | None:
    """The one that is done first, or stands first of several; None if none is after `timeout` seconds."""
    done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    return next((task for task in tasks if task in done), None)
