"""Samples as the decoder takes them, on a floor of faint noise.

The acoustic model has never heard digital silence: without a floor the pauses inside synthetic or gated
speech match no sound, and one request in ten is lost to it. The noise depends on the place in the utterance
alone, so the same utterance sent again is the same bytes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.errors import BadRequest

__all__ = ["NoiseFloor", "checked"]

LEVEL = 20.0  # root mean square, of 32,767; -64 dB
PERIOD = 16_000  # samples after which the noise repeats


class NoiseFloor:
    """Converts one utterance, piece by piece."""

    def __init__(self) -> None:
        self._position = 0

    def push(self, samples: Samples) -> bytes:
        """As s16le. Raises BadRequest as `checked` does."""
        places = np.arange(self._position, self._position + len(samples)) % PERIOD
        self._position += len(samples)
        loud = np.clip(checked(samples), -1.0, 1.0) * 32_767 + _noise()[places]
        data: bytes = np.clip(np.rint(loud), -32_768, 32_767).astype("<i2").tobytes()
        return data


def checked(samples: Samples) -> Samples:
    """The same; raises BadRequest for anything but mono floating-point numbers."""
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise BadRequest(
            f"pocketsphinx was given {samples.dtype} samples of shape {samples.shape}.",
            "It takes mono float samples at 16 kHz.",
        )
    if not np.isfinite(samples).all():
        raise BadRequest("pocketsphinx was given samples that are not numbers (NaN or infinite).")
    return samples


@cache
def _noise() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, LEVEL, PERIOD)
