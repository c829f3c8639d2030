"""Encoded sound no faster than it is heard, so that what is held back can still be dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voicecli.audio.block import Block
from voicecli.audio.lengths import AnyFormat
from voicecli.audio.pace import Clock, LoopClock, Pace
from voicecli.audio.pieces import Cutter
from voicecli.flow.awaitables import AwaitableOrObj, resolve_awaitable_or_obj
from voicecli.flow.scope import scoped

__all__ = ["audio_rate_limit_step", "block_rate_limit_step", "raw_audio_rate_limit_step"]


async def audio_rate_limit_step(
    async_iter: AsyncIterator[bytes],
    audio_format: AwaitableOrObj[AnyFormat],
    buffer_seconds: float,
    *,
    whole: bool = False,
    clock: Clock | None = None,
) -> AsyncIterator[bytes]:
    """The same bytes, no faster than they are heard: at most `buffer_seconds` and one piece are ahead.

    What is held back can still be dropped when somebody interrupts. Pieces are short: whole pages of Ogg,
    whole frames of MP3, 20 ms of plain samples. `whole` says that every item is a stream of its own;
    otherwise any split will do. Raises DecodeError when the bytes are not in that format.
    """
    pace, clock, cutter = Pace(buffer_seconds), clock or LoopClock(), None
    async with scoped(async_iter) as items:
        async for data in items:
            cutter = cutter or Cutter(await resolve_awaitable_or_obj(audio_format))
            for piece, seconds in cutter.push(data):
                await pace.keep(clock, seconds)
                yield piece
            if whole:
                if rest := cutter.flush():
                    yield rest
                cutter = None
    if cutter is not None and (rest := cutter.flush()):
        yield rest


async def raw_audio_rate_limit_step(
    async_iter: AsyncIterator[bytes],
    bytes_per_second: AwaitableOrObj[float],
    buffer_seconds: AwaitableOrObj[float],
    *,
    clock: Clock | None = None,
) -> AsyncIterator[bytes]:
    """The same items at `bytes_per_second` at most: `buffer_seconds` and one item may be ahead."""
    pace, clock = None, clock or LoopClock()
    async with scoped(async_iter) as items:
        async for data in items:
            pace = pace or Pace(await resolve_awaitable_or_obj(buffer_seconds))
            rate = await resolve_awaitable_or_obj(bytes_per_second)
            await pace.keep(clock, len(data) / rate)
            yield data


async def block_rate_limit_step(
    async_iter: AsyncIterator[Block], buffer_seconds: float, *, clock: Clock | None = None
) -> AsyncIterator[Block]:
    """The same blocks, no faster than they are heard: at most `buffer_seconds` and one block are ahead."""
    pace, clock = Pace(buffer_seconds), clock or LoopClock()
    async with scoped(async_iter) as blocks:
        async for block in blocks:
            await pace.keep(clock, block.duration)
            yield block
