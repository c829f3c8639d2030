"""Telephone sound: mu-law at 8 kHz (ITU-T G.711), raw or in a WAV file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final, Self

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.format import Codec
from voicecli.audio.outfile import OutFile
from voicecli.audio.packets import Patch
from voicecli.audio.pcm import NOTHING, Sound, limited
from voicecli.audio.sniff import sniff
from voicecli.audio.wav import UNKNOWN, WavUnpacker
from voicecli.errors import SaveError

__all__ = [
    "MULAW_RATE",
    "MulawDecoder",
    "MulawEncoder",
    "MulawWriter",
    "from_mulaw",
    "mulaw_bytes",
    "mulaw_header",
]

MULAW_RATE: Final = 8000  # samples a second, and bytes
_TAG: Final = 7  # of mu-law in a WAV header
_HEADER: Final = 58  # bytes
_BIAS: Final = 132
_LARGEST: Final = 32_635  # what still fits with the bias added


def mulaw_bytes(samples: Samples) -> bytes:
    """One byte a sample, `limited`."""
    values = np.rint(limited(samples) * np.float32(32768.0)).astype(np.int64)
    size = np.minimum(np.abs(values), _LARGEST) + _BIAS
    segment = np.log2(size).astype(np.int64) - 7
    code = np.where(values < 0, 0x80, 0) | segment << 4 | (size >> (segment + 3)) & 15
    data: bytes = (~code).astype(np.uint8).tobytes()
    return data


def from_mulaw(data: bytes) -> Samples:
    """The samples of mu-law bytes."""
    code = ~np.frombuffer(data, np.uint8).astype(np.int64) & 0xFF
    size = (((code & 15) * 8 + _BIAS) << (code >> 4 & 7)) - _BIAS
    samples: Samples = (np.where(code & 0x80, -size, size) / 32768.0).astype(np.float32)
    return samples


def mulaw_header(size: int = UNKNOWN) -> bytes:
    """The 58 bytes before mono mu-law of `size` bytes at 8 kHz; `UNKNOWN` for a stream.

    Every coding but plain PCM has the longer `fmt ` chunk and a `fact` chunk with the number of samples.
    """
    known = size < UNKNOWN - _HEADER
    whole = _HEADER - 8 + size + size % 2 if known else UNKNOWN
    layout = struct.pack("<HHIIHHH", _TAG, 1, MULAW_RATE, MULAW_RATE, 1, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, size if known else UNKNOWN)
    riff = struct.pack("<4sI4s4sI", b"RIFF", whole, b"WAVE", b"fmt ", len(layout))
    return riff + layout + fact + struct.pack("<4sI", b"data", size if known else UNKNOWN)


class MulawDecoder:
    """Mu-law bytes to samples, chunk by chunk; a WAV header before them is taken for what it is."""

    def __init__(self) -> None:
        self.rate: int | None = MULAW_RATE
        self._wav: WavUnpacker | None = None
        self._began = False

    def decode(self, data: bytes) -> Samples:
        """Raises DecodeError for a broken WAV."""
        if data and not self._began:
            self._began = True
            self._wav = WavUnpacker() if sniff(data) is Codec.WAV else None
        return from_mulaw(data) if self._wav is None else self._joined(self._wav.push(data))

    def flush(self) -> Samples:
        """Nothing: every byte was a sample."""
        return NOTHING

    def _joined(self, sounds: list[Sound]) -> Samples:
        if sounds:
            self.rate = sounds[-1][1]
        return np.concatenate([NOTHING, *(samples for samples, _ in sounds)])


class MulawEncoder:
    """Samples at 8 kHz to mu-law bytes."""

    def encode(self, samples: Samples) -> bytes:
        return mulaw_bytes(samples)

    def flush(self) -> bytes:
        """Nothing: every sample was a byte."""
        return b""

    def patches(self) -> list[Patch]:
        return []


class MulawWriter:
    """A WAV file of telephone sound. Its sizes are true once it is closed, whatever was written.

    Where the disk is full, it holds what fitted. A path that cannot be rewound (a pipe) gets sizes that mean
    "to the end". Blocks.
    """

    def __init__(self, path: Path) -> None:
        """Create or overwrite `path`, with its folders. Raises SaveError."""
        self._file = OutFile(path, folders=True)
        self._put(mulaw_header(0 if self._file.rewinds else UNKNOWN))

    def write(self, data: bytes) -> None:
        """Append mu-law bytes. Raises SaveError and closes the file."""
        self._put(data)

    def close(self) -> None:
        """Finish the file; again does nothing. Raises SaveError."""
        if self._file.closed:
            return
        size = self._file.size - _HEADER
        if size % 2:
            self._put(b"\0")  # chunks are even
        self._end(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _end(self, size: int) -> None:
        try:
            if size >= 0:
                self._file.rewrite(0, mulaw_header(size))
        finally:
            self._file.close()

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except SaveError:
            self._end((self._file.size - _HEADER) // 2 * 2)  # what fitted is told of
            raise
