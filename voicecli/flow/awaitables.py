"""What may be given as it is or as something to await: values, functions, sources."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

__all__ = [
    "AwaitableOrObj",
    "finish_in_thread",
    "is_async",
    "map_future",
    "resolve_awaitable_or_obj",
    "to_tuple",
]

T = TypeVar("T")
U = TypeVar("U")
P = ParamSpec("P")

AwaitableOrObj: TypeAlias = Awaitable[T] | T


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` gives something to await, as far as that shows without calling it."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


async def resolve_awaitable_or_obj(obj: Awaitable[T] | T) -> T:
    """The value itself, or what comes of awaiting it; a future is not cancelled with its reader."""
    if isinstance(obj, asyncio.Future):
        return cast(T, await asyncio.shield(obj))
    if inspect.isawaitable(obj):
        return cast(T, await obj)
    return obj


def map_future(f: asyncio.Future[T], func: Callable[[T], U]) -> asyncio.Future[U]:
    """A future of `func` of the result of `f`; an exception of either and a cancellation are passed on."""
    mapped: asyncio.Future[U] = f.get_loop().create_future()

    def settle(done: asyncio.Future[T]) -> None:
        if mapped.done():
            return
        if done.cancelled():
            mapped.cancel()
            return
        error = done.exception()
        if error is not None:
            mapped.set_exception(error)
            return
        try:
            mapped.set_result(func(done.result()))
        except Exception as failure:  # noqa: BLE001
            mapped.set_exception(failure)  # raised where the future is awaited

    f.add_done_callback(settle)
    return mapped


def to_tuple(outputs: AsyncIterator[Any] | Iterable[AsyncIterator[Any]]) -> tuple[AsyncIterator[Any], ...]:
    """What a function gave that may return one stream or several."""
    if isinstance(outputs, tuple | list):
        return tuple(outputs)
    return (cast(AsyncIterator[Any], outputs),)


async def finish_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run in a thread; a cancellation passes when the thread has done its work, so that files stay whole."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # the cancellation is what is told
        raise
