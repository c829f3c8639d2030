"""Bytes of a stream in, samples out: one decoder for every codec, chunks of any length.

Cost of `decode` on the event loop, for a chunk of 64 kB of speech: PCM and WAV 0.1 ms,
MP3 5 ms, AAC 7 ms (both at 64 kbit/s), FLAC 10 ms, Opus 14 ms at 57 kbit/s. It grows as
the bit rate falls (more sound in the chunk): Opus at 24 kbit/s takes some 30 ms, so cut chunks of
more than `CHUNK` bytes, or decode them in a thread.

Containers are taken apart here and not by FFmpeg, which reads where a stream pushes (so each stream would
need a thread) and gives no packet of an Ogg page before the page is whole: 9,024 bytes where 469 are enough.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.flac import unpack_flac
from voicecli.audio.format import HEAD, Codec, StreamFormat, sniff, unlike
from voicecli.audio.mpeg import unpack_adts, unpack_mp3
from voicecli.audio.ogg import unpack_ogg
from voicecli.audio.packets import PacketDecoder, preload
from voicecli.audio.pcm import MULAW_RATE, NOTHING, Sound, from_mulaw, unpack_pcm
from voicecli.audio.resample import OneRate
from voicecli.audio.track import OpenOpus, PacketReader, opus_track
from voicecli.audio.wav import unpack_wav
from voicecli.audio.webm import unpack_webm
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser, Parsing

__all__ = ["CHUNK", "Decoder", "mulaw_decoder", "open_decoder", "prepare", "unpacking"]

CHUNK: Final = 32_768  # bytes that any codec decodes within 20 ms
_JUDGED: Final = 16  # bytes: fewer than the smallest frame


class Decoder(Protocol):
    """A stateful converter for one stream."""

    @property
    def rate(self) -> int | None:
        """Samples a second; known once samples came out."""
        ...

    def decode(self, data: bytes) -> Samples:
        """Mono samples of every whole frame so far, possibly none.

        Any split of a stream gives the same samples. Raises DecodeError when the bytes are not the codec.
        """
        ...

    def flush(self) -> Samples:
        """The rest, at the end of the stream.

        A stream that was cut off has given its whole frames and is no error, and neither is an empty one.
        Raises DecodeError when there were bytes but no frame.
        """
        ...


def open_decoder(format: StreamFormat) -> Decoder:
    """A decoder for a stream in `format`; import cost falls on the first one unless `prepare` was called."""
    return _StreamDecoder(format.codec, unpacking(format))


def mulaw_decoder() -> Decoder:
    """Mu-law bytes to samples; a WAV header before them is taken for what it is."""
    return _StreamDecoder(Codec.WAV, Parsing(_unpack_mulaw))


def prepare(codec: Codec) -> None:
    """Import what `codec` needs. Blocks for some 50 ms; call it in a thread meanwhile."""
    if codec not in (Codec.PCM, Codec.WAV):
        preload()


class _StreamDecoder:
    """Feeds an unpacker, keeps one rate, and puts what went wrong into words."""

    def __init__(self, codec: Codec, unpacker: Parsing[Sound]) -> None:
        self._codec = codec
        self._unpacker = unpacker
        self._sound = OneRate()
        self._head = b""
        # An error shows how the data begins, so no codec with a header is judged by less.
        self._hold = 0 if codec is Codec.PCM else _JUDGED
        self._held = b""
        self._failure: DecodeError | None = None

    @property
    def rate(self) -> int | None:
        return self._sound.rate

    def decode(self, data: bytes) -> Samples:
        if not data:
            return NOTHING
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        if self._hold:
            self._held += data
            if len(self._held) < self._hold:
                return NOTHING
            data, self._held, self._hold = self._held, b"", 0
        return self._unpacked(data)

    def flush(self) -> Samples:
        if not self._head:
            return NOTHING
        data, self._held, self._hold = self._held, b"", 0
        samples = np.concatenate((self._unpacked(data), self._unpacked(None)))
        if not self._unpacker.started:
            raise self._failed(unlike(self._codec, self._head, "there is no whole frame in it"))
        rest = self._sound.flush()
        return np.concatenate((samples, rest)) if len(rest) else samples

    def _unpacked(self, data: bytes | None) -> Samples:
        """What `data` sounds like; None is the end."""
        if self._failure is not None:
            raise DecodeError(self._failure.message, self._failure.hint)
        try:
            sounds = self._unpacker.flush() if data is None else self._unpacker.push(data)
        except DecodeError as exc:
            raise self._failed(self._complaint(exc)) from exc
        pieces = [self._sound.push(samples, rate) for samples, rate in sounds]
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else NOTHING

    def _failed(self, failure: DecodeError) -> DecodeError:
        self._failure = failure
        return failure

    def _complaint(self, exc: DecodeError) -> DecodeError:
        reason = exc.message.rstrip(".")
        if self._unpacker.started:
            return DecodeError(f"The sound stops making sense in the middle: {reason}.")
        return unlike(self._codec, self._head, reason)


def _unpack_mulaw(reader: ByteReader) -> Parser[Sound]:
    """Mu-law bytes; a WAV header before them is taken for what it is."""
    if sniff(bytes(reader.buffer[:HEAD])) is Codec.WAV:
        yield from unpack_wav(reader)
    while True:
        yield from_mulaw(bytes(reader.buffer)), MULAW_RATE
        reader.buffer.clear()
        yield None


def unpacking(
    format: StreamFormat, opus: OpenOpus = opus_track, frames: Callable[[str], PacketReader] = PacketDecoder
) -> Parsing[Sound]:
    """What takes a stream in `format` apart; `opus` and `frames` make the readers of its packets."""
    match format.codec:
        case Codec.PCM:
            return Parsing(partial(unpack_pcm, rate=format.rate, channels=format.channels))
        case Codec.WAV:
            return Parsing(unpack_wav)
        case Codec.MP3:
            return Parsing(partial(unpack_mp3, decoder=frames("mp3float")))
        case Codec.OPUS:
            return Parsing(partial(unpack_ogg, opus=opus))
        case Codec.AAC:
            return Parsing(partial(unpack_adts, decoder=frames("aac")))
        case Codec.FLAC:
            return Parsing(unpack_flac)
        case Codec.WEBM:
            return Parsing(partial(unpack_webm, opus=opus))
