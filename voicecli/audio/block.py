"""A block: what the sound card hands over, with the moment it was in the air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Samples"]

Samples: TypeAlias = NDArray[np.float32]
"""Mono samples, shape (frames,), full scale ±1.0."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive mono samples."""

    samples: Samples
    rate: int  # samples a second
    time: float  # monotonic seconds at which the first sample was at the microphone

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate
