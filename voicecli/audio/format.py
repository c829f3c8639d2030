"""How a stream of bytes carries sound: its codec, rate and channels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Codec", "StreamFormat"]


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
