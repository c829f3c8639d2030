"""How a stream of bytes carries sound: its codec, rate and channels, by a Content-Type or by how it begins.

(RFC 2045 for its parameters, RFC 2586 and 3551 for raw samples.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from voicecli.errors import DecodeError
from voicecli.wire.riff import is_riff

__all__ = [
    "HEAD",
    "Codec",
    "NamedSound",
    "StreamFormat",
    "id3_size",
    "is_message",
    "is_text",
    "named_sound",
    "shown",
    "sniff",
    "spoken_name",
    "unlike",
]


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

HEAD: Final = 64  # bytes: enough to tell any of the codecs, and to show in an error

_NAMES: Final = {
    Codec.PCM: "PCM",
    Codec.WAV: "WAV",
    Codec.MP3: "MP3",
    Codec.OPUS: "Ogg Opus",
    Codec.AAC: "AAC",
    Codec.FLAC: "FLAC",
    Codec.WEBM: "WebM",
}
_MAGICS: Final = {
    b"OggS": Codec.OPUS,
    b"fLaC": Codec.FLAC,
    b"\x1aE\xdf\xa3": Codec.WEBM,
    b"ID3": Codec.MP3,
}
_TELLING: Final = 16  # bytes of text in a row that sound hardly ever has
_TEXT: Final = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))


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


def sniff(data: bytes) -> Codec | None:
    """The codec of a stream that begins with `data`; None when it is none of ours.

    Headerless PCM cannot be told and is never the answer. Sixteen bytes are enough, except for an MP3 or
    AAC stream behind an ID3 tag, which is taken for MP3 (AAC streams rarely carry one).
    """
    if is_riff(data):
        return Codec.WAV
    for magic, codec in _MAGICS.items():
        if data.startswith(magic):
            return codec
    if len(data) >= 2 and data[0] == 0xFF:
        if data[1] & 0xF6 == 0xF0:  # twelve bits of sync and layer 0
            return Codec.AAC
        if data[1] & 0xE6 == 0xE2 and data[1] & 0x18 != 0x08:  # eleven bits of sync and layer III
            return Codec.MP3
    return None


def spoken_name(codec: Codec) -> str:
    """What people call it."""
    return _NAMES[codec]


def id3_size(head: bytes | bytearray) -> int:
    """Bytes of the ID3 tag that begins with these ten; 0 where it is none."""
    if max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def is_text(data: bytes | bytearray) -> bool:
    """Whether every byte is printable ASCII, as in HTML and JSON and hardly ever in sound."""
    return bool(data) and _TEXT.issuperset(data)


def is_message(data: bytes | bytearray, *, whole: bool = False) -> bool:
    """Whether `data`, which should be encoded sound, is the text of an error; `whole`: no more comes."""
    return len(data) >= (_TELLING // 2 if whole else _TELLING) and is_text(data[:_TELLING])


def unlike(codec: Codec, head: bytes, reason: str = "") -> DecodeError:
    """The error for bytes that are not what they should be: it names the codec and shows the beginning."""
    detail = f" ({reason})" if reason else ""
    actual = sniff(head)
    hint = ""
    if actual is not None and actual is not codec:
        hint = f"It looks like {spoken_name(actual)}."
    elif is_text(head[:16]):
        hint = "It looks like text: the sender may have reported an error instead of sending sound."
    return DecodeError(f"This is not {spoken_name(codec)}{detail}: it begins with {shown(head)}.", hint)


def shown(head: bytes | bytearray) -> str:
    """The beginning of data, for an error: as text where it is, or as bytes."""
    if is_text(head[:16]):
        text = head[:48].decode("ascii", errors="replace").replace("\ufffd", "…")
        return "“" + " ".join(text.split()) + ("…”" if len(head) > 48 else "”")
    return " ".join(f"{byte:02x}" for byte in head[:16]) + (" …" if len(head) > 16 else "")
