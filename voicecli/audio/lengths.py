"""How long encoded sound is: measured packet by packet, without decoding what says its own length."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import unpacking
from voicecli.audio.format import Codec, StreamFormat, sniff, unlike
from voicecli.audio.mpeg import ReadHeader, adts_header, mp3_header
from voicecli.audio.pcm import MULAW_RATE, Sound
from voicecli.audio.track import opus_length, opus_track
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import Parsing

__all__ = ["AnyFormat", "AudioFormat", "Meter", "get_audio_length", "stream_format"]

_OPUS_RATE: Final = 48_000  # samples a second in which Opus counts, whatever it was made from
_PIECE: Final = 1 << 16  # bytes measured at a time


class AudioFormat(StrEnum):
    """The formats that flows name."""

    WAV_MULAW_8KHZ = "wav_mulaw_8khz"  # telephone sound; what travels has no header
    OGG_OPUS = "ogg_opus"
    WEBM_OPUS = "webm_opus"
    MP3 = "mp3"


AnyFormat: TypeAlias = AudioFormat | StreamFormat
"""A format by its name, or as an engine states it."""

_CODECS: Final = {
    AudioFormat.OGG_OPUS: Codec.OPUS,
    AudioFormat.WEBM_OPUS: Codec.WEBM,
    AudioFormat.MP3: Codec.MP3,
}


def stream_format(audio_format: AnyFormat) -> StreamFormat | None:
    """The format as decoders and encoders take it; None for raw mu-law, which has no codec of ours."""
    if isinstance(audio_format, StreamFormat):
        return audio_format
    codec = _CODECS.get(AudioFormat(audio_format))
    return None if codec is None else StreamFormat(codec)


def get_audio_length(audio_format: AnyFormat, audio: bytes) -> float:
    """Seconds of sound in `audio`, which is a whole stream or several of them one after the other.

    What a decoder drops does not count: Opus's pre-skip, and the silence at both ends of an MP3 whose tag
    says how much. FLAC counts what its header states. Raises DecodeError when it is not in that format.
    """
    stream = stream_format(audio_format)
    if stream is not None and stream.codec is Codec.FLAC and (stated := _flac_length(audio)):
        return stated
    meter = Meter(audio_format)
    seconds = sum(meter.push(audio[at : at + _PIECE]) for at in range(0, len(audio), _PIECE))
    return seconds + meter.flush()


class Meter:
    """Measures a stream while it comes; chunks of any length."""

    def __init__(self, audio_format: AnyFormat) -> None:
        stream = stream_format(audio_format)
        self._codec = Codec.WAV if stream is None else stream.codec
        self._head = b""
        self._plain = 0.0  # bytes a second; 0: the stream says its own
        self._rest = 0  # bytes of half a frame
        self._width = 1
        self._unpacker: Parsing[Sound] | None = None
        if stream is None:
            self._plain = MULAW_RATE
        elif stream.codec is Codec.PCM:
            self._width = 2 * stream.channels
            self._plain = stream.rate * self._width
        else:
            self._unpacker = _unpacker(stream.codec)

    def push(self, data: bytes) -> float:
        """Seconds of sound that `data` has completed. Raises DecodeError."""
        if self._plain and not self._head and sniff(data) is Codec.WAV:
            self._plain, self._unpacker, self._codec = 0.0, _unpacker(Codec.WAV), Codec.WAV
        self._head = self._head or data[:16]
        if self._unpacker is None:
            whole = (self._rest + len(data)) // self._width
            self._rest = (self._rest + len(data)) % self._width
            return whole * self._width / self._plain
        try:
            return _seconds(self._unpacker.push(data))
        except DecodeError as exc:
            raise unlike(self._codec, self._head, exc.message.rstrip(".")) from exc

    def flush(self) -> float:
        """Seconds of sound that the end has completed. Raises DecodeError for bytes without any sound."""
        if self._unpacker is None or not self._head:
            return 0.0
        seconds = _seconds(self._unpacker.flush())
        if not self._unpacker.started:
            raise unlike(self._codec, self._head, "there is no whole frame in it")
        return seconds


class _Ruler:
    """Stands in for a decoder: as many samples as the packet says, all of them the same zero in memory."""

    def __init__(self, codec: str) -> None:
        self._measure = _MEASURES[codec]
        self.rate: int | None = None

    def decode(self, packet: bytes) -> Samples:
        count, self.rate = self._measure(packet)
        return np.broadcast_to(np.float32(0.0), count)


def _frame_size(read: ReadHeader, frame: bytes) -> tuple[int, int]:
    header = read(frame, 0)
    assert header is not None  # the unpacker has found the frame by it
    return header.samples, header.hertz


_MEASURES: Final[dict[str, Callable[[bytes], tuple[int, int]]]] = {  # samples of a packet, and their rate
    "opus": lambda packet: (opus_length(packet), _OPUS_RATE),
    "mp3float": partial(_frame_size, mp3_header),
    "aac": partial(_frame_size, adts_header),
}


def _unpacker(codec: Codec) -> Parsing[Sound]:
    """What tells of every packet how many samples it holds; of FLAC only its decoder knows for sure."""
    return unpacking(StreamFormat(codec), lambda head: opus_track(head, _Ruler("opus")), _Ruler)


def _seconds(sounds: list[Sound]) -> float:
    return sum(len(samples) / rate for samples, rate in sounds)


def _flac_length(audio: bytes) -> float:
    """What the stream information states (RFC 9639, section 8.2); 0 where it was not known yet."""
    if audio[:4] != b"fLaC" or len(audio) < 26 or audio[4] & 0x7F:
        return 0.0
    packed = int.from_bytes(audio[18:26], "big")
    rate, total = packed >> 44, packed & (1 << 36) - 1
    return total / rate if rate else 0.0
