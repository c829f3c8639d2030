"""Encoded sound cut into short pieces of known length, byte for byte: what a rate limit works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from voicecli.audio.format import Codec
from voicecli.audio.lengths import AnyFormat, Meter, stream_format
from voicecli.audio.mp3 import Mp3Pieces
from voicecli.audio.mulaw import MULAW_RATE
from voicecli.audio.pages import Pages

__all__ = ["Cutter"]

_SHORT: Final = 0.02  # seconds of a piece of plain samples
_SLICE: Final = 512  # bytes of a piece where nothing better is known


class Cutter:
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
