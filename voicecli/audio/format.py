"""How a stream of bytes carries sound: its codec, rate and channels, and how a Content-Type names them.

(RFC 2045 for its parameters, RFC 2586 and 3551 for raw samples.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Codec", "NamedSound", "StreamFormat", "named_sound"]


class Codec(StrEnum):
    """The names that OpenAI's speech endpoint uses, and webm."""

    PCM = "pcm"  # headerless s16le
    WAV = "wav"
    MP3 = "mp3"
    OPUS = "opus"  # in Ogg
    AAC = "aac"  # in ADTS
    FLAC = "flac"
    WEBM = "webm"  # Opus in WebM


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """Rate and channels matter for `pcm` only; every other codec says its own."""

    codec: Codec
    rate: int = 24_000  # samples a second
    channels: int = 1


_CODECS: Final = {
    "wav": Codec.WAV,
    "wave": Codec.WAV,
    "vnd.wave": Codec.WAV,
    "mpeg": Codec.MP3,
    "mp3": Codec.MP3,
    "mpeg3": Codec.MP3,
    "ogg": Codec.OPUS,
    "opus": Codec.OPUS,
    "aac": Codec.AAC,
    "aacp": Codec.AAC,
    "flac": Codec.FLAC,
    "webm": Codec.WEBM,
    "pcm": Codec.PCM,
    "raw": Codec.PCM,
    "l16": Codec.PCM,
    "s16le": Codec.PCM,
}
_TYPE: Final = re.compile(r"(?:audio|application|video)/(?:x-)?([\w.+-]+)")
_NUMBER: Final = re.compile(r'"?(\d{1,6})"?')
_RATES: Final = range(4_000, 384_001)  # samples a second
_CHANNELS: Final = range(1, 9)


@dataclass(frozen=True, slots=True)
class NamedSound:
    """What a Content-Type says; rate and channels count for PCM alone."""

    format: StreamFormat
    either_order: bool = False  # L16 has the high byte first, and many who say L16 send the low one first


def named_sound(content_type: str, pcm: StreamFormat) -> NamedSound | None:
    """The sound that `content_type` names; None where it names none that is known.

    `pcm` says the rate and channels of raw samples where the type does not.
    """
    kind, *rest = (part.strip().lower() for part in content_type.split(";"))
    match = _TYPE.fullmatch(kind)
    codec = _CODECS.get(match[1]) if match else None
    if match is None or codec is None:
        return None
    said = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in rest)}
    rate = _number(said.get("rate", said.get("samplerate", said.get("sample_rate", ""))), _RATES, pcm.rate)
    channels = _number(said.get("channels", ""), _CHANNELS, pcm.channels)
    return NamedSound(StreamFormat(codec, rate, channels), match[1] == "l16")


def _number(text: str, possible: range, otherwise: int) -> int:
    match = _NUMBER.fullmatch(text)
    return int(match[1]) if match and int(match[1]) in possible else otherwise
