"""Headerless sound: 16-bit, the plainest stream there is, and the telephone's mu-law at 8 kHz (G.711)."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.audio.format import is_text, sniff
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser

__all__ = [
    "MULAW_RATE",
    "NOTHING",
    "Sound",
    "from_mulaw",
    "from_s16",
    "limited",
    "mixed",
    "mulaw_bytes",
    "s16",
    "s16_bytes",
    "unpack_pcm",
]

Sound: TypeAlias = tuple[Samples, int]
"""Mono samples and their rate."""

NOTHING: Final[Samples] = np.zeros(0, np.float32)

_SUSPICION: Final = 32  # bytes in a row that are all text: no sound is
MULAW_RATE: Final = 8000  # samples a second, and bytes
_BIAS: Final = 132
_LARGEST: Final = 32_635  # what still fits with the bias added


def unpack_pcm(reader: ByteReader, rate: int, channels: int) -> Parser[Sound]:
    """s16le, interleaved. Text (an HTML page, a JSON error) and files with a header are refused.

    Sound is held back only while everything so far could be text; half a frame at the end is dropped.
    """
    buffer, width = reader.buffer, 2 * channels
    while not _trusted(bytes(buffer[:_SUSPICION]), reader.ended):
        yield None
    while True:
        if usable := len(buffer) - len(buffer) % width:
            frames = from_s16(bytes(buffer[:usable])).reshape(-1, channels)
            del buffer[:usable]
            yield mixed(frames), rate
        yield None


def _trusted(head: bytes, ended: bool) -> bool:
    """Whether sound begins so; False while it takes more to know. Raises DecodeError."""
    if len(head) >= 12 and sniff(head) is not None and head[0] != 0xFF:
        raise DecodeError("it has a header of its own")
    if is_text(head):
        if len(head) >= (8 if ended else _SUSPICION):
            raise DecodeError("it is text")
        return ended
    # A container's magic may still be arriving.
    return ended or len(head) >= 12 or head[:1] not in (b"R", b"O", b"f", b"\x1a", b"I")


def mixed(frames: NDArray[np.float32] | NDArray[np.float64]) -> Samples:
    """Frames of any number of channels, shape (frames, channels), as mono: their mean."""
    if frames.shape[1] == 1:
        return np.ascontiguousarray(frames[:, 0], np.float32)
    mono: Samples = frames.mean(axis=1, dtype=np.float64).astype(np.float32)
    return mono


def from_s16(data: bytes) -> Samples:
    """Samples of s16le, channels left as they lie."""
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768.0)


def limited(samples: Samples) -> Samples:
    """Within full scale: what is beyond is clipped, infinity too, and what is no number is silence.

    Samples pass here before they become integers or reach an encoder, both of which take anything else ill.
    """
    within: Samples = np.clip(samples, np.float32(-1.0), np.float32(1.0))
    return np.nan_to_num(within, copy=False, nan=0.0)


def s16(samples: Samples) -> NDArray[np.int16]:
    """Samples as integers of 16 bits, `limited`."""
    values: NDArray[np.int16] = np.minimum(np.rint(limited(samples) * np.float32(32768.0)), 32767).astype(
        "<i2"
    )
    return values


def s16_bytes(samples: Samples, channels: int = 1) -> bytes:
    """Mono samples as s16le, `limited`, the same in every channel."""
    values = s16(samples)
    return (values if channels == 1 else np.repeat(values, channels)).tobytes()


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
    return _VALUES[np.frombuffer(data, np.uint8)]


def _values() -> Samples:
    """Table 2 of G.711: all bits inverted, a bias of 132."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 15) * 8 + _BIAS) << (code >> 4 & 7)) - _BIAS
    samples: Samples = (np.where(code & 0x80, -size, size) / 32768.0).astype(np.float32)
    return samples


_VALUES: Final = _values()
