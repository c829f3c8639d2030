"""Steps that build streams while they run: for each item, or until they are interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar, overload

from voicecli.flow.awaitables import to_tuple
from voicecli.flow.branches import concat_step
from voicecli.flow.channel import UNREAD_TIMEOUT, Branch, Channel, branched, pour_all
from voicecli.flow.feeds import Feed
from voicecli.flow.scope import close, scoped
from voicecli.flow.sources import single_source, to_source
from voicecli.flow.tasks import Interruption, stopped

__all__ = [
    "cancelable_substream_step",
    "interruptable_substream_step",
    "substream_on_dict_key_step",
    "substream_step",
]

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")

_END: Any = object()  # compared by identity, as items may be arrays


async def substream_step(
    async_iter: AsyncIterator[T], substream_func: Callable[[AsyncIterator[T]], AsyncIterator[U]]
) -> AsyncIterator[U]:
    """The items of `substream_func(stream of one item)`, for one item after the other."""
    async with scoped(async_iter) as items:
        async for item in items:
            async with scoped(substream_func(single_source(item))) as made:
                async for part in made:
                    yield part


async def substream_on_dict_key_step(
    async_iter: AsyncIterator[dict[Any, Any]],
    key: Any,
    substream_func: Callable[[AsyncIterator[Any]], AsyncIterator[Any]],
) -> AsyncIterator[dict[Any, Any]]:
    """Every dictionary with the value of `key` replaced, once for each item of the value's substream.

    Each value has a substream of its own, so that one that reads ahead cannot mix up the dictionaries.
    """
    async with scoped(async_iter) as items:
        async for item in items:
            async with scoped(substream_func(single_source(item[key]))) as made:
                async for part in made:
                    yield {**item, key: part}


class _Stage:
    """Plays one substream at a time into channels of one item, so that what plays is what is being read."""

    def __init__(
        self,
        substream_func: Callable[[AsyncIterator[Any]], Any],
        cancel_messages: Sequence[Any] | None,
        unread_timeout: float,
    ) -> None:
        self._substream_func = substream_func
        self._first: Feed[Any] | None = Feed()  # only a substream shows how many streams it makes
        self._prepared = to_tuple(substream_func(self._first))
        self.channels: list[Channel[Any]] = [Channel(1, unread_timeout) for _ in self._prepared]
        if cancel_messages and len(cancel_messages) != len(self.channels):
            raise ValueError(
                f"There are {len(cancel_messages)} cancel messages for the {len(self.channels)} streams "
                "that the function gives."
            )
        self._messages = cancel_messages or [None] * len(self.channels)

    def outputs(self, item: Any) -> tuple[AsyncIterator[Any], ...]:
        """The streams of the substream of an item."""
        if self._first is not None:
            self._first.push(item)
            self._first.close()
            self._first = None
            return self._prepared
        return to_tuple(self._substream_func(single_source(item)))

    async def play(self, outputs: Sequence[AsyncIterator[Any]]) -> None:
        """Until all of it was read."""
        wrong = f"The function gave {len(self.channels)} streams before, and {len(outputs)} now."
        await pour_all(outputs, self.channels, wrong)

    def messages(self) -> tuple[AsyncIterator[Any], ...]:
        """What tells the readers that a substream was cancelled."""
        return tuple(to_source(message) for message in self._messages)

    def discard(self) -> None:
        """Drop what a cancelled substream has left unread."""
        for channel in self.channels:
            channel.items.clear()

    async def aclose(self) -> None:
        """Close the prepared substream when no item came for it."""
        if self._first is not None:
            self._first = None
            await close(*self._prepared)

    def branches(self, run: Callable[[], Coroutine[Any, Any, None]], *sources: object) -> Any:
        """One branch, or a tuple of them."""
        branches = branched(run, self.channels, [*sources, self])
        return branches[0] if len(branches) == 1 else branches


@overload
def interruptable_substream_step(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], AsyncIterator[U]],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> Branch[U]: ...
@overload
def interruptable_substream_step(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], tuple[AsyncIterator[U], AsyncIterator[V]]],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[Branch[U], Branch[V]]: ...
@overload
def interruptable_substream_step(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], Sequence[AsyncIterator[Any]]],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[Branch[Any], ...]: ...
def interruptable_substream_step(
    async_iter: AsyncIterator[T],
    substream_func: Callable[[AsyncIterator[T]], Any],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> Any:
    """The items of `substream_func(stream of one item)`, until the next item cuts it short.

    What is cut short is closed, what of it nobody has read yet is dropped, and then comes the cancel message
    of each output, if there is one: an item, a stream, or better a function that gives a new one each time.
    The substream of the last item runs to its end. `substream_func` gives one stream or a tuple of them, and
    so does this; it is called once without an item to find out how many.
    """
    stage = _Stage(substream_func, cancel_messages, unread_timeout)

    async def play(item: T, cut: bool) -> None:
        outputs = stage.outputs(item)
        if cut:
            told = stage.messages()
            outputs = tuple(concat_step(*both) for both in zip(told, outputs, strict=True))
        await stage.play(outputs)

    async def run() -> None:
        failing = Interruption()
        playing: asyncio.Task[None] | None = None
        try:
            async with scoped(async_iter) as items:
                while not failing.fired:
                    item = _END
                    with failing:
                        item = await anext(items, _END)
                    if item is _END:
                        break
                    cut = playing is not None and await stopped(playing)
                    if cut:
                        stage.discard()
                    playing = asyncio.create_task(play(item, cut), name="flow")
                    failing.fire_after(playing)
                if playing is not None:
                    await playing
        finally:
            if playing is not None:
                await stopped(playing)
            await stage.aclose()

    return stage.branches(run, async_iter)


@overload
def cancelable_substream_step(
    async_iter: AsyncIterator[T],
    cancel_iter: AsyncIterator[Any],
    substream_func: Callable[[AsyncIterator[T]], AsyncIterator[U]],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> Branch[U]: ...
@overload
def cancelable_substream_step(
    async_iter: AsyncIterator[T],
    cancel_iter: AsyncIterator[Any],
    substream_func: Callable[[AsyncIterator[T]], tuple[AsyncIterator[U], AsyncIterator[V]]],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[Branch[U], Branch[V]]: ...
@overload
def cancelable_substream_step(
    async_iter: AsyncIterator[T],
    cancel_iter: AsyncIterator[Any],
    substream_func: Callable[[AsyncIterator[T]], Sequence[AsyncIterator[Any]]],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> tuple[Branch[Any], ...]: ...
def cancelable_substream_step(
    async_iter: AsyncIterator[T],
    cancel_iter: AsyncIterator[Any],
    substream_func: Callable[[AsyncIterator[T]], Any],
    cancel_messages: Sequence[Any] | None = None,
    *,
    unread_timeout: float = UNREAD_TIMEOUT,
) -> Any:
    """The items of `substream_func(stream of one item)`, which any item of `cancel_iter` cuts short.

    The next item is pulled when the substream before it has been read to its end or was cancelled. A cancel
    that comes while nothing is played does nothing. Otherwise as `interruptable_substream_step`.
    """
    stage = _Stage(substream_func, cancel_messages, unread_timeout)
    playing: asyncio.Task[None] | None = None
    cut = False

    async def cancel() -> None:
        nonlocal cut
        async with scoped(cancel_iter) as cancels:
            async for _ in cancels:
                if playing is not None and not playing.done():
                    cut = playing.cancel()
                    stage.discard()

    async def play(items: AsyncIterator[T]) -> None:
        nonlocal playing, cut
        async for item in items:
            cut = False
            playing = asyncio.create_task(stage.play(stage.outputs(item)), name="flow")
            try:
                await asyncio.wait([playing])
            finally:
                await stopped(playing)
            if cut:
                stage.discard()
                await stage.play(stage.messages())
            elif playing.cancelled():
                raise asyncio.CancelledError  # by the substream itself

    async def run() -> None:
        failing = Interruption()
        cancelling = asyncio.create_task(cancel(), name="flow")
        failing.fire_after(cancelling)
        try:
            async with scoped(async_iter) as items:
                with failing:
                    await play(items)
        finally:
            await stopped(cancelling)  # raises what cancel_iter raised
            await close(cancel_iter)
            await stage.aclose()

    return stage.branches(run, async_iter, cancel_iter)
