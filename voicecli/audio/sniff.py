"""What a stream of bytes is, going by how it begins."""

from __future__ import annotations

from typing import Final

from voicecli.audio.format import Codec
from voicecli.errors import DecodeError
from voicecli.wire.riff import is_riff

__all__ = ["HEAD", "id3_size", "is_message", "is_text", "shown", "sniff", "spoken_name", "unlike"]

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
