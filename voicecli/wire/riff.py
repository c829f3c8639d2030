"""The header of a WAV file, read as it comes and written, and its sound bit for bit.

Format: Microsoft's "Multiple channel audio data and WAVE files"; RF64 as in EBU Tech 3306. Sizes are not
trusted: a stream is often sent before its length is known. `audio/wav.py` makes float samples of the bytes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from voicecli.errors import WireError
from voicecli.wire.bytereader import ByteReader, Parser, Parsing, Reading

__all__ = ["BrokenRiff", "RiffHeader", "RiffReader", "WavLayout", "is_riff", "read_riff", "riff_header"]

_UNKNOWN: Final = 0xFFFFFFFF  # a size that was not known when the header was written
_EXTENSIBLE: Final = 0xFFFE
_LONGEST_FORMAT: Final = 4096  # bytes of a fmt or ds64 chunk that is believed
_LONGEST_PREFACE: Final = 1 << 24  # bytes before the sound: more is a lie
_CODINGS: Final = {
    1: "integer", 2: "MS ADPCM", 3: "float", 6: "a-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM", 80: "MPEG",
    85: "MP3",
}  # fmt: skip
_TAGS: Final = {coding: tag for tag, coding in _CODINGS.items()}


class BrokenRiff(WireError):
    """The bytes are no WAV file; `reason` says why in a few words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WavLayout:
    """How the bytes of a WAV file's sound are to be read."""

    coding: str  # "integer", "float", … or "format N"
    bits: int  # of one sample
    channels: int
    rate: int  # frames a second
    align: int = field(default=0, compare=False)  # bytes of a frame, as a file states them

    @property
    def frame(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * ((self.bits + 7) // 8)


def is_riff(data: bytes | bytearray | memoryview) -> bool:
    """Whether `data` begins as a WAV file does; twelve bytes tell."""
    head = bytes(data[:12])
    return head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE"


def riff_header(layout: WavLayout, size: int | None = None) -> bytes:
    """What stands before `size` bytes of sound; None for a stream of unknown length.

    44 bytes for integers. Every other coding has the longer `fmt ` chunk and a `fact` chunk with the number
    of samples: 58.
    """
    align = layout.frame
    fields = (_TAGS[layout.coding], layout.channels, layout.rate, layout.rate * align, align, layout.bits)
    chunk = struct.pack("<HHIIHH", *fields)
    plain = layout.coding == "integer"
    length = 44 if plain else 58
    known = None if size is None or size > _UNKNOWN - length else size
    stated = _UNKNOWN if known is None else known
    fact = b""
    if not plain:
        chunk += b"\0\0"
        fact = struct.pack("<4sII", b"fact", 4, _UNKNOWN if known is None else known // align)
    whole = _UNKNOWN if known is None else length - 8 + known + known % 2
    begin = struct.pack("<4sI4s4sI", b"RIFF", whole, b"WAVE", b"fmt ", len(chunk))
    return begin + chunk + fact + struct.pack("<4sI", b"data", stated)


@dataclass(frozen=True, slots=True)
class RiffHeader:
    """What stands before the sound of a WAV file."""

    layout: WavLayout
    size: int | None  # bytes of sound as stated; None: to the end (0 and "unknown" mean that)
    start: int  # bytes before the sound


def read_riff(reader: ByteReader, check: Callable[[WavLayout], object]) -> Reading[RiffHeader]:
    """Read up to the sound; `check` looks at the layout as soon as that is known. Raises BrokenRiff."""
    buffer = reader.buffer
    marked = yield from reader.begins(b"RIFF", b"RF64")
    if marked:
        yield from reader.take(8)
        marked = yield from reader.begins(b"WAVE")
    if not marked:
        raise BrokenRiff("This is not a WAV file: it has no RIFF header.", "no RIFF header")
    yield from reader.take(4)
    layout: WavLayout | None = None
    long = 0  # the data size of an RF64 file
    start = 12
    while True:
        yield from reader.need(8)
        name, size = struct.unpack_from("<4sI", buffer)
        if name == b"data":
            break
        if not (name.isascii() and name.decode().isprintable()):
            raise BrokenRiff("This WAV file is damaged: its chunks are broken.", "broken chunks")
        whole = 8 + size + size % 2
        if name not in (b"fmt ", b"ds64"):
            if start + whole - 8 > _LONGEST_PREFACE:
                raise BrokenRiff("This WAV file has no sound where it should be.", "no sound in it")
            yield from reader.skip(whole)
        elif not 14 <= size <= _LONGEST_FORMAT:
            chunk = name.decode().strip()
            said = f"its {chunk} chunk is {size} bytes long"
            raise BrokenRiff(f"This WAV file is damaged: {said}.", f"a broken {chunk} chunk")
        else:
            body = (yield from reader.take(whole))[8 : 8 + size]
            if name == b"fmt ":
                layout = _layout(body)
                check(layout)
            elif size >= 16:
                (long,) = struct.unpack_from("<Q", body, 8)
        start += whole
    if layout is None:
        reason = "its format is not stated before its sound"
        raise BrokenRiff("This WAV file is damaged: its sound comes before its format.", reason)
    yield from reader.take(8)
    size = long if size == _UNKNOWN and long else size
    return RiffHeader(layout, None if size in (0, _UNKNOWN) else size, start + 8)


class RiffReader:
    """Bytes of a WAV file in, bytes of its sound out, in pieces of any length.

    A data size of 0, "unknown" or more than there is means "to the end". What follows the sound is passed
    over.
    """

    def __init__(self) -> None:
        self.layout: WavLayout | None = None  # known before the first byte of sound comes out
        self.began = False  # the sound was found, if there is any
        self._parsing = Parsing(self._sound)

    def push(self, data: bytes) -> bytes:
        """The sound in `data`, possibly none. Raises WireError when it is no WAV file."""
        return b"".join(self._parsing.push(data))

    def close(self) -> None:
        """There are no more bytes. Raises WireError when the sound was never reached."""
        if not self.began:
            raise WireError("The WAV file ends before its sound begins.")

    def _sound(self, reader: ByteReader) -> Parser[bytes]:
        header = yield from read_riff(reader, self._check)
        self.began = True
        left = sys.maxsize if header.size is None else header.size
        while True:
            sound = bytes(reader.buffer[:left])
            left -= len(sound)
            reader.buffer.clear()
            yield sound
            yield None

    def _check(self, layout: WavLayout) -> None:
        """See that samples lie as the layout says. Raises WireError."""
        plain = layout.coding in ("integer", "float")
        if not layout.channels or not layout.rate or (plain and layout.align != layout.frame):
            raise WireError(
                f"This WAV file is damaged: {layout.channels} channels of {layout.bits} bits at "
                f"{layout.rate} Hz in {layout.align} bytes."
            )
        self.layout = layout


def _layout(data: bytes) -> WavLayout:
    tag, channels, rate, _, align = struct.unpack_from("<HHIIH", data)
    bits = struct.unpack_from("<H", data, 14)[0] if len(data) >= 16 else 8
    if tag == _EXTENSIBLE and len(data) >= 26:
        (tag,) = struct.unpack_from("<H", data, 24)
    return WavLayout(_CODINGS.get(tag, f"format {tag}"), bits, channels, rate, align)
