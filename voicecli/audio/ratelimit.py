"""Encoded sound no faster than it is heard, so that what is held back can still be dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final

from voicecli.audio.block import Block
from voicecli.audio.format import Codec
from voicecli.audio.lengths import AnyFormat, Meter, stream_format
from voicecli.audio.mp3 import Mp3Pieces
from voicecli.audio.pace import Clock, LoopClock, Pace
from voicecli.audio.pages import Pages
from voicecli.audio.pcm import MULAW_RATE
from voicecli.flow.awaitables import AwaitableOrObj, resolve_awaitable_or_obj
from voicecli.flow.scope import scoped

__all__ = ["audio_rate_limit_step", "block_rate_limit_step", "raw_audio_rate_limit_step"]

_SHORT: Final = 0.02  # seconds of a piece of plain samples
_SLICE: Final = 512  # bytes of a piece where nothing better is known


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
            cutter = cutter or _Cutter(await resolve_awaitable_or_obj(audio_format))
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


class _Cutter:
    """One stream, or several one after the other: Ogg is cut at its pages, MP3 at its frames.

    Plain samples are cut at 20 ms, anything else where it comes.
    """

    def __init__(self, audio_format: AnyFormat) -> None:
        self._cut, self._rest = _cut(audio_format)
        self._meter = Meter(audio_format)
        stream = stream_format(audio_format)
        self._holds = stream is not None and stream.codec is Codec.OPUS
        self._silent = b""  # pages that complete no sound, as the headers: nobody can hear them alone

    def push(self, data: bytes) -> Iterator[tuple[bytes, float]]:
        """The pieces that `data` completes, and the seconds of sound in each. Raises DecodeError."""
        for piece in self._cut(data):
            seconds = self._meter.push(piece)
            if self._holds and not seconds:
                self._silent += piece
                continue
            silent, self._silent = self._silent, b""
            if silent:
                yield silent, 0.0
            yield piece, seconds

    def flush(self) -> bytes:
        """What is left at the end; it completes no sound."""
        silent, self._silent = self._silent, b""
        return silent + self._rest()


def _cut(audio_format: AnyFormat) -> tuple[Callable[[bytes], Iterable[bytes]], Callable[[], bytes]]:
    """How the format is cut, and what gives the rest at the end."""
    stream = stream_format(audio_format)
    match None if stream is None else stream.codec:
        case Codec.OPUS:
            pages = Pages()
            return lambda data: (piece for piece, _ in pages.push(data)), pages.close
        case Codec.MP3:
            frames = Mp3Pieces()
            return lambda data: (piece for piece, _ in frames.push(data)), frames.flush
    size = _SLICE
    if stream is None:
        size = round(_SHORT * MULAW_RATE)
    elif stream.codec is Codec.PCM:
        size = max(1, round(_SHORT * stream.rate)) * 2 * stream.channels
    return lambda data: (data[at : at + size] for at in range(0, len(data), size)), bytes
