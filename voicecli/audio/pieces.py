"""Encoded sound cut into short pieces of known length, byte for byte: what a rate limit works with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol, TypeAlias

from voicecli.audio.format import Codec
from voicecli.audio.lengths import AnyFormat, Meter, stream_format
from voicecli.audio.mp3 import Mp3Pieces
from voicecli.audio.mulaw import MULAW_RATE
from voicecli.audio.pages import Pages

__all__ = ["Cutter", "Piece", "open_cutter"]

Piece: TypeAlias = tuple[bytes, float]
"""Bytes, and the seconds of sound that they complete."""

_SHORT: Final = 0.02  # seconds of a piece of plain samples
_SLICE: Final = 512  # bytes of a piece where nothing better is known


class Cutter(Protocol):
    """A stateful converter for one stream, or several one after the other."""

    def push(self, data: bytes) -> Iterator[Piece]:
        """The pieces that `data` completes. Raises DecodeError."""
        ...

    def flush(self) -> bytes:
        """What is left at the end; it completes no sound."""
        ...


def open_cutter(audio_format: AnyFormat) -> Cutter:
    """Ogg is cut at its pages, MP3 at its frames, plain samples at 20 ms, anything else where it comes."""
    stream = stream_format(audio_format)
    if stream is None:
        return _PlainCutter(1, MULAW_RATE)
    match stream.codec:
        case Codec.PCM:
            return _PlainCutter(2 * stream.channels, stream.rate)
        case Codec.OPUS:
            return _PageCutter(audio_format)
        case Codec.MP3:
            return _FrameCutter(audio_format)
        case _:
            return _SliceCutter(audio_format)


class _PlainCutter:
    def __init__(self, width: int, rate: int) -> None:
        self._rate = rate * width  # bytes a second
        self._size = max(1, round(_SHORT * rate)) * width

    def push(self, data: bytes) -> Iterator[Piece]:
        for at in range(0, len(data), self._size):
            piece = data[at : at + self._size]
            yield piece, len(piece) / self._rate

    def flush(self) -> bytes:
        return b""


class _PageCutter:
    def __init__(self, audio_format: AnyFormat) -> None:
        self._pages = Pages()
        self._meter = Meter(audio_format)
        self._silent = b""  # pages that complete no sound, as the headers: nobody can hear them alone

    def push(self, data: bytes) -> Iterator[Piece]:
        for piece, _ in self._pages.push(data):
            seconds = self._meter.push(piece)
            if not seconds:
                self._silent += piece
                continue
            silent, self._silent = self._silent, b""
            if silent:
                yield silent, 0.0
            yield piece, seconds

    def flush(self) -> bytes:
        silent, self._silent = self._silent, b""
        return silent + self._pages.close()


class _FrameCutter:
    def __init__(self, audio_format: AnyFormat) -> None:
        self._frames = Mp3Pieces()
        self._meter = Meter(audio_format)

    def push(self, data: bytes) -> Iterator[Piece]:
        for piece, _ in self._frames.push(data):
            yield piece, self._meter.push(piece)

    def flush(self) -> bytes:
        return self._frames.flush()


class _SliceCutter:
    def __init__(self, audio_format: AnyFormat) -> None:
        self._meter = Meter(audio_format)

    def push(self, data: bytes) -> Iterator[Piece]:
        for at in range(0, len(data), _SLICE):
            piece = data[at : at + _SLICE]
            yield piece, self._meter.push(piece)

    def flush(self) -> bytes:
        return b""
