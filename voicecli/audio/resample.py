"""Sample rates: a streaming resampler, and the door to soxr.

Measured over 10 ms blocks, the sound that has gone in and not yet come out, on average and at worst (ms):

    from → to         LIVE        QQ          LQ           MQ           HQ
    48000 → 16000     2.0         0.0         11 / 20      21 / 38      22 / 37
    44100 → 16000     2.0         0.0         11 / 22      23 / 41      23 / 40
    22050 → 24000     1.5         0.1         1            23 / 43      24 / 42
    24000 → 48000     1.3         0.1         11 / 20      21 / 39      21 / 38

soxr filters in blocks, and its only quick setting, QQ, lets everything above the new half rate fold back as
it is. So live sound goes through `polyphase` (70 dB of stop band), and soxr does whole recordings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.polyphase import Polyphase, fits
from voicecli.errors import UsageError

if TYPE_CHECKING:
    import soxr

__all__ = ["OneRate", "Quality", "Resampler", "resample"]


class Quality(StrEnum):
    """LIVE delays by 2 ms at most; the others are soxr's."""

    LIVE = "live"
    QQ = "qq"
    LQ = "lq"
    MQ = "mq"
    HQ = "hq"
    VHQ = "vhq"


class _Converter(Protocol):
    def push(self, samples: Samples) -> Samples: ...

    def flush(self) -> Samples: ...


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


class _Soxr:
    """soxr, which has no way to be asked for no samples."""

    def __init__(self, from_rate: int, to_rate: int, quality: Quality) -> None:
        import soxr

        self._stream: soxr.ResampleStream = soxr.ResampleStream(from_rate, to_rate, 1, quality=quality.value)

    def push(self, samples: Samples) -> Samples:
        return np.asarray(self._stream.resample_chunk(samples), np.float32) if len(samples) else samples

    def flush(self) -> Samples:
        return np.asarray(self._stream.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)


def _converter(from_rate: int, to_rate: int, quality: Quality) -> _Converter | None:
    if from_rate == to_rate:
        return None
    if quality is Quality.LIVE:
        if fits(from_rate, to_rate):
            return Polyphase(from_rate, to_rate)
        quality = Quality.LQ  # for rates with too little in common, soxr's quickest that filters
    return _Soxr(from_rate, to_rate, quality)
