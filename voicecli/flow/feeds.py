"""Iterators that others than their reader drive: a writer that does not wait, a task that reads ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeVar, overload

from voicecli.flow.channel import SIZE, Branch, Channel, branched, pour
from voicecli.flow.scope import scoped

__all__ = ["Feed", "ReadAhead", "buffer_step", "byte_buffer_step", "str_buffer_step"]

T = TypeVar("T")


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


class ReadAhead(Feed[T]):
    """Reads `source` in a task of its own, from now on and at most `size` items ahead of its reader.

    An exception reaches the reader after the items before it. `aclose` stops the task and closes `source`.
    """

    def __init__(self, source: AsyncIterator[T], size: int = 64) -> None:
        super().__init__()
        self._size = size
        self._room = asyncio.Event()
        self._task = asyncio.create_task(self._read(source))
        self._task.add_done_callback(lambda _: self.close())

    async def _read(self, source: AsyncIterator[T]) -> None:
        async with scoped(source) as items:
            async for item in items:
                self.push(item)
                while len(self._waiting) >= self._size:
                    self._room.clear()
                    await self._room.wait()

    async def __anext__(self) -> T:
        try:
            item = await super().__anext__()
        except StopAsyncIteration:
            await self._task
            raise
        self._room.set()
        return item

    async def aclose(self) -> None:
        """Stop reading; what is waiting is dropped."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._waiting.clear()


@overload
def buffer_step(async_iter: AsyncIterator[T], join_func: None = None, *, size: int = SIZE) -> Branch[T]: ...
@overload
def buffer_step(
    async_iter: AsyncIterator[T], join_func: Callable[[list[T]], T], *, size: int = SIZE
) -> AsyncIterator[T]: ...
def buffer_step(
    async_iter: AsyncIterator[T], join_func: Callable[[list[T]], T] | None = None, *, size: int = SIZE
) -> AsyncIterator[T]:
    """Read at most `size` items ahead, from the first pull on; `join_func` makes one item of what waits."""
    channel: Channel[T] = Channel(size)
    (ahead,) = branched(lambda: pour(async_iter, channel), [channel], [async_iter])
    return ahead if join_func is None else _joined(ahead, join_func)


async def _joined(ahead: Branch[T], join: Callable[[list[T]], T]) -> AsyncIterator[T]:
    async with scoped(ahead):
        while waiting := await ahead.take():
            yield join(waiting)


def byte_buffer_step(async_iter: AsyncIterator[bytes], *, size: int = SIZE) -> AsyncIterator[bytes]:
    """Read ahead, and join the bytes that wait."""
    return buffer_step(async_iter, b"".join, size=size)


def str_buffer_step(async_iter: AsyncIterator[str], *, size: int = SIZE) -> AsyncIterator[str]:
    """Read ahead, and join the text that waits."""
    return buffer_step(async_iter, "".join, size=size)
