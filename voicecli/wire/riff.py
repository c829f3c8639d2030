"""The header of a WAV file, read as it comes, and its sound bit for bit.

Format: Microsoft's "Multiple channel audio data and WAVE files"; RF64 as in EBU Tech 3306. `audio/wav.py`
makes float samples of every coding; this keeps the bytes as they are and decodes nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from voicecli.errors import WireError

__all__ = ["RiffReader", "WavLayout", "is_riff", "riff_header"]

_HEADER: Final = 44  # bytes that `riff_header` makes

_UNKNOWN: Final = 0xFFFFFFFF  # a size that was not known when the header was written
_EXTENSIBLE: Final = 0xFFFE
_LONGEST_FORMAT: Final = 4096  # bytes of a fmt or ds64 chunk that is believed
_LONGEST_PREFACE: Final = 1 << 24  # bytes of other chunks before the sound
_CODINGS: Final = {
    1: "integer", 2: "MS ADPCM", 3: "float", 6: "a-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM", 85: "MP3"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WavLayout:
    """How the bytes of a WAV file's sound are to be read."""

    coding: str  # "integer", "float", … or "format N"
    bits: int  # of one sample
    channels: int
    rate: int  # frames a second

    @property
    def frame(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * ((self.bits + 7) // 8)


def is_riff(data: bytes | bytearray | memoryview) -> bool:
    """Whether `data` begins as a WAV file does; twelve bytes tell."""
    head = bytes(data[:12])
    return head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE"


def riff_header(layout: WavLayout, size: int | None) -> bytes:
    """What stands before `size` bytes of integer samples; None for a stream of unknown length."""
    known = _UNKNOWN if size is None or size > _UNKNOWN - _HEADER else size
    whole = _UNKNOWN if known == _UNKNOWN else known + known % 2 + _HEADER - 8
    fields = (1, layout.channels, layout.rate, layout.rate * layout.frame, layout.frame, layout.bits)
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, *fields)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunk + struct.pack("<4sI", b"data", known)


class RiffReader:
    """Bytes of a WAV file in, bytes of its sound out, in pieces of any length.

    A data size of 0, "unknown" or more than there is means "to the end": a stream is often sent before its
    length is known. What follows the sound is passed over.
    """

    def __init__(self) -> None:
        self.layout: WavLayout | None = None  # known before the first byte of sound comes out
        self.began = False  # the sound was found, if there is any
        self._buffer = bytearray()
        self._riff = False  # the first twelve bytes were read
        self._skip = 0  # bytes of a chunk that nobody reads
        self._passed = 0
        self._long: int | None = None  # the data size of an RF64 file
        self._left: int | None = None  # bytes of sound to come; None: to the end

    def push(self, data: bytes) -> bytes:
        """The sound in `data`, possibly none. Raises WireError when it is no WAV file."""
        if not self.began:
            data = self._find(data)
        if self._left is None:
            return data
        sound = data[: self._left]
        self._left -= len(sound)
        return sound

    def close(self) -> None:
        """There are no more bytes. Raises WireError when the sound was never reached."""
        if not self.began:
            raise WireError("The WAV file ends before its sound begins.")

    def _find(self, data: bytes) -> bytes:
        """What follows the header, once it is complete."""
        self._buffer += data
        while self._chunk():
            pass
        if not self.began:
            return b""
        rest, self._buffer = bytes(self._buffer), bytearray()
        return rest

    def _chunk(self) -> bool:
        """Read or pass over one chunk; False when more bytes are needed, or the sound has begun."""
        buffer = self._buffer
        if not self._riff:
            if not is_riff(buffer):
                head = bytes(buffer[:12])
                if len(head) == 12 or head[:4] not in (b"RIFF"[: len(head)], b"RF64"[: len(head)]):
                    raise WireError("This is not a WAV file: it has no RIFF header.")
                return False
            self._riff = True
            del buffer[:12]
        gone = min(self._skip, len(buffer))
        del buffer[:gone]
        self._skip -= gone
        if self._skip or len(buffer) < 8:
            return False
        name, size = struct.unpack_from("<4sI", buffer)
        if name == b"data":
            return self._begin(size)
        whole = size + size % 2
        if name not in (b"fmt ", b"ds64"):
            self._passed += whole
            if self._passed > _LONGEST_PREFACE:
                raise WireError("This WAV file has no sound where it should be.")
            del buffer[:8]
            self._skip = whole
            return True
        if not 14 <= size <= _LONGEST_FORMAT:
            chunk = name.decode().strip()
            raise WireError(f"This WAV file is damaged: its {chunk} chunk is {size} bytes long.")
        if len(buffer) < 8 + whole:
            return False
        body = bytes(buffer[8 : 8 + size])
        if name == b"fmt ":
            self.layout = _layout(body)
        elif size >= 16:
            (self._long,) = struct.unpack_from("<Q", body, 8)
        del buffer[: 8 + whole]
        return True

    def _begin(self, size: int) -> bool:
        if self.layout is None:
            raise WireError("This WAV file is damaged: its sound comes before its format.")
        if size == _UNKNOWN and self._long:
            size = self._long
        self._left = None if size in (0, _UNKNOWN) else size
        del self._buffer[:8]
        self.began = True
        return False


def _layout(data: bytes) -> WavLayout:
    tag, channels, rate, _, align = struct.unpack_from("<HHIIH", data)
    bits = struct.unpack_from("<H", data, 14)[0] if len(data) >= 16 else 8
    if tag == _EXTENSIBLE and len(data) >= 26:
        (tag,) = struct.unpack_from("<H", data, 24)
    layout = WavLayout(_CODINGS.get(tag, f"format {tag}"), bits, channels, rate)
    if not channels or not rate or (layout.coding in ("integer", "float") and align != layout.frame):
        raise WireError(
            f"This WAV file is damaged: {channels} channels of {bits} bits at {rate} Hz in {align} bytes."
        )
    return layout
