"""Headerless 16-bit sound, the plainest stream there is, and what every other file needs of it."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.audio.sniff import is_text, sniff
from voicecli.errors import DecodeError

__all__ = ["NOTHING", "PcmUnpacker", "Sound", "from_s16", "limited", "mixed", "s16", "s16_bytes"]

Sound: TypeAlias = tuple[Samples, int]
"""Mono samples and their rate."""

NOTHING: Final[Samples] = np.zeros(0, np.float32)

_SUSPICION: Final = 32  # bytes in a row that are all text: no sound is


class PcmUnpacker:
    """s16le, interleaved. Text (an HTML page, a JSON error) and files with a header are refused."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._width = 2 * channels
        self._rest = bytearray()
        self._trusted = False
        self.started = False

    def push(self, data: bytes) -> list[Sound]:
        """Whole frames; held back only while everything so far could be text."""
        self._rest += data
        if not self._trusted and not self._trust():
            return []
        usable = len(self._rest) - len(self._rest) % self._width
        if not usable:
            return []
        frames = from_s16(bytes(self._rest[:usable])).reshape(-1, self._width // 2)
        del self._rest[:usable]
        self.started = True
        return [(mixed(frames), self._rate)]

    def flush(self) -> list[Sound]:
        """What was held back; half a frame is dropped."""
        if not self._trusted and len(self._rest) >= 8 and is_text(self._rest):
            raise DecodeError("it is text")
        self._trusted = True
        return self.push(b"")

    def _trust(self) -> bool:
        head = bytes(self._rest[:_SUSPICION])
        if len(head) >= 12 and sniff(head) is not None and head[0] != 0xFF:
            raise DecodeError("it has a header of its own")
        if is_text(head):
            if len(head) >= _SUSPICION:
                raise DecodeError("it is text")
            return False
        # A container's magic may still be arriving.
        self._trusted = len(head) >= 12 or head[:1] not in (b"R", b"O", b"f", b"\x1a", b"I")
        return self._trusted


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
