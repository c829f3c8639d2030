"""The step that builds its stream anew after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar, overload

from voicecli.flow.awaitables import resolve_awaitable_or_obj, to_tuple
from voicecli.flow.channel import SIZE, UNREAD_TIMEOUT, Branch, Channel, branched, pour_all
from voicecli.flow.feeds import buffer_step
from voicecli.flow.scope import scoped
from voicecli.flow.sources import to_source

__all__ = ["exception_handling_substream"]

T = TypeVar("T")
U = TypeVar("U")

RESTART_DELAY = 1.0  # seconds, so that what fails at once does not fail all the time

_log = logging.getLogger(__name__)


class _Unclosed(AsyncIterator[T]):
    """A stream for one substream after the other: closing it closes nothing."""

    def __init__(self, source: Branch[T]) -> None:
        self._source = source
        self._next: list[T] = []
        self.taken = 0  # items that the substream of now was given

    async def ended(self) -> bool:
        """Whether nothing more comes, which may take until something comes."""
        self._next = self._next or await self._source.take()
        return not self._next

    async def __anext__(self) -> T:
        item = self._next.pop(0) if self._next else await anext(self._source)
        self.taken += 1
        return item


@overload
def exception_handling_substream(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], AsyncIterator[U]],
    exception_handler: Callable[[Exception], Sequence[Any] | Awaitable[Sequence[Any]] | None],
    num_outputs: Literal[1] = 1,
    max_exceptions: int | None = None,
    *,
    restart_delay: float = RESTART_DELAY,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> Branch[U]: ...
@overload
def exception_handling_substream(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], Sequence[AsyncIterator[Any]]],
    exception_handler: Callable[[Exception], Sequence[Any] | Awaitable[Sequence[Any]] | None],
    num_outputs: int,
    max_exceptions: int | None = None,
    *,
    restart_delay: float = RESTART_DELAY,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[Branch[Any], ...]: ...
def exception_handling_substream(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], Any],
    exception_handler: Callable[[Exception], Any],
    num_outputs: int = 1,
    max_exceptions: int | None = None,
    *,
    restart_delay: float = RESTART_DELAY,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> Any:
    """The items of `substream_func(items)`; after an exception in it, of a new one for the items that follow.

    In between come the messages that the handler, which may be async, gives for the exception: one for each
    output, an item, a stream, a function that gives one, or None; then `restart_delay` seconds pass. One more
    than `max_exceptions` is raised in every output behind its message. An exception of `async_iter` itself is
    raised at once. A new substream is built when its first item is there; one that ends without having pulled
    any ends it all.
    """
    channels: list[Channel[Any]] = [Channel(SIZE, unread_timeout) for _ in range(num_outputs)]

    async def play(outputs: Sequence[AsyncIterator[Any]], given: str) -> None:
        await pour_all(outputs, channels, f"num_outputs is {num_outputs}, but {given} gave {len(outputs)}.")

    async def run() -> None:
        ahead = buffer_step(async_iter, size=1)
        failures = 0
        async with scoped(ahead):
            items = _Unclosed(ahead)
            while True:
                items.taken = 0
                try:
                    await play(to_tuple(substream_func(items)), "the function")
                except Exception as error:
                    if error is ahead.failure:
                        raise
                    failures += 1
                    _log.warning("A substream failed.", exc_info=error)
                    messages = await resolve_awaitable_or_obj(exception_handler(error))
                    if messages is None:
                        messages = [None] * num_outputs
                    await play([to_source(message) for message in messages], "the exception handler")
                    if max_exceptions is not None and failures > max_exceptions:
                        raise
                    await asyncio.sleep(restart_delay)
                else:
                    if not items.taken:
                        return
                if await items.ended():
                    return

    branches = branched(run, channels, [async_iter])
    return branches[0] if num_outputs == 1 else branches
