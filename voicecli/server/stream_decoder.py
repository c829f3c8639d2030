"""Interleaved PCM off the wire to one row of samples at 16 kHz for each channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.audio.resample import Resampler
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.wire.recognition import Format

__all__ = ["StreamDecoder"]

_PIECE = 0.25  # seconds of sound that are decoded at a time
_LARGEST = 1 << 16  # samples of all channels that are decoded at a time
_FULL = 1.0  # full scale
_LOUD = 16.0  # times full scale: such samples are scaled as integers are


class StreamDecoder:
    """Takes bytes in messages of any length, which may end within a sample.

    `complain` is told once a stream, in words for the client, of samples that cannot be meant: with the
    channel, or None for all. Samples that are not finite become silence, and what is beyond full scale is
    clipped.
    """

    def __init__(self, format: Format, complain: Callable[[str, int | None], None]) -> None:
        """May take 10 ms where a filter for an odd rate has to be made."""
        self._format = format
        self._complain = complain
        self._resamplers = [Resampler(format.sample_rate, LISTENING_RATE) for _ in range(format.channels)]
        frames = min(round(_PIECE * format.sample_rate), _LARGEST // format.channels)
        self._step = max(1, frames) * format.frame_bytes
        self._rest = b""
        self._not_finite: set[int] = set()
        self._loud = False

    @property
    def rest(self) -> int:
        """Bytes of a frame that has begun."""
        return len(self._rest)

    def decode(self, data: bytes) -> Iterator[list[Samples]]:
        """Yield the sound of `data` in pieces of at most 0.25 s, each with a row for each channel.

        Works as it is iterated: always to the end, unless the stream is given up.
        """
        if self._rest:
            data, self._rest = self._rest + data, b""
        whole = len(data) - len(data) % self._format.frame_bytes
        self._rest = data[whole:]
        view = memoryview(data)
        for begin in range(0, whole, self._step):
            rows = self._rows(view[begin : min(begin + self._step, whole)])
            yield [resampler.push(row) for resampler, row in zip(self._resamplers, rows, strict=True)]

    def flush(self) -> list[Samples]:
        """What the resamplers still hold; a frame that only began is dropped."""
        self._rest = b""
        return [resampler.flush() for resampler in self._resamplers]

    def _rows(self, data: memoryview) -> list[Samples]:
        format = self._format
        if format.is_float:
            samples = self._sound(np.frombuffer(data, "<f4").astype(np.float32))
        elif format.bit_depth == 16:
            samples = np.frombuffer(data, "<i2") * np.float32(1 / 32_768)
        else:
            samples = (np.frombuffer(data, "<i4") * (1 / 2**31)).astype(np.float32)
        if format.channels == 1:
            return [samples]
        return list(np.ascontiguousarray(samples.reshape(-1, format.channels).T))

    def _sound(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make sure of floats, for any bits may be one."""
        with np.errstate(over="ignore", invalid="ignore"):
            power = float(np.vdot(samples, samples))
        if power <= _FULL:
            return samples  # then no sample is beyond
        finite = np.isfinite(samples) if not math.isfinite(power) else None
        if finite is not None and not finite.all():
            wrong = np.flatnonzero(~finite.reshape(-1, self._format.channels).all(axis=0))
            for channel in (int(channel) for channel in wrong if int(channel) not in self._not_finite):
                self._not_finite.add(channel)
                self._complain("Samples that are not finite numbers (NaN, infinity) are silence.", channel)
            samples = np.where(finite, samples, np.float32(0.0))
        if not self._loud and float(np.abs(samples).max()) > _LOUD:
            self._loud = True
            self._complain("Samples go from -1 to 1 in this format; what is beyond is clipped.", None)
        return np.clip(samples, -_FULL, _FULL)
