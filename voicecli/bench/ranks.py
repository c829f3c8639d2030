"""Whether two sets of measurements differ: the rank sum test of Wilcoxon, Mann and Whitney.

Ties share the mean of their ranks. Up to 120 measurements in all the distribution of the rank sum is counted
out over every way to divide these very ranks, so that the p-value is exact with ties as well; above that it
is the normal approximation with the correction for ties. The shift is that of Hodges and Lehmann (1963), the
median of all differences, with Moses' interval from the same test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "difference"]

_COUNTED_OUT = 120  # measurements in all
_Z = 1.959964  # of the normal distribution, for 95 % in the middle
_MOST_PAIRS = 4_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """How much `after` lies above `before`, and how likely as much is by chance alone (two-sided)."""

    shift: float
    low: float  # of the 95 % confidence interval of the shift
    high: float
    p: float
    least_p: float  # what the test can say at the most with so many measurements on each side


def difference(before: Sequence[float], after: Sequence[float]) -> Difference:
    """Raises ValueError when either is empty."""
    if not before or not after:
        raise ValueError("nothing was measured")
    first, second = np.asarray(before, np.float64), np.asarray(after, np.float64)
    p, least = _p(first, second), min(1.0, 2 / math.comb(len(before) + len(after), len(before)))
    if len(first) * len(second) > _MOST_PAIRS:  # every k-th of the ordered ones stands for its neighbours
        first, second = _thinned(first), _thinned(second)
    pairs = np.sort((second[:, None] - first[None, :]).ravel())
    n, m = len(first), len(second)
    rank = math.floor(n * m / 2 - _Z * math.sqrt(n * m * (n + m + 1) / 12))  # counted from 1
    below = max(rank - 1, 0)
    low, high = float(pairs[below]), float(pairs[len(pairs) - 1 - below])
    return Difference(float(np.median(pairs)), low, high, p, least)


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.quantile(values, np.linspace(0, 1, min(len(values), math.isqrt(_MOST_PAIRS))))


def _p(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    ranks = _ranks(np.concatenate((first, second)))
    n, total = len(first), len(ranks)
    off = abs(float(ranks[:n].sum()) - n * (total + 1) / 2)
    if total <= _COUNTED_OUT:
        return _counted_out(ranks, n, off)
    _, ties = np.unique(ranks, return_counts=True)
    spread = n * (total - n) / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    if spread <= 0:
        return 1.0
    return math.erfc(max(0.0, off - 0.5) / math.sqrt(2 * spread))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return mean


def _counted_out(ranks: NDArray[np.float64], n: int, off: float) -> float:
    """The share of all ways to choose `n` of the ranks whose sum is at least as far from the middle."""
    doubled = np.round(2 * ranks).astype(np.int64)  # whole numbers, for ties have halves
    most = int(np.sort(doubled)[-n:].sum())
    ways = np.zeros((n + 1, most + 1))
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : most + 1 - rank]
    chosen = ways[n]
    away = np.abs(np.arange(most + 1) / 2 - n * (len(ranks) + 1) / 2)
    return float(chosen[away >= off - 1e-9].sum() / chosen.sum())
