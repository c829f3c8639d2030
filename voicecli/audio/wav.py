"""WAV as a stream of samples; `wire/riff.py` reads the header."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.audio.format import Codec
from voicecli.audio.mulaw import from_mulaw
from voicecli.audio.pcm import NOTHING, Sound, mixed
from voicecli.audio.sniff import unlike
from voicecli.errors import DecodeError
from voicecli.wire.riff import BrokenRiff, RiffHeader, WavLayout

__all__ = ["WavUnpacker", "find_sound", "remove_wav_header"]

_READ: Final = 1 << 16  # bytes of a file at once


def find_sound(file: IO[bytes], name: str = "This WAV file") -> RiffHeader:
    """Read a WAV file's header and go to where its sound begins. Raises DecodeError, with its `name`."""
    header, head = RiffHeader(), b""
    while not header.found and (data := file.read(_READ)):
        head = head or data
        try:
            header.push(data)
        except BrokenRiff as exc:
            raise unlike(Codec.WAV, head, exc.reason) from exc
    if not header.found:
        raise DecodeError(f"{name} has no sound in it.", "It may have been cut off.")
    file.seek(header.start)
    return header


def remove_wav_header(wav_bytes: bytes) -> bytes:
    """The sound of a WAV file as its bytes are, without what comes before and behind it.

    Raises DecodeError when it is no WAV file, or one without sound.
    """
    file = BytesIO(wav_bytes)
    return file.read(find_sound(file).size)


class WavUnpacker:
    """8 to 32-bit integers, 32 and 64-bit floats, a-law and mu-law.

    A data size of 0 or "unknown", or one that is too large, means "to the end". What follows data of a
    true size is skipped when it is a chunk, is another file when it begins so, and is sound otherwise.
    """

    def __init__(self) -> None:
        self._header = RiffHeader()
        self._buffer = bytearray()  # what lies behind the header
        self._layout: WavLayout | None = None
        self._width = 0  # bytes of one sample
        self._skip = 0  # bytes of a chunk behind the sound
        self._left: int | None = None  # bytes of sound still to come, None: to the end
        self._padded = False
        self._state = self._read_header
        self.started = False

    def push(self, data: bytes) -> list[Sound]:
        """The sound of every whole frame. Raises DecodeError."""
        self._buffer += data
        sounds: list[Sound] = []
        while self._state(sounds):
            pass
        return sounds

    def flush(self) -> list[Sound]:
        """Nothing: half a frame at the end is dropped."""
        return []

    def _read_header(self, sounds: list[Sound]) -> bool:
        """Get ready for the sound; its rate is known even if there is none."""
        data, self._buffer = bytes(self._buffer), bytearray()
        try:
            self._buffer += self._header.push(data)
        except BrokenRiff as exc:
            raise DecodeError(exc.reason) from exc
        if (layout := self._header.layout) is None:
            return False
        self._layout, self._width = layout, _width(layout)
        if not self._header.found:
            return False
        self._left = self._header.size
        self._padded = self._left is not None and self._left % 2 == 1
        self._state = self._read_sound
        self.started = True
        sounds.append((NOTHING, layout.rate))
        return True

    def _read_sound(self, sounds: list[Sound]) -> bool:
        assert self._layout is not None  # the header has been read
        frame = self._width * self._layout.channels
        usable = len(self._buffer)
        if self._left is not None:
            usable = min(usable, self._left)
        ending = usable == self._left
        whole = usable - usable % frame
        if whole:
            sounds.append(
                (_samples(bytes(self._buffer[:whole]), self._layout, self._width), self._layout.rate)
            )
        gone = usable if ending else whole
        del self._buffer[:gone]
        if self._left is not None:
            self._left -= gone
            if self._left == 0:
                self._state = self._read_next
                return True
        return False

    def _read_next(self, sounds: list[Sound]) -> bool:
        """Look at what follows the sound: it decides whether the size was true."""
        look = bytes(self._buffer[:5])
        if len(look) < 5:
            return False
        if self._padded and _is_name(look[1:]):
            del self._buffer[:1]
            look = look[1:]
        if look[:4] in (b"RIFF", b"RF64"):
            self._begin_again()
        elif _is_name(look[:4]):
            self._skip = 0
            self._state = self._skip_rest
        else:
            self._left = None
            self._state = self._read_sound
        return True

    def _skip_rest(self, sounds: list[Sound]) -> bool:
        """Pass over the chunks behind the sound, watching for another file."""
        if self._skip:
            gone = min(self._skip, len(self._buffer))
            del self._buffer[:gone]
            self._skip -= gone
        if self._skip or len(self._buffer) < 8:
            return False
        if bytes(self._buffer[:4]) in (b"RIFF", b"RF64"):
            self._begin_again()
            return True
        (size,) = struct.unpack_from("<I", self._buffer, 4)
        del self._buffer[:8]
        self._skip = size + size % 2
        return True

    def _begin_again(self) -> None:
        """There is another file."""
        self._header = RiffHeader()
        self._state = self._read_header


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(
        byte == 0x20 or (chr(byte).isascii() and chr(byte).isalnum()) for byte in name
    )


def _width(layout: WavLayout) -> int:
    """Bytes of one sample. Raises DecodeError when it cannot be read here."""
    channels, bits = layout.channels, layout.bits
    if not 1 <= channels <= 64 or not 1000 <= layout.rate <= 768_000:
        raise DecodeError(f"{channels} channels at {layout.rate} Hz")
    known = {"integer": (1, 2, 3, 4), "float": (4, 8), "a-law": (1,), "mu-law": (1,)}.get(layout.coding)
    if known is None:
        raise DecodeError(f"coded as {layout.coding}, not as plain samples")
    width = layout.align // channels or (bits + 7) // 8
    if width not in known or bits > width * 8:
        raise DecodeError(f"{bits} bits in {width} bytes")
    return width


def _samples(data: bytes, layout: WavLayout, width: int) -> Samples:
    values: NDArray[np.float32] | NDArray[np.float64]
    if layout.coding == "float":
        values = np.frombuffer(data, f"<f{width}").astype(np.float32)
        if not np.isfinite(values).all():
            values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
    elif layout.coding == "a-law":
        values = _ALAW_VALUES[np.frombuffer(data, np.uint8)]
    elif layout.coding == "mu-law":
        values = from_mulaw(data)
    elif width == 1:
        values = (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    elif width == 2:
        values = np.frombuffer(data, "<i2") / np.float32(32768.0)
    elif width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        values = wide.reshape(-1).view("<i4") / np.float64(2**31)
    else:
        values = np.frombuffer(data, "<i4") / np.float64(2**31)
    return mixed(values.reshape(-1, layout.channels))


def _alaw() -> NDArray[np.float32]:
    """ITU-T G.711, table 1: sign, three bits of segment, four of step; even bits inverted."""
    code = np.arange(256) ^ 0x55
    segment, step = (code >> 4) & 7, code & 15
    size = np.where(segment == 0, step * 16 + 8, (step * 16 + 264) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, size, -size) / 32768.0).astype(np.float32)


_ALAW_VALUES: Final = _alaw()
