"""What many measurements of one span come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

__all__ = ["Statistics", "percentile", "summarize"]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Seconds, and how many measurements they come from."""

    p50: float
    p90: float
    p95: float
    p99: float
    min: float
    max: float
    n: int

    def as_dict(self) -> dict[str, float | int]:
        """The object that the JSON output carries."""
        return asdict(self)


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Interpolate linearly between the closest ranks (method 7 of Hyndman and Fan, 1996; numpy's default).

    Raises ValueError on an empty sequence.
    """
    if not ordered:
        raise ValueError("no measurements")
    position = fraction * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def summarize(values: Iterable[float | None]) -> Statistics | None:
    """Leave out what was not measured (None); None when nothing was."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    p50, p90, p95, p99 = (percentile(ordered, fraction) for fraction in (0.50, 0.90, 0.95, 0.99))
    return Statistics(p50, p90, p95, p99, ordered[0], ordered[-1], len(ordered))
