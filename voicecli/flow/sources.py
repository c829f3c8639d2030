"""Where streams begin: nothing, one item, a list, a queue, a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar, cast, overload

from voicecli.flow.awaitables import finish_in_thread, resolve_awaitable_or_obj
from voicecli.flow.channel import SIZE
from voicecli.flow.queues import EndOfStreamMarker, QueueAsyncIterator
from voicecli.flow.scope import scoped
from voicecli.flow.tasks import Interruption, watched

__all__ = [
    "SourceConvertable",
    "array_source",
    "binary_file_source",
    "empty_source",
    "none_source",
    "queue_source",
    "single_source",
    "text_file_source",
    "to_source",
]

T = TypeVar("T")

SourceConvertable: TypeAlias = Callable[[], AsyncIterator[T]] | AsyncIterable[T] | T | None

_READ_AT_ONCE = 1 << 16  # bytes


def empty_source() -> AsyncIterator[Any]:
    """No item."""
    return array_source(())


def none_source() -> AsyncIterator[None]:
    """One item, which is None."""
    return array_source((None,))


def single_source(item: T) -> AsyncIterator[T]:
    """One item."""
    return array_source((item,))


async def array_source(array: Iterable[T]) -> AsyncIterator[T]:
    """The items of a list or of any other iterable, one in each turn of the event loop.

    So a long list holds up nobody, and sources that are read together take turns.
    """
    for item in array:
        await asyncio.sleep(0)
        yield item


def to_source(x: SourceConvertable[T]) -> AsyncIterator[T]:
    """A stream as it is, the stream that a function gives, nothing for None, or else one item."""
    if x is None:
        return empty_source()
    if hasattr(x, "__aiter__"):
        return aiter(cast(AsyncIterable[T], x))
    if callable(x):
        return x()
    return single_source(x)


@overload
def queue_source(
    queue: None = None, cancel_event: asyncio.Event | None = None, *, size: int = SIZE
) -> QueueAsyncIterator[Any]: ...
@overload
def queue_source(
    queue: asyncio.Queue[Any] | Awaitable[asyncio.Queue[Any]],
    cancel_event: asyncio.Event | None = None,
    *,
    size: int = SIZE,
) -> AsyncIterator[Any]: ...
def queue_source(
    queue: asyncio.Queue[Any] | Awaitable[asyncio.Queue[Any]] | None = None,
    cancel_event: asyncio.Event | None = None,
    *,
    size: int = SIZE,
) -> AsyncIterator[Any]:
    """What comes out of a queue until EndOfStreamMarker, or until the event is set, even while waiting.

    Without a queue, an iterator with an async `put`, which waits while `size` items wait. A queue that is
    still to be made is awaited at the first pull.
    """
    if queue is None:
        return _until(QueueAsyncIterator(size), cancel_event)
    return _queued(queue, cancel_event)


def _until(fed: QueueAsyncIterator[T], event: asyncio.Event | None) -> QueueAsyncIterator[T]:
    if event is not None:
        raise ValueError("cancel_event needs a queue: one that is made here cannot be used again.")
    return fed


async def _queued(
    queue: asyncio.Queue[Any] | Awaitable[asyncio.Queue[Any]], event: asyncio.Event | None
) -> AsyncIterator[Any]:
    made = await resolve_awaitable_or_obj(queue)
    if event is None:
        while (item := await made.get()) is not EndOfStreamMarker:
            yield item
        return
    stop = Interruption()
    async with watched(event, stop):
        while not event.is_set():
            item = EndOfStreamMarker
            with stop:
                item = await made.get()
            if item is EndOfStreamMarker:
                return
            yield item


async def text_file_source(filename: str | PathLike[str]) -> AsyncIterator[str]:
    """The lines of a UTF-8 file without their ends. Raises OSError and UnicodeDecodeError."""

    def read(file: IO[str]) -> list[str]:
        return file.readlines(_READ_AT_ONCE)

    async with scoped(_pieces(partial(Path(filename).open, encoding="utf-8"), read)) as pieces:
        async for lines in pieces:
            for line in lines:
                yield line.removesuffix("\n")


async def binary_file_source(filename: str | PathLike[str], chunk_size: int = 4096) -> AsyncIterator[bytes]:
    """A file in chunks of `chunk_size` bytes, the last one shorter; all at once with 0. Raises OSError."""
    if chunk_size <= 0:
        whole = await asyncio.to_thread(Path(filename).read_bytes)
        if whole:
            yield whole
        return
    at_once = max(1, _READ_AT_ONCE // chunk_size) * chunk_size

    def read(file: IO[bytes]) -> bytes:
        return file.read(at_once)

    async with scoped(_pieces(partial(Path(filename).open, "rb"), read)) as pieces:
        async for block in pieces:
            for start in range(0, len(block), chunk_size):
                yield block[start : start + chunk_size]


async def _pieces(open_: Callable[[], Any], read: Callable[[Any], T]) -> AsyncIterator[T]:
    file = await finish_in_thread(open_)
    try:
        while piece := await finish_in_thread(read, file):
            yield piece
    finally:
        file.close()
