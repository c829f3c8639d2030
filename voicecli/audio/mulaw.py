"""Telephone sound: mu-law at 8 kHz (ITU-T G.711), a byte a sample."""

from __future__ import annotations

from typing import Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.pcm import limited

__all__ = ["MULAW_RATE", "from_mulaw", "mulaw_bytes"]

MULAW_RATE: Final = 8000  # samples a second, and bytes
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
    return _VALUES[np.frombuffer(data, np.uint8)]


def _values() -> Samples:
    """Table 2 of G.711: all bits inverted, a bias of 132."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 15) * 8 + _BIAS) << (code >> 4 & 7)) - _BIAS
    samples: Samples = (np.where(code & 0x80, -size, size) / 32768.0).astype(np.float32)
    return samples


_VALUES: Final = _values()
