"""A resampler that hardly delays: one windowed-sinc filter, cut into phases.

Its output for a moment needs `ZEROS` periods of the slower rate after that moment: 2 ms at 16 kHz, 1.3 ms at
24 kHz, whatever the block size. Method: J. O. Smith, "Digital Audio Resampling", with a Kaiser window.
"""

from __future__ import annotations

from math import gcd
from typing import Final

import numpy as np

from voicecli.audio.block import Samples

__all__ = ["ZEROS", "Polyphase", "fits"]

ZEROS: Final = 32  # zero crossings of the sinc on each side
_BETA: Final = 7.0  # of the Kaiser window: 70 dB
_ROLLOFF: Final = 0.93  # of the half rate: the middle of the transition, which ends at the half rate
_LARGEST_TABLE: Final = 1 << 20  # coefficients: beyond it, the rates have too little in common
_BATCH: Final = 2048  # outputs at a time, so that a long push needs no large matrix


def fits(from_rate: int, to_rate: int) -> bool:
    """Whether the filter for these rates is of a reasonable size."""
    return _phases(from_rate, to_rate) * 2 * _reach(from_rate, to_rate) <= _LARGEST_TABLE


class Polyphase:
    """Mono samples at one rate in, at another out; sample 0 of both is the same moment."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._up = _phases(from_rate, to_rate)
        self._down = from_rate // gcd(from_rate, to_rate)
        self._reach = _reach(from_rate, to_rate)
        self._table = _filter(from_rate, to_rate)
        self._history: Samples = np.zeros(self._reach - 1, np.float32)
        self._first = 1 - self._reach  # position of the history's first sample in the input
        self._made = 0  # outputs so far

    def push(self, samples: Samples) -> Samples:
        """Every output whose surroundings are there."""
        history = np.concatenate((self._history, samples))
        end = self._first + len(history)
        # Output k lies at k * down / up and needs input up to `reach` samples after it.
        due = max(((end - self._reach) * self._up - 1) // self._down + 1, self._made)
        out = np.empty(due - self._made, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(history, 2 * self._reach) if len(out) else history
        for begin in range(self._made, due, _BATCH):
            at = np.arange(begin, min(begin + _BATCH, due)) * self._down
            rows = windows[at // self._up - (self._reach - 1) - self._first]
            weights = self._table[at % self._up]
            out[begin - self._made : begin - self._made + len(at)] = np.einsum("ij,ij->i", rows, weights)
        self._made = due
        keep = due * self._down // self._up - (self._reach - 1)
        self._history = history[keep - self._first :]
        self._first = keep
        return out

    def flush(self) -> Samples:
        """The rest, as if silence followed; a little more than is due, for the caller to cut."""
        return self.push(np.zeros(2 * self._reach, np.float32))


def _phases(from_rate: int, to_rate: int) -> int:
    return to_rate // gcd(from_rate, to_rate)


def _reach(from_rate: int, to_rate: int) -> int:
    """Input samples on each side of an output that count."""
    return int(np.ceil(ZEROS * max(1.0, from_rate / to_rate)))


def _filter(from_rate: int, to_rate: int) -> Samples:
    """One row of weights per phase, shape (phases, 2 * reach); each row adds up to 1, so level is kept."""
    phases, reach = _phases(from_rate, to_rate), _reach(from_rate, to_rate)
    cutoff = _ROLLOFF * min(1.0, to_rate / from_rate)
    distance = np.arange(1 - reach, reach + 1)[None, :] - np.arange(phases)[:, None] / phases
    window = np.i0(_BETA * np.sqrt(np.maximum(1.0 - (distance / reach) ** 2, 0.0)))
    rows = np.sinc(cutoff * distance) * window
    table: Samples = (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)
    return table
