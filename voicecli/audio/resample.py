"""Sample rates: a streaming resampler, and the door to soxr.

Measured over 10 ms blocks, the sound that has gone in and not yet come out, on average and at worst (ms):

    from → to         LIVE        QQ          LQ           MQ           HQ
    48000 → 16000     2.0         0.0         11 / 20      21 / 38      22 / 37
    44100 → 16000     2.0         0.0         11 / 22      23 / 41      23 / 40
    22050 → 24000     1.5         0.1         1            23 / 43      24 / 42
    24000 → 48000     1.3         0.1         11 / 20      21 / 39      21 / 38

soxr filters in blocks, and its only quick setting, QQ, lets everything above the new half rate fold back as
it is. So live sound goes through `_Polyphase` (70 dB of stop band), and soxr does whole recordings.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.errors import UsageError

if TYPE_CHECKING:
    import soxr

__all__ = ["OneRate", "Quality", "Resampler", "resample"]

_ZEROS: Final = 32  # zero crossings of the sinc on each side
_BETA: Final = 7.0  # of the Kaiser window: 70 dB
_ROLLOFF: Final = 0.93  # of the half rate: the middle of the transition, which ends at the half rate
_LARGEST_TABLE: Final = 1 << 17  # coefficients: beyond it, the rates have too little in common
_ROWS: Final = 128  # designed at a time: 0.1 MB, and never long without letting other threads go on
_FEW: Final = 8  # phases
_BATCH: Final = 2048  # outputs at a time, so that a long push needs no large matrix


class Quality(StrEnum):
    """LIVE delays by 2 ms at most; the others are soxr's."""

    LIVE = "live"
    LQ = "lq"
    HQ = "hq"
    VHQ = "vhq"


class Resampler:
    """Mono samples at one rate in, at another out, in pieces of any length.

    After `flush` the output has exactly round(n * to_rate / from_rate) samples, in step with the input.
    Equal rates pass the samples on as they are, without any library.
    """

    def __init__(self, from_rate: int, to_rate: int, quality: Quality = Quality.LIVE) -> None:
        """Raises UsageError for rates that are none."""
        if from_rate <= 0 or to_rate <= 0:
            raise UsageError(f"Cannot resample from {from_rate} to {to_rate} Hz.", "A rate is above zero.")
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._converter = _converter(from_rate, to_rate, quality)
        self._taken = 0
        self._given = 0

    def push(self, samples: Samples) -> Samples:
        """What has become certain."""
        if self._converter is None:
            return samples
        self._taken += len(samples)
        return self._limited(self._converter.push(np.ascontiguousarray(samples, np.float32)))

    def flush(self) -> Samples:
        """The rest. Nothing may be pushed afterwards."""
        if self._converter is None:
            return np.zeros(0, np.float32)
        rest = self._limited(self._converter.flush())
        missing = self._due - self._given
        self._given += missing
        return np.concatenate((rest, np.zeros(missing, np.float32))) if missing > 0 else rest

    @property
    def _due(self) -> int:
        return (2 * self._taken * self.to_rate + self.from_rate) // (2 * self.from_rate)

    def _limited(self, samples: Samples) -> Samples:
        """No more than the input so far is worth: a converter may round up."""
        samples = samples[: max(self._due - self._given, 0)]
        self._given += len(samples)
        return samples


class OneRate:
    """Sound whose rate may change on its way, at one rate: the given one, or the first it had.

    A stream may be several recordings one after the other; who plays it wants one rate.
    """

    def __init__(self, rate: int | None = None) -> None:
        self.rate = rate  # samples a second, once there were samples
        self._resampler: Resampler | None = None

    def push(self, samples: Samples, rate: int) -> Samples:
        """`samples` at the one rate, after what is left of the ones before."""
        if self.rate is None:
            self.rate = rate
        if rate == (self.rate if self._resampler is None else self._resampler.from_rate):
            return samples if self._resampler is None else self._resampler.push(samples)
        rest = self.flush()
        if rate != self.rate:
            self._resampler = Resampler(rate, self.rate)
            samples = self._resampler.push(samples)
        return np.concatenate((rest, samples))

    def flush(self) -> Samples:
        """What the resampler still holds, if there is one."""
        resampler, self._resampler = self._resampler, None
        return np.zeros(0, np.float32) if resampler is None else resampler.flush()


def resample(samples: Samples, from_rate: int, to_rate: int, quality: Quality = Quality.HQ) -> Samples:
    """A whole recording at another rate."""
    resampler = Resampler(from_rate, to_rate, quality)
    return np.concatenate((resampler.push(samples), resampler.flush()))


class _Polyphase:
    """A resampler that hardly delays: one windowed-sinc filter, cut into phases; sample 0 is the same moment.

    An output needs `_ZEROS` periods of the slower rate after its moment: 2 ms at 16 kHz, 1.3 ms at 24 kHz,
    whatever the block size. Method: J. O. Smith, "Digital Audio Resampling", with a Kaiser window.
    """

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


def _fits(from_rate: int, to_rate: int) -> bool:
    """Whether the filter for these rates is of a reasonable size."""
    return _phases(from_rate, to_rate) * 2 * _reach(from_rate, to_rate) <= _LARGEST_TABLE


def _phases(from_rate: int, to_rate: int) -> int:
    return to_rate // gcd(from_rate, to_rate)


def _reach(from_rate: int, to_rate: int) -> int:
    """Input samples on each side of an output that count."""
    return int(np.ceil(_ZEROS * max(1.0, from_rate / to_rate)))


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


class _Soxr:
    """soxr, which has no way to be asked for no samples."""

    def __init__(self, from_rate: int, to_rate: int, quality: Quality) -> None:
        import soxr

        self._stream: soxr.ResampleStream = soxr.ResampleStream(from_rate, to_rate, 1, quality=quality.value)

    def push(self, samples: Samples) -> Samples:
        return np.asarray(self._stream.resample_chunk(samples), np.float32) if len(samples) else samples

    def flush(self) -> Samples:
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)


def _converter(from_rate: int, to_rate: int, quality: Quality) -> _Polyphase | _Soxr | None:
    if from_rate == to_rate:
        return None
    if quality is Quality.LIVE:
        if _fits(from_rate, to_rate):
            return _Polyphase(from_rate, to_rate)
        quality = Quality.LQ  # for rates with too little in common, soxr's quickest that filters
    return _Soxr(from_rate, to_rate, quality)
