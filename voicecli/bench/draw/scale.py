"""An axis with round numbers on it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from voicecli.bench.metric import Measure

__all__ = ["Scale"]

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_NICE_COUNTS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`, with a mark every `step`."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Iterable[float], unit: Measure, marks: int) -> Scale:
        """Wide enough for all values, with about so many marks; from 0 on where they begin near it."""
        found = [value for value in values if math.isfinite(value)] or [0.0]
        low, high = min(found), max(found)
        # What begins near 0 begins at 0: a cut axis makes small differences look large.
        if low >= 0 and low < 0.75 * high:
            low = 0.0
        if high <= low:
            low, high = (0.0, low * 2 or 1.0) if low >= 0 else (low * 2, 0.0)
        step = _step((high - low) / max(1, marks), unit)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)

    @property
    def ticks(self) -> list[float]:
        """Where the marks are."""
        count = round((self.high - self.low) / self.step)
        return [self.low + index * self.step for index in range(count + 1)]

    def place(self, value: float) -> float:
        """From 0 at `low` to 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def _step(least: float, unit: Measure) -> float:
    whole = unit in (Measure.COUNT, Measure.BYTES)
    size = 10.0 ** math.floor(math.log10(least))
    step = next(nice * size for nice in (_NICE_COUNTS if whole else _NICE) if nice * size >= least * 0.999)
    return max(step, 1.0) if whole else step
