"""Where the sound lies in a WAV file, for those who want its bytes as they are."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from voicecli.audio.format import Codec
from voicecli.audio.sniff import unlike
from voicecli.audio.wav import UNKNOWN
from voicecli.errors import DecodeError

__all__ = ["LARGEST_PREFACE", "WavData", "find_wav_data", "remove_wav_header"]

LARGEST_PREFACE: Final = 1 << 24  # bytes before the sound: more is a lie


@dataclass(frozen=True, slots=True)
class WavData:
    """What the header says."""

    tag: int  # the coding: 1 PCM, 3 float, 6 a-law, 7 mu-law
    channels: int
    rate: int  # samples a second
    start: int  # byte at which the sound begins
    size: int | None  # bytes of sound; None: to the end


def find_wav_data(head: bytes) -> WavData | None:
    """Read the header at the start of `head`; None when more bytes are needed.

    A size of 0 or of all ones means "to the end", as in a stream. Raises DecodeError.
    """
    if (
        head[:4] not in (b"RIFF"[: len(head)], b"RF64"[: len(head)])
        or head[8:12] != b"WAVE"[: len(head[8:12])]
    ):
        raise unlike(Codec.WAV, head, "no RIFF header")
    at, tag, channels, rate = 12, 0, 0, 0
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"data":
            if not rate:
                raise unlike(Codec.WAV, head, "its format is not stated before its sound")
            return WavData(tag, channels, rate, at + 8, None if size in (0, UNKNOWN) else size)
        if name == b"fmt ":
            if size < 14:
                raise unlike(Codec.WAV, head, "a broken fmt chunk")
            if at + 8 + size > len(head):
                return None
            tag, channels, rate = struct.unpack_from("<HHI", head, at + 8)
            if tag == 0xFFFE and size >= 26:  # "extensible": the coding stands further on
                (tag,) = struct.unpack_from("<H", head, at + 8 + 24)
        at += 8 + size + size % 2
        if at > LARGEST_PREFACE:
            raise unlike(Codec.WAV, head, "no sound in it")
    return None


def remove_wav_header(wav_bytes: bytes) -> bytes:
    """The sound of a WAV file as its bytes are, without what comes before and behind it.

    Raises DecodeError when it is no WAV file, or one without sound.
    """
    found = find_wav_data(wav_bytes)
    if found is None:
        raise DecodeError("This WAV file has no sound in it.", "It may have been cut off.")
    return wav_bytes[found.start :][: found.size]
