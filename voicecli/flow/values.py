"""Steps that hand a value of a stream, or something made with time, to what is built upon the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, TypeVar, overload

from voicecli.errors import NoValue
from voicecli.flow.awaitables import resolve_awaitable_or_obj, to_tuple
from voicecli.flow.channel import SIZE, UNREAD_TIMEOUT, Branch, Channel, branched, pour_all
from voicecli.flow.feeds import buffer_step
from voicecli.flow.scope import close, scoped

__all__ = ["async_init_step", "extract_value_step"]

T = TypeVar("T")
U = TypeVar("U")


def extract_value_step(
    async_iter: AsyncIterator[T],
    value: Callable[[T], U],
    condition: Callable[[T], bool] | None = None,
) -> tuple[AsyncIterator[T], asyncio.Future[U]]:
    """The same items, and a future of `value` of the first one for which `condition` is true.

    The future is always settled: a failure of the stream or of a function is its exception, too, and NoValue
    when the stream ends, or is closed, without such an item. To be called where an event loop runs.
    """
    future: asyncio.Future[U] = asyncio.get_running_loop().create_future()
    return _Watched(_extracting(async_iter, value, condition, future), async_iter, future), future


async def _extracting(
    source: AsyncIterator[T],
    value: Callable[[T], U],
    condition: Callable[[T], bool] | None,
    future: asyncio.Future[U],
) -> AsyncIterator[T]:
    try:
        async with scoped(source) as items:
            async for item in items:
                if not future.done() and (condition is None or condition(item)):
                    future.set_result(value(item))
                yield item
    except Exception as error:
        _settle(future, error)
        raise
    finally:
        _settle(future, NoValue("The stream ended without the value that was to be taken from it."))


def _settle(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever awaits the future is told; nobody else need be


class _Watched(AsyncIterator[T]):
    """A generator whose closing counts even before its first step."""

    def __init__(self, items: AsyncIterator[T], source: object, future: asyncio.Future[Any]) -> None:
        self._items = items
        self._source = source
        self._future = future

    def __anext__(self) -> Awaitable[T]:
        return self._items.__anext__()

    async def aclose(self) -> None:
        await close(self._items, self._source)
        _unread(self._future)

    def __del__(self) -> None:
        loop = self._future.get_loop()
        if not self._future.done() and not loop.is_closed():
            loop.call_soon_threadsafe(_unread, self._future)


def _unread(future: asyncio.Future[Any]) -> None:
    _settle(future, NoValue("The stream was closed before the value came that was to be taken from it."))


@overload
def async_init_step(
    async_iter: AsyncIterator[T], f: Callable[[AsyncIterator[T]], Awaitable[U]], num_outputs: Literal[0]
) -> Awaitable[U]: ...
@overload
def async_init_step(
    async_iter: AsyncIterator[T],
    f: Callable[[AsyncIterator[T]], Awaitable[AsyncIterator[U]]],
    num_outputs: Literal[1] = 1,
) -> Branch[U]: ...
@overload
def async_init_step(
    async_iter: AsyncIterator[T], f: Callable[[AsyncIterator[T]], Awaitable[Any]], num_outputs: int
) -> Any: ...  # a tuple of branches
def async_init_step(
    async_iter: AsyncIterator[T], f: Callable[[AsyncIterator[T]], Awaitable[Any]], num_outputs: int = 1
) -> Awaitable[Any] | Branch[Any] | tuple[Branch[Any], ...]:
    """The streams of a step that has to be awaited first: `f(items)` gives one, or `num_outputs` of them.

    At the first pull `f` is called, and the items are read ahead meanwhile, so that `f` may wait for a value
    of them. With no outputs `f` is a sink, and so is what comes of this: await it.
    """
    if num_outputs == 0:
        return _awaited(async_iter, f)
    channels: list[Channel[Any]] = [Channel(SIZE, UNREAD_TIMEOUT) for _ in range(num_outputs)]

    async def run() -> None:
        ahead = buffer_step(async_iter)
        ahead.start()
        async with scoped(ahead):
            outputs = to_tuple(await resolve_awaitable_or_obj(f(ahead)))
            wrong = f"num_outputs is {num_outputs}, but the function gave {len(outputs)} streams."
            await pour_all(outputs, channels, wrong)

    branches = branched(run, channels, [async_iter])
    return branches[0] if num_outputs == 1 else branches


async def _awaited(source: AsyncIterator[T], sink: Callable[[AsyncIterator[T]], Awaitable[U]]) -> U:
    ahead = buffer_step(source)
    ahead.start()
    async with scoped(ahead):
        return await resolve_awaitable_or_obj(sink(ahead))
