"""Async iterator steps: each takes an iterator, gives one back, and closes what it was given."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Literal, TypeVar, cast, overload

from voicecli.flow.awaitables import is_async, resolve_awaitable_or_obj
from voicecli.flow.scope import scoped
from voicecli.flow.sources import to_source
from voicecli.flow.tasks import Interruption, watched

__all__ = [
    "abort_step",
    "chunk_bytes_step",
    "collect_dict_step",
    "count_step",
    "delay_step",
    "filter_step",
    "flatten_step",
    "idle_timeout_step",
    "log_step",
    "map_step",
    "map_str_to_json_step",
    "min_size_bytes_step",
    "recover_exception_step",
    "timeout_step",
]

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound=BaseException)

_END: Any = object()  # compared by identity, as items may be arrays

_log = logging.getLogger("voicecli.streams")  # where flows have their names from


@overload
def map_step(
    async_iter: AsyncIterator[T],
    func: Callable[[T], Coroutine[Any, Any, U | None]],
    ignore_none: Literal[True],
) -> AsyncIterator[U]: ...
@overload
def map_step(
    async_iter: AsyncIterator[T],
    func: Callable[[T], Coroutine[Any, Any, U]],
    ignore_none: bool | None = False,
) -> AsyncIterator[U]: ...
@overload
def map_step(
    async_iter: AsyncIterator[T], func: Callable[[T], U | None], ignore_none: Literal[True]
) -> AsyncIterator[U]: ...
@overload
def map_step(
    async_iter: AsyncIterator[T], func: Callable[[T], U], ignore_none: bool | None = False
) -> AsyncIterator[U]: ...
async def map_step(
    async_iter: AsyncIterator[T], func: Callable[[T], Any], ignore_none: bool | None = False
) -> AsyncIterator[Any]:
    """`func` of every item; with `ignore_none` no item where that is None.

    `func` may be async. One that does not look so, as a lambda, is judged by what it returns first.
    """
    async with scoped(async_iter) as items:
        waits = is_async(func)
        if not waits:
            async for item in items:
                made = func(item)
                waits = inspect.iscoroutine(made)
                if waits:
                    made = await made
                if not ignore_none or made is not None:
                    yield made
                break
        if waits:
            async for item in items:
                made = await func(item)
                if not ignore_none or made is not None:
                    yield made
        elif ignore_none:
            async for item in items:
                made = func(item)
                if made is not None:
                    yield made
        else:
            async for item in items:
                yield func(item)


async def filter_step(
    async_iter: AsyncIterator[T], condition: Callable[[T], bool] | Callable[[T], Awaitable[bool]]
) -> AsyncIterator[T]:
    """The items for which `condition`, which may be async, is true."""
    async with scoped(async_iter) as items:
        waits = is_async(condition)
        if not waits:
            async for item in items:
                held: Any = condition(item)
                waits = inspect.iscoroutine(held)
                if await held if waits else held:
                    yield item
                break
        if waits:
            async for item in items:
                if await cast(Awaitable[bool], condition(item)):
                    yield item
        else:
            async for item in items:
                if condition(item):
                    yield item


async def flatten_step(async_iter: AsyncIterator[AsyncIterable[T] | Iterable[T]]) -> AsyncIterator[T]:
    """The items of every item, which is an async iterator of any kind or a plain iterable."""
    async with scoped(async_iter) as items:
        async for item in items:
            if hasattr(item, "__aiter__"):
                async with scoped(cast(AsyncIterable[T], item)) as inner:
                    async for part in inner:
                        yield part
            else:
                for part in item:
                    yield part


async def delay_step(async_iter: AsyncIterator[T], delay_secs: float) -> AsyncIterator[T]:
    """Every item, `delay_secs` seconds after it was pulled."""
    async with scoped(async_iter) as items:
        async for item in items:
            await asyncio.sleep(delay_secs)
            yield item


async def timeout_step(async_iter: AsyncIterator[T], timeout: float) -> AsyncIterator[T]:
    """Raise TimeoutError where the end has not come `timeout` seconds after the first pull."""
    deadline = asyncio.get_running_loop().time() + timeout
    async with scoped(async_iter) as items:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await anext(items, _END)
            except TimeoutError:
                if asyncio.get_running_loop().time() < deadline:
                    raise  # the source's own
                raise TimeoutError(f"The stream took longer than {timeout:g} seconds.") from None
            if item is _END:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"The stream took longer than {timeout:g} seconds.")
            yield item


async def idle_timeout_step(
    async_iter: AsyncIterator[T], seconds: float, error: Callable[[float], Exception]
) -> AsyncIterator[T]:
    """Raise `error(seconds)` when the next item takes longer than `seconds`; 0 waits for ever."""
    async with scoped(async_iter) as items:
        while True:
            try:
                async with asyncio.timeout(seconds or None):
                    item = await anext(items, _END)
            except TimeoutError:
                raise error(seconds) from None
            if item is _END:
                return
            yield item


async def log_step(
    async_iter: AsyncIterator[T],
    name: str,
    formatter: Callable[[T], Any] = lambda x: x,
    every_nth_message: int | None = None,
) -> AsyncIterator[T]:
    """Log "name: formatter(item)" of every item, or of the first and every nth after it."""
    every = max(1, every_nth_message or 1)
    number = 0
    async with scoped(async_iter) as items:
        async for item in items:
            if number % every == 0 and _log.isEnabledFor(logging.INFO):
                _log.info("%s: %s", name, formatter(item))
            number += 1
            yield item


async def count_step(async_iter: AsyncIterator[T], name: str) -> AsyncIterator[T]:
    """Log "name count: number of items" at the end, however it comes."""
    count = 0
    try:
        async with scoped(async_iter) as items:
            async for item in items:
                count += 1
                yield item
    finally:
        _log.info("%s count: %d", name, count)


async def abort_step(async_iter: AsyncIterator[T], event: asyncio.Event) -> AsyncIterator[T]:
    """The items until `event` is set; what is being waited for then does not come any more."""
    abort = Interruption()
    async with scoped(async_iter) as items, watched(event, abort):
        while not event.is_set():
            item = _END
            with abort:
                item = await anext(items, _END)
            if item is _END or event.is_set():
                return
            yield item


async def recover_exception_step(
    async_iter: AsyncIterator[T], exception_type: type[E], exception_handler: Callable[[E], Any]
) -> AsyncIterator[Any]:
    """Go on, after an exception of this type, with what the handler makes of it, then end.

    The handler, which may be async, returns a stream or a function that gives one, one item, or None for
    nothing more. Cancellation passes, whatever the type.
    """
    try:
        async with scoped(async_iter) as items:
            async for item in items:
                yield item
        return
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except exception_type as error:
        failure = error
    async with scoped(to_source(await resolve_awaitable_or_obj(exception_handler(failure)))) as instead:
        async for item in instead:
            yield item


async def chunk_bytes_step(
    async_iter: AsyncIterator[bytes], chunk_size: int | Awaitable[int]
) -> AsyncIterator[bytes]:
    """Every item in chunks of at most `chunk_size` bytes, which may be awaited, after the first item."""
    size: int | None = None
    async with scoped(async_iter) as items:
        async for item in items:
            if size is None:
                size = await resolve_awaitable_or_obj(chunk_size)
                if size < 1:
                    raise ValueError(f"A chunk has at least 1 byte, not {size}.")
            for start in range(0, len(item), size):
                yield item[start : start + size]


async def min_size_bytes_step(
    async_iter: AsyncIterator[bytes], min_size: int | Awaitable[int]
) -> AsyncIterator[bytes]:
    """Items joined until they have `min_size` bytes, which may be awaited; the last one may be shorter."""
    size: int | None = None
    waiting = bytearray()
    async with scoped(async_iter) as items:
        async for item in items:
            if size is None:
                size = await resolve_awaitable_or_obj(min_size)
            waiting += item
            if len(waiting) >= size:
                whole = bytes(waiting)
                waiting.clear()
                yield whole
    if waiting:
        yield bytes(waiting)


def map_str_to_json_step(async_iter: AsyncIterator[str]) -> AsyncIterator[Any]:
    """What every item is as JSON. Raises json.JSONDecodeError."""
    return map_step(async_iter, json.loads)


async def collect_dict_step(
    async_iter: AsyncIterator[Mapping[Any, Any] | None],
) -> AsyncIterator[dict[Any, Any]]:
    """Dictionaries joined until an empty item or the end; values of a key are added, or the last one kept."""
    collected: dict[Any, Any] = {}
    async with scoped(async_iter) as items:
        async for item in items:
            if item:
                for key, value in item.items():
                    collected[key] = _added(collected[key], value) if key in collected else value
            else:
                whole, collected = collected, {}
                yield whole
    if collected:
        yield collected


def _added(before: Any, value: Any) -> Any:
    try:
        return before + value
    except (TypeError, ValueError):  # ValueError: arrays of different shapes
        return value
