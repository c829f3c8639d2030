"""Steps with several inputs or several outputs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from voicecli.errors import FlowStalled
from voicecli.flow.awaitables import is_async
from voicecli.flow.channel import SIZE, UNREAD_TIMEOUT, Branch, Channel, branched, pour
from voicecli.flow.scope import close, scoped
from voicecli.flow.tasks import Interruption, leaving, together

__all__ = ["concat_step", "fork_step", "merge_as_dict_step", "merge_step", "partition_step"]

T = TypeVar("T")

_END: Any = object()  # compared by identity, as items may be arrays


def fork_step(
    async_iter: AsyncIterator[T],
    pull_from_all: bool = False,
    *,
    size: int = SIZE,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[AsyncIterator[T], AsyncIterator[T]]:
    """Two streams of the same items.

    Without `pull_from_all` an item is pulled when the first stream asks for one, and the second is given it
    too. With it, the source is read up to `size` items ahead of the slower of the two. A full branch that
    nobody has begun to read after `unread_timeout` seconds raises FlowStalled.
    """
    right: Channel[T] = Channel(size, unread_timeout)
    if not pull_from_all:
        lead = _Lead(async_iter, right)
        return _Leader(lead), Branch(right, lead)
    left: Channel[T] = Channel(size, unread_timeout)
    first, second = branched(lambda: _copy(async_iter, left, right), [left, right], [async_iter])
    return first, second


class _Lead(Generic[T]):
    """Pulls the source in the task of the first branch's reader, and writes the channel of the second."""

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


class _Leader(AsyncIterator[T]):
    """The first branch of a fork that pulls an item when it is asked for one."""

    __slots__ = ("__weakref__", "_items", "_lead", "_read")

    def __init__(self, lead: _Lead[T]) -> None:
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


async def _copy(source: AsyncIterator[T], left: Channel[T], right: Channel[T]) -> None:
    first, second = left.items, right.items
    size = left.size
    async with scoped(source) as items:
        async for item in items:
            first.append(item)
            second.append(item)
            if left.reader is not None:
                left.wake()
            if right.reader is not None:
                right.wake()
            if len(first) >= size or len(second) >= size:
                if len(first) >= size:
                    await left.room()
                if len(second) >= size:
                    await right.room()
                if leaving():
                    return


def partition_step(
    async_iter: AsyncIterator[T],
    condition: Callable[[T], bool] | Callable[[T], Awaitable[bool]],
    *,
    size: int = SIZE,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[Branch[T], Branch[T]]:
    """The items for which `condition`, which may be async, is true, and the others.

    The source is read until one of the two holds `size` items; see `fork_step` for one that nobody reads.
    """
    held: Channel[T] = Channel(size, unread_timeout)
    others: Channel[T] = Channel(size, unread_timeout)
    parts = branched(lambda: _part(async_iter, condition, held, others), [held, others], [async_iter])
    return parts[0], parts[1]


async def _part(
    source: AsyncIterator[T], condition: Callable[[T], Any], held: Channel[T], others: Channel[T]
) -> None:
    waits = is_async(condition)
    async with scoped(source) as items:
        async for item in items:
            true = condition(item)
            if waits or inspect.iscoroutine(true):
                waits = True
                true = await true
            channel = held if true else others
            channel.items.append(item)
            if channel.reader is not None:
                channel.wake()
            if len(channel.items) >= channel.size:
                await channel.room()
                if leaving():
                    return


def merge_step(*async_iters: AsyncIterator[T], size: int = SIZE) -> Branch[T]:
    """The items of all streams as they come; at most `size` of them wait, in equal shares."""
    channel: Channel[T] = Channel(max(size, 2 * len(async_iters)))
    writers = len(async_iters)
    (merged,) = branched(
        lambda: together(*(pour(source, channel, writers) for source in async_iters)), [channel], async_iters
    )
    return merged


def merge_as_dict_step(dict_iters: Mapping[Any, AsyncIterator[Any]]) -> AsyncIterator[dict[Any, Any]]:
    """For every item of the first stream a dictionary of it and of the latest item of each of the others.

    The others are read as fast as they come. Raises ValueError when there is no stream.
    """
    if not dict_iters:
        raise ValueError("merge_as_dict_step needs at least one stream.")
    return _merged(dict(dict_iters))


async def _merged(streams: dict[Any, AsyncIterator[Any]]) -> AsyncIterator[dict[Any, Any]]:
    first, *others = streams
    latest: dict[Any, Any] = {}
    failing = Interruption()

    keepers = [asyncio.create_task(_keep(latest, key, streams[key]), name="flow") for key in others]
    for keeper in keepers:
        failing.fire_after(keeper)
    try:
        async with scoped(streams[first]) as items:
            while True:
                item = _END
                with failing:
                    item = await anext(items, _END)
                if failing.fired:
                    for keeper in keepers:
                        if keeper.done():
                            keeper.result()
                if item is _END:
                    return
                yield {first: item, **latest}
                with failing:
                    await asyncio.sleep(0)  # the others have their turn, too, where nobody ever waits
    finally:
        for keeper in keepers:
            keeper.cancel()
        if keepers:
            await asyncio.wait(keepers)
        await close(*streams.values())


async def _keep(latest: dict[Any, Any], key: Any, source: AsyncIterator[Any]) -> None:
    async with scoped(source) as items:
        async for item in items:
            latest[key] = item
            await asyncio.sleep(0)


async def concat_step(*async_iters: AsyncIterator[T]) -> AsyncIterator[T]:
    """The items of one stream after those of the other."""
    try:
        for source in async_iters:
            async with scoped(source) as items:
                async for item in items:
                    yield item
    finally:
        await close(*async_iters)
