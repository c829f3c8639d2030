"""WAV, read and written as a stream: RIFF chunks around plain samples.

Format: Microsoft's "Multiple channel audio data and WAVE files"; RF64 as in EBU Tech 3306. Sizes in the
header are not trusted: a stream is often sent before its length is known.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.pcm import NOTHING, Sound, mixed
from voicecli.errors import DecodeError

__all__ = ["Unsupported", "WavUnpacker", "wav_header"]

UNKNOWN: Final = 0xFFFFFFFF  # a size that is not known yet
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_LARGEST_FORMAT: Final = 4096  # bytes of a fmt chunk: more is a lie
_LARGEST_PREFACE: Final = 1 << 24  # bytes of other chunks before the sound: more is a lie
_OTHER_FORMATS: Final = {2: "MS ADPCM", 17: "IMA ADPCM", 49: "GSM", 80: "MPEG", 85: "MP3"}


class Unsupported(DecodeError):
    """A sound WAV file, but in a coding that is not decoded here."""


@dataclass(frozen=True, slots=True)
class _Layout:
    tag: int
    channels: int
    rate: int
    width: int  # bytes of one sample


class WavUnpacker:
    """8 to 32-bit integers, 32 and 64-bit floats, a-law and mu-law.

    A data size of 0 or `UNKNOWN`, or one that is too large, means "to the end". What follows data of a
    true size is skipped when it is a chunk, is another file when it begins so, and is sound otherwise.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._layout: _Layout | None = None
        self._skip = 0  # bytes of a chunk that nobody reads
        self._skipped = 0
        self._left: int | None = None  # bytes of sound still to come, None: to the end
        self._padded = False
        self._state = self._read_riff
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

    def _read_riff(self, sounds: list[Sound]) -> bool:
        head = bytes(self._buffer[:12])
        if (
            head[:4] not in (b"RIFF"[: len(head)], b"RF64"[: len(head)])
            or head[8:] != b"WAVE"[: len(head[8:])]
        ):
            raise DecodeError("no RIFF header")
        if len(head) < 12:
            return False
        del self._buffer[:12]
        self._layout = None
        self._skipped = 0
        self._state = self._read_chunk
        return True

    def _read_chunk(self, sounds: list[Sound]) -> bool:
        if self._skip:
            gone = min(self._skip, len(self._buffer))
            del self._buffer[:gone]
            self._skip -= gone
            if self._skip:
                return False
        if len(self._buffer) < 8:
            return False
        name = bytes(self._buffer[:4])
        (size,) = struct.unpack_from("<I", self._buffer, 4)
        if name == b"data":
            del self._buffer[:8]
            sounds.append((NOTHING, self._begin(size)))
            return True
        if not _is_name(name):
            raise DecodeError("broken chunks")
        whole = size + size % 2
        if name == b"fmt ":
            if not 14 <= size <= _LARGEST_FORMAT:
                raise DecodeError("a broken fmt chunk")
            if len(self._buffer) < 8 + whole:
                return False
            self._layout = _layout(bytes(self._buffer[8 : 8 + size]))
            del self._buffer[: 8 + whole]
            return True
        self._skipped += whole
        if self._skipped > _LARGEST_PREFACE:
            raise DecodeError("no sound in it")
        del self._buffer[:8]
        self._skip = whole
        return True

    def _begin(self, size: int) -> int:
        """Get ready for the sound; its rate is known even if there is none."""
        if self._layout is None:
            raise DecodeError("its format is not stated before its sound")
        self.started = True
        self._left = None if size in (0, UNKNOWN) else size
        self._padded = size % 2 == 1
        self._state = self._read_sound
        return self._layout.rate

    def _read_sound(self, sounds: list[Sound]) -> bool:
        assert self._layout is not None  # `_begin` has seen to it
        frame = self._layout.width * self._layout.channels
        usable = len(self._buffer)
        if self._left is not None:
            usable = min(usable, self._left)
        ending = usable == self._left
        whole = usable - usable % frame
        if whole:
            sounds.append((_samples(bytes(self._buffer[:whole]), self._layout), self._layout.rate))
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
            self._state = self._read_riff
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
            self._state = self._read_riff
            return True
        (size,) = struct.unpack_from("<I", self._buffer, 4)
        del self._buffer[:8]
        self._skip = size + size % 2
        return True


def wav_header(rate: int, channels: int = 1, size: int = UNKNOWN) -> bytes:
    """The 44 bytes before 16-bit sound of `size` bytes; `UNKNOWN` for a stream."""
    whole = UNKNOWN if size >= UNKNOWN - 36 else size + 36
    layout = struct.pack("<HHIIHH", _PCM, channels, rate, rate * channels * 2, channels * 2, 16)
    data = struct.pack("<4sI", b"data", min(size, UNKNOWN))
    return struct.pack("<4sI4s4sI", b"RIFF", whole, b"WAVE", b"fmt ", 16) + layout + data


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(
        byte == 0x20 or (chr(byte).isascii() and chr(byte).isalnum()) for byte in name
    )


def _layout(data: bytes) -> _Layout:
    tag, channels, rate, _, align = struct.unpack_from("<HHIIH", data)
    bits = struct.unpack_from("<H", data, 14)[0] if len(data) >= 16 else 8
    if tag == _EXTENSIBLE and len(data) >= 26:
        (tag,) = struct.unpack_from("<H", data, 24)
    if not 1 <= channels <= 64 or not 1000 <= rate <= 768_000:
        raise DecodeError(f"{channels} channels at {rate} Hz")
    width = align // channels or (bits + 7) // 8
    known = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8), _ALAW: (1,), _MULAW: (1,)}
    if tag not in known:
        raise Unsupported(f"coded as {_OTHER_FORMATS.get(tag, f'format {tag}')}, not as plain samples")
    if width not in known[tag] or bits > width * 8:
        raise DecodeError(f"{bits} bits in {width} bytes")
    return _Layout(tag, channels, rate, width)


def _samples(data: bytes, layout: _Layout) -> NDArray[np.float32]:
    values: NDArray[np.float32] | NDArray[np.float64]
    if layout.tag == _FLOAT:
        values = np.frombuffer(data, f"<f{layout.width}").astype(np.float32)
        if not np.isfinite(values).all():
            values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
    elif layout.tag == _ALAW:
        values = _ALAW_VALUES[np.frombuffer(data, np.uint8)]
    elif layout.tag == _MULAW:
        values = _MULAW_VALUES[np.frombuffer(data, np.uint8)]
    elif layout.width == 1:
        values = (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    elif layout.width == 2:
        values = np.frombuffer(data, "<i2") / np.float32(32768.0)
    elif layout.width == 3:
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


def _mulaw() -> NDArray[np.float32]:
    """ITU-T G.711, table 2: all bits inverted, a bias of 132."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 15) * 8 + 132) << ((code >> 4) & 7)) - 132
    return (np.where(code & 0x80, -size, size) / 32768.0).astype(np.float32)


_ALAW_VALUES: Final = _alaw()
_MULAW_VALUES: Final = _mulaw()
