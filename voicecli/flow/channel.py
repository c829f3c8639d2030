"""A bounded queue between a task that writes and a branch that reads, and the task itself.

Items are handed over in batches: the writer runs on until the queue is full, the reader until it is empty,
and only then does one wake the other. The end is a state of the channel, never an item in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

from voicecli.errors import FlowStalled
from voicecli.flow.scope import close, scoped
from voicecli.flow.tasks import failure_of, leaving, together

__all__ = [
    "SIZE",
    "UNREAD_TIMEOUT",
    "Branch",
    "Channel",
    "Origin",
    "Trunk",
    "branched",
    "pour",
    "pour_all",
]

T = TypeVar("T")

SIZE = 64  # items that may wait in a branch
UNREAD_TIMEOUT = 10.0  # seconds that a full branch waits for its first reader

_log = logging.getLogger(__name__)


class Channel(Generic[T]):
    """At most `size` items on their way, for any number of writers and one reader."""

    def __init__(self, size: int = SIZE, unread_timeout: float = UNREAD_TIMEOUT) -> None:
        if size < 1:
            raise ValueError(f"A branch needs room for one item at least, not {size}.")
        self.items: deque[T] = deque()
        self.size = size
        self.half = size // 2  # writers that wait go on here, so that they and the reader take turns rarely
        self.timeout = unread_timeout
        self.reader: asyncio.Future[None] | None = None
        self.read = False  # whether anybody has begun to read
        self.ended = False
        self.failure: BaseException | None = None  # what ended it
        self._untold: BaseException | None = None  # the same, until it was raised
        self.writers: list[asyncio.Future[None]] = []
        self._told = False

    def push(self, item: T) -> None:
        """Append without waiting; whoever pushes more than one awaits `room` in between."""
        self.items.append(item)
        if self.reader is not None:
            self.wake()

    def wake(self) -> None:
        """Let the reader go on."""
        reader, self.reader = self.reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come; `error` is raised behind the items that wait. Only the first end counts.

        Writers that wait go on waiting: who ends the channel cancels them, once, and not while they clean up.
        """
        if not self.ended:
            self.ended, self.failure, self._untold = True, error, error
            self.wake()

    async def room(self) -> None:
        """Wait until half of the queue is free. Raises FlowStalled when nobody begins to read in time.

        All writers that wait are let go on at once, so each may push only its share of that half.
        """
        if self.ended:
            await asyncio.sleep(0)  # a writer that is to be cancelled
        while len(self.items) > self.half and not self.ended:
            free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.writers.append(free)
            waiting = len(self.items)
            try:
                async with asyncio.timeout(None if self._told else self.timeout):
                    await free
                return
            except TimeoutError:
                if len(self.items) == waiting:
                    self._stalled()
            finally:
                if free in self.writers:
                    self.writers.remove(free)

    def _stalled(self) -> None:
        if not self.read:
            raise FlowStalled(
                f"A branch of a flow holds {len(self.items)} items and nobody has begun to read it "
                f"for {self.timeout:g} seconds.",
                "Await all sinks of a flow together, with asyncio.gather; empty_sink needs no result.",
            ) from None
        _log.warning("A branch of a flow has been full for %g seconds; its source waits.", self.timeout)
        self._told = True

    def give_room(self) -> None:
        """Let the writers go on."""
        for free in self.writers:
            if not free.done():
                free.set_result(None)
        self.writers.clear()

    async def pull(self) -> T:
        """The next item. Raises StopAsyncIteration at the end, or the error that ended it, once."""
        self.read = True
        items = self.items
        while not items:
            if self.ended:
                error, self._untold = self._untold, None
                raise StopAsyncIteration if error is None else error
            if self.reader is not None:
                raise RuntimeError("Two tasks read one branch of a flow; fork_step makes a branch for each.")
            arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.reader = arrived
            try:
                await arrived
            finally:
                if self.reader is arrived:
                    self.reader = None
        item = items.popleft()
        if self.writers and len(items) <= self.half:
            self.give_room()
        return item


class Origin(Protocol):
    """What a branch grows from."""

    def start(self) -> None:
        """Somebody reads."""

    async def close(self) -> None:
        """Stop for all branches, and close what is read from."""

    def abandon(self) -> None:
        """A branch that was being read is no more; from any thread."""


class Branch(AsyncIterator[T]):
    """One output of a step that has a task: starts it at the first pull, ends it with `aclose`.

    A pull that is cancelled loses nothing. `aclose` drops what waits here and ends the other branches of the
    step behind what waits there.
    """

    __slots__ = ("__weakref__", "_channel", "_origin")

    def __init__(self, channel: Channel[T], origin: Origin) -> None:
        self._channel = channel
        self._origin = origin

    def start(self) -> None:
        """Read ahead from now on, not only from the first pull."""
        self._channel.read = True
        self._origin.start()

    @property
    def failure(self) -> BaseException | None:
        """What ended the branch, as soon as it has, None when nothing did."""
        return self._channel.failure

    async def __anext__(self) -> T:
        channel = self._channel
        if not channel.read:
            self.start()
        items = channel.items
        if not items:
            return await channel.pull()
        item = items.popleft()
        if channel.writers and len(items) <= channel.half:
            channel.give_room()
        return item

    async def take(self) -> list[T]:
        """Everything that waits, at least one item; empty at the end."""
        try:
            taken = [await anext(self)]
        except StopAsyncIteration:
            return []
        taken.extend(self._channel.items)
        self._channel.items.clear()
        self._channel.give_room()
        return taken

    async def aclose(self) -> None:
        """Read no more."""
        self._channel.items.clear()
        self._channel.end()
        try:
            await self._origin.close()
        finally:
            self._channel.items.clear()  # what was on its way

    def __del__(self) -> None:
        if self._channel.read and not self._channel.ended:
            self._origin.abandon()


class Trunk:
    """Runs `run` in a task from the first pull to its end, its failure or the first closing of a branch.

    A failure is raised in every branch that is open, behind the items before it.
    """

    def __init__(
        self,
        run: Callable[[], Coroutine[Any, Any, None]],
        channels: Sequence[Channel[Any]],
        sources: Sequence[object],
    ) -> None:
        self._run = run
        self._channels = channels
        self._sources = sources
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to read the sources; once."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="flow")
            self._task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        for channel in self._channels:
            channel.end(error)  # a branch that was closed has ended already

    async def close(self) -> None:
        """End all branches, stop the task and close the sources. Raises what they raise on closing."""
        for channel in self._channels:
            channel.end()
        task, closed, self._closed = self._task, self._closed, True
        if task is None:
            if not closed:
                await close(*self._sources)
        elif not task.done() and task is not asyncio.current_task():
            if not closed:
                task.cancel()
            await asyncio.wait([task])
            await close(*self._sources)  # a task that is cancelled before its first step has closed nothing
            if not closed and (error := failure_of(task)) is not None:
                raise error

    def abandon(self) -> None:
        """Stop without waiting."""
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.get_loop().call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        if self._task is not None and not self._closed:
            self._closed = True
            for channel in self._channels:
                channel.end()
            self._task.cancel()


def branched(
    run: Callable[[], Coroutine[Any, Any, None]], channels: Sequence[Channel[T]], sources: Sequence[object]
) -> tuple[Branch[T], ...]:
    """The outputs of a step that has a task: `run` reads `sources` and writes `channels`."""
    trunk = Trunk(run, channels, sources)
    return tuple(Branch(channel, trunk) for channel in channels)


async def pour_all(
    outputs: Sequence[AsyncIterator[T]], channels: Sequence[Channel[T]], otherwise: str
) -> None:
    """Write every stream to its channel, and close them; where they are not as many, a ValueError says so."""
    try:
        if len(outputs) != len(channels):
            raise ValueError(otherwise)
        await together(*map(pour, outputs, channels))
    finally:
        await close(*outputs)  # those whose task was cancelled before its first step


async def pour(source: AsyncIterator[T], channel: Channel[T], writers: int = 1) -> None:
    """Write a stream to a channel, as one of `writers` that have equal shares of it."""
    share = max(1, (channel.size - channel.half) // writers)
    append, left = channel.items.append, share
    async with scoped(source) as items:
        async for item in items:
            append(item)
            if channel.reader is not None:
                channel.wake()
            left -= 1
            if not left:
                if writers > 1 and len(channel.items) <= channel.half:
                    await asyncio.sleep(0)  # the others' turn
                else:
                    await channel.room()
                if leaving():
                    return
                left = share
