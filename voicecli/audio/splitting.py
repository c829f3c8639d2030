"""Steps that cut and join encoded sound where its pages and frames begin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from voicecli.audio.mp3 import Mp3Joiner, Mp3Pieces
from voicecli.audio.pages import OggJoiner, Pages
from voicecli.flow.awaitables import AwaitableOrObj, resolve_awaitable_or_obj
from voicecli.flow.scope import scoped

__all__ = ["mp3_chunk_step", "mp3_concatenator_step", "ogg_concatenator_step", "ogg_page_separator_step"]


async def mp3_chunk_step(
    async_iter: AsyncIterator[bytes], chunk_size: AwaitableOrObj[int]
) -> AsyncIterator[bytes]:
    """Whole MP3 frames in chunks of at most `chunk_size` bytes, or one frame where that is longer.

    Joined, they are the input. Raises DecodeError at once where it is no MP3, as an error in text is not.
    """
    pieces = Mp3Pieces()
    async with scoped(async_iter) as items:
        async for data in items:
            limit = await resolve_awaitable_or_obj(chunk_size)
            chunk = b""
            for piece, _ in pieces.push(data):
                if chunk and len(chunk) + len(piece) > limit:
                    yield chunk
                    chunk = b""
                chunk += piece
            if chunk:
                yield chunk
    if rest := pieces.flush():
        yield rest


class _Joiner(Protocol):
    def push(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


async def _joined(source: AsyncIterator[bytes], joiner: _Joiner) -> AsyncIterator[bytes]:
    async with scoped(source) as items:
        async for data in items:
            if out := joiner.push(data):
                yield out
    if out := joiner.flush():
        yield out


def mp3_concatenator_step(async_iter: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """MP3 streams one after the other as a single one, which plays for as long as all of them together.

    Raises DecodeError at once for something else than MP3, and for streams of different rates.
    """
    return _joined(async_iter, Mp3Joiner())


def ogg_concatenator_step(async_iter: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Ogg Opus streams one after the other as a single one, which plays for as long as all of them together.

    Chunks may be of any length. Raises DecodeError at once for anything but Opus, and for streams that differ
    in channels or gain.
    """
    return _joined(async_iter, OggJoiner())


async def ogg_page_separator_step(async_iter: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """One whole Ogg page an item; what lies between pages is left out, half a page at the end comes as it is.

    Raises DecodeError at once where it is no Ogg, as an error in text is not.
    """
    pages = Pages()
    async with scoped(async_iter) as items:
        async for data in items:
            for taken, page in pages.push(data):
                if page is not None:
                    yield taken
    if rest := pages.close():
        yield rest
