"""The round trip: a soft sweep goes out through the loudspeaker, and the microphone hears when it comes back.

It tells two things: how long sound takes from the program to the air and back, and whether the times that the
devices state for their blocks are true, for every latency that is reported rests on them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.clock import InputClock
from voicecli.audio.microphone import Input
from voicecli.audio.player import OutputDevice
from voicecli.errors import DeviceLost

__all__ = ["Echo", "RoundTrip", "locate", "round_trip", "sweep"]

LENGTH = 0.25  # seconds of the sweep
LEVEL = 0.12  # of full scale: heard in a quiet room, loud in none
BAND = (400.0, 6000.0)  # Hz: what every loudspeaker plays and every microphone hears
SURE = 0.3  # correlation from which it is the sweep; noise and speech stay below 0.1 (0 to 1)

_SETTLING = 0.8  # seconds with both devices open before the sweep; their times jump at first
_PATIENCE = 4.0  # seconds until both have begun; PulseAudio's null sink may take two
_ECHO = 1.2  # seconds in which it must come back
_POLL = 0.02  # seconds between two looks at what has come


@dataclass(frozen=True, slots=True)
class Echo:
    """Where a sweep was found in what was heard."""

    position: int  # sample at which it begins
    likeness: float  # correlation with the sweep, 0 to 1
    level: float  # dB: how loud it was heard, against how loud it was played


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A sweep that came back; seconds."""

    whole: float  # from handing it to the loudspeaker's device until the microphone's device gave it back
    error: float  # by which the stated times of the two devices contradict each other; distance included
    level: float  # dB: how loud it was heard, against how loud it was played


def sweep(rate: int) -> Samples:
    """An exponential sweep through `BAND`, faded at both ends, at `rate`.

    Formula: A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine
    technique", AES 108 (2000).
    """
    low, high = BAND
    high = min(high, 0.45 * rate)
    at = np.arange(round(LENGTH * rate)) / rate
    growth = np.log(high / low)
    tone = np.sin(2 * np.pi * low * LENGTH / growth * np.expm1(at / LENGTH * growth))
    fade = np.minimum(1.0, np.minimum(at, LENGTH - at) / 0.02)
    samples: Samples = (LEVEL * tone * fade).astype(np.float32)
    return samples


def locate(heard: Samples, rate: int) -> Echo | None:
    """The sweep in what a microphone heard at `rate`; None if it is not there."""
    wanted = sweep(rate).astype(np.float64)
    if len(heard) < len(wanted):
        return None
    sound = np.nan_to_num(heard.astype(np.float64))
    size = 1 << (len(sound) + len(wanted) - 1).bit_length()
    product = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size))
    match = np.fft.irfft(product, size)[: len(sound) - len(wanted) + 1]
    energy = np.concatenate(([0.0], np.cumsum(sound**2)))
    around = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 0.0))
    loud = float(np.sqrt(wanted @ wanted))
    likeness = np.abs(match) / np.maximum(around * loud, 1e-12)
    likeness[around < 1e-4 * loud] = 0.0  # what is 80 dB below is nothing
    position = int(likeness.argmax())
    if likeness[position] < SURE:
        return None
    level = 20 * np.log10(abs(match[position]) / loud**2)
    return Echo(position, float(likeness[position]), float(level))


class _Mouth:
    """What the loudspeaker's callback plays: silence, then the sweep once."""

    def __init__(self, rate: int) -> None:
        self._sound = sweep(rate)
        self._rate = rate
        self._position = 0
        self.wanted = False
        self.asked = False
        self.handed: float | None = None  # when the sweep's first block was filled
        self.aired: float | None = None  # when its first sample is in the air, as the device says

    def fill(self, out: Samples, at: float) -> int:
        self.asked = True
        out[:] = 0.0
        if not self.wanted or self._position == len(self._sound):
            return 0
        if self.handed is None:
            self.handed, self.aired = time.monotonic(), at
        piece = self._sound[self._position : self._position + len(out)]
        out[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def round_trip(
    microphone: Callable[[], Input], loudspeaker: Callable[[], OutputDevice], stop: threading.Event
) -> RoundTrip | None:
    """Play the sweep and listen for it, about three seconds; blocks, until `stop` is set at the latest.

    None when it did not come back. Raises DeviceError, DeviceLost.
    """
    blocks: list[tuple[Samples, float, float]] = []  # samples, time in the air, time of the callback
    lost: list[str] = []

    def take(samples: Samples, at: float, overflowed: bool) -> None:
        blocks.append((samples, at, time.monotonic()))

    heard = microphone()
    try:
        played = loudspeaker()
        mouth = _Mouth(played.rate)
        try:
            heard.start(take, lost.append)
            played.start(mouth.fill, lost.append)
            _wait(stop, lost, _PATIENCE, lambda: bool(blocks) and mouth.asked)
            _wait(stop, lost, _SETTLING, lambda: False)
            mouth.wanted = True
            _wait(stop, lost, _ECHO + LENGTH, lambda: False)
        finally:
            played.close()
    finally:
        heard.close()
    if lost:
        raise DeviceLost(lost[0], "Plug it in again, or choose another: `voicecli devices`.")
    return _judged(list(blocks), heard.rate, mouth)


def _wait(stop: threading.Event, lost: list[str], seconds: float, done: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not done() and not lost and not stop.wait(_POLL):
        pass


def _judged(blocks: list[tuple[Samples, float, float]], rate: int, mouth: _Mouth) -> RoundTrip | None:
    if mouth.handed is None or mouth.aired is None:
        return None
    clock = InputClock(rate)
    dated = [(samples, clock.push(len(samples), at, taken), taken) for samples, at, taken in blocks]
    since = [block for block in dated if block[2] >= mouth.handed]
    if not since:
        return None
    echo = locate(np.concatenate([samples for samples, _, _ in since]), rate)
    if echo is None:
        return None
    before = 0
    for samples, at, taken in since:
        if echo.position < before + len(samples):
            offset = (echo.position - before) / rate
            return RoundTrip(taken - mouth.handed, at + offset - mouth.aired, echo.level)
        before += len(samples)
    return None
