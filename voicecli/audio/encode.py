"""Samples in, bytes of a stream out: one encoder for every codec, sent as it is made.

Of a stream nothing is rewritten afterwards, so a WAV says that its length is unknown and an MP3 does not say
its own; a file is told (`SoundFile`). The encoder's delay is declared where the codec has words for it (MP3,
Opus); AAC pads to whole frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from voicecli.audio.block import Samples
from voicecli.audio.flac import length_patch
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.mpeg import info_frame
from voicecli.audio.packets import Muxer, Patch
from voicecli.audio.pcm import mulaw_bytes, s16_bytes
from voicecli.audio.resample import Resampler
from voicecli.errors import UsageError
from voicecli.wire.riff import WavLayout, riff_header

__all__ = ["Encoder", "mulaw_encoder", "open_encoder"]

_INFORMATION: Final = 42  # bytes at the start of a FLAC that tell of all of it
_LAME_DELAY: Final = 576  # samples that LAME's encoder puts first, whatever the rate


class Encoder(Protocol):
    """A stateful converter for one stream."""

    def encode(self, samples: Samples) -> bytes:
        """What mono samples at the format's rate add to the stream, possibly nothing yet."""
        ...

    def flush(self) -> bytes:
        """The end of the stream. A stream without samples is empty, or a header where the codec has one."""
        ...

    def patches(self) -> list[Patch]:
        """What earlier bytes have to be so that they tell of all that came out; nothing of a stream."""
        ...


@dataclass(frozen=True, slots=True)
class _Coding:
    """How a codec is asked of FFmpeg."""

    codec: str
    container: str
    rates: tuple[int, ...]  # samples a second that it takes; empty: any
    bit_rate: int  # a second and channel; 0: the codec's own choice
    options: tuple[tuple[str, str], ...] = ()
    streaming: tuple[tuple[str, str], ...] = ()  # more of them where nothing can be written again


_MPEG_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATES: Final = (8000, 12000, 16000, 24000, 48000)
_CODINGS: Final = {
    Codec.MP3: _Coding("libmp3lame", "mp3", _MPEG_RATES, 64_000, (("id3v2_version", "0"),)),
    Codec.AAC: _Coding("aac", "adts", (*_MPEG_RATES, 64_000, 88_200, 96_000), 64_000),
    Codec.FLAC: _Coding("flac", "flac", (), 0, (("metadata_header_padding", "0"),)),
    # A page and a cluster are what a listener waits for: 20 ms and 100 ms.
    Codec.OPUS: _Coding("libopus", "ogg", _OPUS_RATES, 48_000, (("page_duration", "20000"),)),
    Codec.WEBM: _Coding(
        "libopus", "webm", _OPUS_RATES, 48_000, (("cluster_time_limit", "100"),), (("live", "1"),)
    ),
}


def open_encoder(format: StreamFormat, *, rewinds: bool = False) -> Encoder:
    """An encoder for a stream in `format`: rate and channels are those of the stream, or close to them.

    A codec that does not know the rate gets the next one it knows. `rewinds` says that `patches` will be
    written, so that the stream may tell its length. Every codec but PCM and WAV imports
    PyAV, which takes some 50 ms. Raises UsageError for a rate or a number of channels that is none.
    """
    if format.channels not in (1, 2) or not 1000 <= format.rate <= 384_000:
        raise UsageError(
            f"Cannot make a stream of {format.channels} channels at {format.rate} Hz.",
            "One or two channels at 1,000 to 384,000 Hz are possible.",
        )
    if format.codec in (Codec.PCM, Codec.WAV):
        layout = WavLayout("integer", 16, format.channels, format.rate)
        header = b"" if format.codec is Codec.PCM else riff_header(layout)
        return _PlainEncoder(partial(s16_bytes, channels=format.channels), header)
    return _MuxedEncoder(format, _CODINGS[format.codec], rewinds)


def mulaw_encoder() -> Encoder:
    """Samples at 8 kHz to mu-law bytes, a byte for each."""
    return _PlainEncoder(mulaw_bytes)


class _PlainEncoder:
    """Sound as it is: PCM, mu-law, and WAV, which is PCM behind a header."""

    def __init__(self, convert: Callable[[Samples], bytes], header: bytes = b"") -> None:
        self._convert = convert
        self._header = header

    def encode(self, samples: Samples) -> bytes:
        header, self._header = self._header, b""
        return header + self._convert(samples)

    def flush(self) -> bytes:
        header, self._header = self._header, b""
        return header

    def patches(self) -> list[Patch]:
        return []


class _MuxedEncoder:
    """What FFmpeg encodes."""

    def __init__(self, format: StreamFormat, coding: _Coding, rewinds: bool) -> None:
        rate = next((rate for rate in coding.rates if rate >= format.rate), max(coding.rates, default=0))
        self._codec = format.codec
        self._resampler = Resampler(format.rate, rate or format.rate)
        self._begun = False
        self._rewinds = rewinds
        self._information = b""  # how a FLAC begins
        self._muxer = Muxer(
            coding.codec,
            coding.container,
            rate or format.rate,
            format.channels,
            coding.bit_rate * format.channels,
            dict(coding.options if rewinds else coding.options + coding.streaming),
            rewinds=rewinds,
        )

    def encode(self, samples: Samples) -> bytes:
        return self._introduced(self._muxer.encode(self._resampler.push(samples)))

    def flush(self) -> bytes:
        rest = self._resampler.flush()
        last = self._muxer.encode(rest) if len(rest) else b""
        return self._introduced(last + self._muxer.flush())

    def patches(self) -> list[Patch]:
        patches = self._muxer.patches()
        if self._rewinds and self._codec is Codec.FLAC and not patches:
            patches = length_patch(self._information, self._muxer.samples)
        return patches

    def _introduced(self, data: bytes) -> bytes:
        """The stream's own beginning goes before its first bytes, where it is not made by the container."""
        if self._begun or not data:
            return data
        self._begun = True
        self._information = data[:_INFORMATION]
        own = self._codec is Codec.MP3 and not self._rewinds
        return info_frame(data, _LAME_DELAY) + data if own else data
