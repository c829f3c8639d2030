"""How sure a percentile is: the measurements drawn again and again from themselves.

The percentile bootstrap of Efron (1979): a percentile is taken of many samples drawn with replacement, and
the middle 95 % of what comes out is the interval. It knows nothing beyond the largest measurement, so an
upper percentile of few measurements is surer in it than in truth: look at `n`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from voicecli.latency.statistics import Statistics, summarize

__all__ = ["CONFIDENCE", "PERCENTILES", "Estimate", "Interval", "intervals", "summed_up"]

CONFIDENCE = 0.95
PERCENTILES: Mapping[str, float] = MappingProxyType({"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0})
_DRAWS = 2000
_AT_ONCE = 2_000_000  # numbers drawn at once: some 16 MB

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What many measurements come to, and how sure their percentiles are."""

    statistics: Statistics
    intervals: Mapping[str, Interval]  # by percentile; empty for a single measurement

    def as_dict(self) -> dict[str, Any]:
        """The object that the JSON output carries."""
        return {
            **self.statistics.as_dict(),
            "ci": {name: list(interval) for name, interval in self.intervals.items()},
        }


def summed_up(values: Iterable[float | None], seed: int = 0) -> Estimate | None:
    """Leave out what was not measured (None); None when nothing was."""
    measured = [value for value in values if value is not None]
    statistics = summarize(measured)
    return None if statistics is None else Estimate(statistics, intervals(measured, seed))


def intervals(values: list[float], seed: int = 0) -> dict[str, Interval]:
    """The 95 % confidence interval of every percentile; none for fewer than two measurements.

    The same measurements and the same seed give the same intervals.
    """
    if len(values) < 2:
        return {}
    import numpy as np

    # In order, so that the order in which they were taken does not show in the interval.
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    chance = np.random.default_rng(seed)
    found = []
    at_once = max(1, _AT_ONCE // len(ordered))
    for start in range(0, _DRAWS, at_once):
        drawn = chance.integers(0, len(ordered), (min(at_once, _DRAWS - start), len(ordered)))
        found.append(np.percentile(ordered[drawn], list(PERCENTILES.values()), axis=1))
    tail = 50.0 * (1 - CONFIDENCE)
    low, high = np.percentile(np.concatenate(found, axis=1), [tail, 100.0 - tail], axis=1)
    return {
        name: (float(below), float(above)) for name, below, above in zip(PERCENTILES, low, high, strict=True)
    }
