"""Where streams end, and what pulls them: nothing runs before one of these is awaited."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from io import BufferedWriter
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from voicecli.flow.awaitables import AwaitableOrObj, finish_in_thread, resolve_awaitable_or_obj
from voicecli.flow.feeds import buffer_step
from voicecli.flow.queues import EndOfStreamMarker, QueueWithException
from voicecli.flow.scope import scoped
from voicecli.flow.steps import map_step

__all__ = [
    "FilePath",
    "array_sink",
    "binary_file_sink",
    "empty_sink",
    "queue_sink",
    "text_file_sink",
    "write_file",
]

FilePath: TypeAlias = str | os.PathLike[str]

T = TypeVar("T")

_WRITE_AT_ONCE = 1 << 16  # bytes


async def empty_sink(async_iter: AsyncIterator[Any]) -> None:
    """Pull everything and keep nothing."""
    async with scoped(async_iter) as items:
        async for _ in items:
            pass


async def array_sink(async_iter: AsyncIterator[T]) -> list[T]:
    """All items, as a list."""
    async with scoped(async_iter) as items:
        return [item async for item in items]


async def queue_sink(
    async_iter: AsyncIterator[Any],
    queue: asyncio.Queue[Any] | Awaitable[asyncio.Queue[Any]] | None = None,
    end_of_stream: Any = EndOfStreamMarker,
    send_end_of_stream: bool = True,
    propagate_exceptions: bool = True,
) -> asyncio.Queue[Any]:
    """Put every item into a queue, then the end mark, which comes whatever happens; returns the queue.

    An exception goes into a queue that has `set_exception`, as the one that is made here when none is given,
    and is raised here otherwise. A queue that is still to be made is awaited at the first item. When
    cancelled, the mark takes the place of the oldest item if the queue is full.
    """
    made: asyncio.Queue[Any] | None
    made = QueueWithException() if queue is None else None if isinstance(queue, Awaitable) else queue
    failure: Exception | None = None
    asked = False
    try:
        try:
            async with scoped(async_iter) as items:
                async for item in items:
                    if made is None:
                        asked = True
                        made = await _queue(queue)
                    await made.put(item)
        except Exception as error:
            if made is None and asked:
                raise  # it is the queue that could not be made
            failure = error
        if made is None:
            made = await _queue(queue)
        if failure is not None and propagate_exceptions and hasattr(made, "set_exception"):
            await made.set_exception(failure)
            failure = None
        if send_end_of_stream:
            await made.put(end_of_stream)
    except asyncio.CancelledError:
        if made is not None and send_end_of_stream:
            _put_at_once(made, end_of_stream)
        raise
    if failure is not None:
        raise failure
    return made


async def _queue(queue: asyncio.Queue[Any] | Awaitable[asyncio.Queue[Any]] | None) -> asyncio.Queue[Any]:
    return await resolve_awaitable_or_obj(cast(Awaitable[asyncio.Queue[Any]], queue))


def _put_at_once(queue: asyncio.Queue[Any], mark: Any) -> None:
    if queue.full():
        queue.discard() if isinstance(queue, QueueWithException) else queue.get_nowait()
    queue.put_nowait(mark)


async def text_file_sink(async_iter: AsyncIterator[Any], filename: AwaitableOrObj[FilePath]) -> None:
    """Write every item as a line of a UTF-8 file; an empty stream makes an empty file. Raises OSError.

    A name that is still to be found is awaited after the first item, while the stream is read ahead.
    """
    await binary_file_sink(map_step(async_iter, lambda item: f"{item}\n".encode()), filename)


async def binary_file_sink(async_iter: AsyncIterator[bytes], filename: AwaitableOrObj[FilePath]) -> None:
    """Write every chunk to a file; an empty stream makes an empty file. Raises OSError.

    A name that is still to be found is awaited after the first chunk, while the stream is read ahead.
    """
    if isinstance(filename, Awaitable):
        async_iter = buffer_step(async_iter)  # the name may come of an item behind the first one
    await write_file(async_iter, filename, lambda path: path.open("wb"), BufferedWriter.write)


class _Closable(Protocol):
    def close(self) -> None: ...


F = TypeVar("F", bound=_Closable)


async def write_file(
    source: AsyncIterator[bytes],
    filename: AwaitableOrObj[FilePath],
    open_: Callable[[Path], F],
    write: Callable[[F, bytearray], object],
    *,
    at_once: int = _WRITE_AT_ONCE,
    rest: Callable[[], bytes] = bytes,
) -> None:
    """Write bytes, `at_once` of them together, to a file that is opened for the first; behind them `rest`.

    What came before a failure of the stream is kept. All that waits for the disk does so in threads.
    """
    file: F | None = None
    waiting = bytearray()

    async def opened() -> F:
        return await finish_in_thread(open_, Path(await resolve_awaitable_or_obj(filename)))

    def finish(file: F, last: bytearray) -> None:
        with closing(file):
            if last:
                write(file, last)

    try:
        async with scoped(source) as items:
            async for data in items:
                file = file or await opened()
                waiting += data
                if len(waiting) >= at_once:
                    part, waiting = waiting, bytearray()
                    await finish_in_thread(write, file, part)
        file = file or await opened()
    finally:
        if file is not None:
            await finish_in_thread(finish, file, waiting + rest())
