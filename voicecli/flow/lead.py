"""A fork whose first branch pulls: the source runs in the task of that branch's reader, an item at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Any, Generic, TypeVar

from voicecli.errors import FlowStalled
from voicecli.flow.channel import Channel
from voicecli.flow.scope import close, scoped
from voicecli.flow.tasks import Interruption

__all__ = ["Lead", "Leader"]

T = TypeVar("T")

_END: Any = object()  # compared by identity, as items may be arrays


class Lead(Generic[T]):
    """Pulls the source for the first branch and writes the channel of the second, whose origin it is."""

    def __init__(self, source: AsyncIterator[T], channel: Channel[T]) -> None:
        self._source = source
        self._channel = channel
        self._closing = Interruption()
        self._done = asyncio.Event()
        self._running = False  # whether a pull is under way
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: FlowStalled | None = None
        self.items = self._lead()

    async def _lead(self) -> AsyncGenerator[T, None]:
        channel, closing = self._channel, self._closing
        if self._patience is not None:
            self._patience.cancel()
        self._loop = asyncio.get_running_loop()
        try:
            if self._stalled is not None:
                raise self._stalled
            async with scoped(self._source) as items:
                while True:
                    item = _END
                    self._running = True
                    with closing:
                        if len(channel.items) >= channel.size:
                            await channel.room()
                        item = await anext(items, _END)
                    if item is _END or closing.fired:
                        return
                    channel.push(item)
                    self._running = False
                    yield item
        except Exception as error:
            channel.end(error)
            raise
        finally:
            channel.end()
            self._running = False
            self._done.set()

    def start(self) -> None:
        """The second branch is read: somebody has to read the first one, too."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._patience = self._loop.call_later(self._channel.timeout, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        self._stalled = FlowStalled(
            f"Nobody has begun to read the first branch of a fork for {self._channel.timeout:g} seconds, and "
            "the second one is given what the first one pulls.",
            "Await all sinks of a flow together, with asyncio.gather, or fork with pull_from_all=True.",
        )
        self._channel.end(self._stalled)

    async def close(self) -> None:
        """Close the source, and end both branches, even while the first one waits."""
        if self._patience is not None:
            self._patience.cancel()
        self._channel.end()
        if self._running:
            own = self._closing.task is asyncio.current_task()  # the source closes what it feeds
            self._closing.fire()
            if not own:
                await self._done.wait()
        elif self.closed:
            await self._done.wait()
        else:
            self.closed = self._stalled is None  # after a stall the first branch is left to raise it
            try:
                await close(*([self.items, self._source] if self.closed else [self._source]))
            finally:
                self._done.set()

    async def ended(self) -> T:
        """A pull after the closing began, which ends with it."""
        await self._done.wait()
        raise StopAsyncIteration

    def abandon(self) -> None:
        """Close without waiting."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close_soon)

    def _close_soon(self) -> None:
        if not self._done.is_set() and self._loop is not None:
            self._closer = self._loop.create_task(self.close(), name="flow")


class Leader(AsyncIterator[T]):
    """The first branch of a fork that pulls an item when it is asked for one."""

    __slots__ = ("__weakref__", "_items", "_lead", "_read")

    def __init__(self, lead: Lead[T]) -> None:
        self._lead = lead
        self._items = lead.items
        self._read = False

    def __anext__(self) -> Awaitable[T]:
        self._read = True
        return self._lead.ended() if self._lead.closed else anext(self._items)

    async def aclose(self) -> None:
        """Read no more."""
        await self._lead.close()

    def __del__(self) -> None:
        if self._read:
            self._lead.abandon()
