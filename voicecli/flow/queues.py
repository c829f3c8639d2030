"""Queues that carry a stream: its items, its end and its failure, between code that is no flow and a flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, Generic, TypeVar

from voicecli.flow.channel import SIZE, UNREAD_TIMEOUT, Channel
from voicecli.flow.scope import scoped

__all__ = ["EndOfStreamMarker", "QueueAsyncIterator", "QueueWithException"]

T = TypeVar("T")


class _Mark:
    """Stands for itself and equals nothing else."""

    def __repr__(self) -> str:
        return "EndOfStreamMarker"


EndOfStreamMarker: Final = _Mark()


class _Failure:
    """The place of an exception in a queue."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class QueueWithException(asyncio.Queue[Any]):
    """A queue that may hold one exception, raised by the `get` that comes to it."""

    exception: Exception | None = None  # waiting to be raised

    async def enqueue_iterator(
        self,
        async_iter: AsyncIterator[Any],
        include_end_of_stream: bool = True,
        propagate_exception: bool = True,
    ) -> None:
        """Put every item, then the end mark; an exception goes into the queue or is raised here."""
        try:
            async with scoped(async_iter) as items:
                async for item in items:
                    await self.put(item)
        except Exception as error:
            if not propagate_exception:
                raise
            await self.set_exception(error)
        else:
            if include_end_of_stream:
                await self.put(EndOfStreamMarker)

    async def set_exception(self, exception: Exception) -> None:
        """Put an exception behind what waits. Raises ValueError while another is on its way."""
        if self.exception is not None:
            raise ValueError("The queue already holds an exception that nobody has been told of.")
        self.exception = exception
        await self.put(_Failure(exception))

    def get_nowait(self) -> Any:
        """The next item, as `get` gives it, too. Raises the exception when that is next."""
        item = super().get_nowait()  # raised behind it, so that whoever waits to put is woken
        if isinstance(item, _Failure):
            self.exception = None
            raise item.error
        return item

    def discard(self) -> None:
        """Drop the next item, even if it is an exception."""
        if isinstance(super().get_nowait(), _Failure):
            self.exception = None


class QueueAsyncIterator(AsyncIterator[T], Generic[T]):
    """A stream with an async `put`, which waits while `size` items wait; EndOfStreamMarker ends it.

    What is put after the end, or after the reader has closed it, is dropped.
    """

    def __init__(self, size: int = SIZE, unread_timeout: float = UNREAD_TIMEOUT) -> None:
        self._channel: Channel[T] = Channel(size, unread_timeout)

    async def put(self, item: Any) -> None:
        """Append an item. Raises FlowStalled when the queue is full and nobody begins to read it."""
        channel = self._channel
        if item is EndOfStreamMarker:
            self._end()
            return
        while len(channel.items) >= channel.size and not channel.ended:
            await channel.room()
        if not channel.ended:
            channel.push(item)

    async def set_exception(self, exception: Exception) -> None:
        """End the stream with an exception behind what waits."""
        self._end(exception)

    def _end(self, exception: Exception | None = None) -> None:
        self._channel.end(exception)
        self._channel.give_room()

    async def __anext__(self) -> T:
        return await self._channel.pull()

    async def aclose(self) -> None:
        """Read no more."""
        self._channel.items.clear()
        self._end()
