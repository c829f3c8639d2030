"""A ring of samples between one writer and one reader, without locks.

The writer alone moves `written`, the reader alone moves `read`; both are plain integers that only grow, so
each side sees the other's position either before or after a step and never in between. The samples of a
step are copied before its position is published.
"""

from __future__ import annotations

import numpy as np

from voicecli.audio.block import Samples

__all__ = ["Ring"]


class Ring:
    """`capacity` is in samples."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one sample")
        self.capacity = capacity
        self._samples = np.zeros(capacity, np.float32)
        self.written = 0  # samples ever written
        self.read = 0  # samples ever read or skipped

    @property
    def readable(self) -> int:
        """Samples waiting."""
        return self.written - self.read

    @property
    def writable(self) -> int:
        """Samples that fit."""
        return self.capacity - (self.written - self.read)

    def push(self, samples: Samples) -> int:
        """Copy as many as fit and say how many that was. For the writer."""
        count = min(len(samples), self.writable)
        start = self.written % self.capacity
        first = min(count, self.capacity - start)
        self._samples[start : start + first] = samples[:first]
        if first < count:
            self._samples[: count - first] = samples[first:count]
        self.written += count
        return count

    def pull(self, out: Samples) -> int:
        """Fill the beginning of `out` and say how far. For the reader."""
        count = min(len(out), self.written - self.read)
        start = self.read % self.capacity
        first = min(count, self.capacity - start)
        out[:first] = self._samples[start : start + first]
        if first < count:
            out[first:count] = self._samples[: count - first]
        self.read += count
        return count

    def take(self) -> Samples:
        """Everything that waits, as a new array. For the reader."""
        out = np.empty(self.readable, np.float32)
        self.pull(out)
        return out

    def skip(self, position: int) -> None:
        """Drop what was written before `position` and not read. For the reader."""
        self.read = max(self.read, min(position, self.written))
