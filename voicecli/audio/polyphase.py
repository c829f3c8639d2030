"""A resampler that hardly delays: one windowed-sinc filter, cut into phases.

Its output for a moment needs `ZEROS` periods of the slower rate after that moment: 2 ms at 16 kHz, 1.3 ms at
24 kHz, whatever the block size. Method: J. O. Smith, "Digital Audio Resampling", with a Kaiser window.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import Final

import numpy as np

from voicecli.audio.block import Samples

__all__ = ["ZEROS", "Polyphase", "fits"]

ZEROS: Final = 32  # zero crossings of the sinc on each side
_BETA: Final = 7.0  # of the Kaiser window: 70 dB
_ROLLOFF: Final = 0.93  # of the half rate: the middle of the transition, which ends at the half rate
_LARGEST_TABLE: Final = 1 << 17  # coefficients: beyond it, the rates have too little in common
_ROWS: Final = 128  # designed at a time: 0.1 MB, and never long without letting other threads go on
_FEW: Final = 8  # phases
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
        history = np.concatenate((self._history, samples), dtype=np.float32)
        end = self._first + len(history)
        # Output k lies at k * down / up and needs input up to `reach` samples after it.
        due = max(((end - self._reach) * self._up - 1) // self._down + 1, self._made)
        out = np.empty(due - self._made, np.float32)
        if len(out):
            (self._by_phase if self._up <= _FEW else self._by_row)(history, out)
        self._made = due
        keep = due * self._down // self._up - (self._reach - 1)
        self._history = history[keep - self._first :]
        self._first = keep
        return out

    def _by_phase(self, history: Samples, out: Samples) -> None:
        """For few phases: outputs of one phase are evenly spaced, so their inputs need no copy."""
        step = history.itemsize
        for first in range(min(self._up, len(out))):
            phase = out[first :: self._up]
            at = (self._made + first) * self._down
            begin = at // self._up - (self._reach - 1) - self._first
            shape, strides = (len(phase), 2 * self._reach), (self._down * step, step)
            rows: Samples = np.ndarray(shape, np.float32, history, begin * step, strides)
            np.einsum("ij,j->i", rows, self._table[at % self._up], out=phase)

    def _by_row(self, history: Samples, out: Samples) -> None:
        """For many phases: gather the input and the weights of every output."""
        windows = np.lib.stride_tricks.sliding_window_view(history, 2 * self._reach)
        for begin in range(0, len(out), _BATCH):
            part = out[begin : begin + _BATCH]
            at = np.arange(self._made + begin, self._made + begin + len(part)) * self._down
            rows = windows[at // self._up - (self._reach - 1) - self._first]
            np.einsum("ij,ij->i", rows, self._table[at % self._up], out=part)

    def flush(self) -> Samples:
        """The rest, as if silence followed; a little more than is due, for the caller to cut."""
        return self.push(np.zeros(2 * self._reach, np.float32))


def _phases(from_rate: int, to_rate: int) -> int:
    return to_rate // gcd(from_rate, to_rate)


def _reach(from_rate: int, to_rate: int) -> int:
    """Input samples on each side of an output that count."""
    return int(np.ceil(ZEROS * max(1.0, from_rate / to_rate)))


@lru_cache(64)  # of up to 0.5 MB: many streams at one rate share the table
def _filter(from_rate: int, to_rate: int) -> Samples:
    """One row of weights per phase, shape (phases, 2 * reach); each row adds up to 1, so level is kept."""
    phases, reach = _phases(from_rate, to_rate), _reach(from_rate, to_rate)
    cutoff = _ROLLOFF * min(1.0, to_rate / from_rate)
    table: Samples = np.empty((phases, 2 * reach), np.float32)
    for begin in range(0, phases, _ROWS):
        phase = np.arange(begin, min(begin + _ROWS, phases))
        distance = np.arange(1 - reach, reach + 1)[None, :] - phase[:, None] / phases
        window = np.i0(_BETA * np.sqrt(np.maximum(1.0 - (distance / reach) ** 2, 0.0)))
        rows = np.sinc(cutoff * distance) * window
        table[phase] = rows / rows.sum(axis=1, keepdims=True)
    table.setflags(write=False)
    return table
