"""Iterators that others than their reader drive: a task that reads ahead, a writer that does not wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TypeVar

from voicecli.flow.scope import scoped

__all__ = ["Feed", "ReadAhead"]

T = TypeVar("T")


class ReadAhead(AsyncIterator[T]):
    """Reads `source` in a task of its own, from now on and at most `size` items ahead of its reader.

    An exception reaches the reader after the items before it. `aclose` stops the task and closes `source`.
    """

    def __init__(self, source: AsyncIterator[T], size: int = 64) -> None:
        self._waiting: deque[T] = deque()
        self._size = size
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._read(source))
        self._task.add_done_callback(lambda _: self._arrived.set())

    async def _read(self, source: AsyncIterator[T]) -> None:
        async with scoped(source) as items:
            async for item in items:
                self._waiting.append(item)
                self._arrived.set()
                while len(self._waiting) >= self._size:
                    self._room.clear()
                    await self._room.wait()

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._task.done():
                await self._task
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._room.set()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop reading; what is waiting is dropped."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._waiting.clear()


class Feed(AsyncIterator[T]):
    """An iterator that is written to without waiting, for items that come at their own pace."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._arrived = asyncio.Event()
        self.closed = False

    def push(self, item: T) -> None:
        """Append an item; after `close` it is dropped."""
        if not self.closed:
            self._waiting.append(item)
            self._arrived.set()

    def close(self) -> None:
        """No more items will come."""
        self.closed = True
        self._arrived.set()

    async def __anext__(self) -> T:
        while not self._waiting:
            if self.closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()
