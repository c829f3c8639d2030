"""A voice detector without a model: louder than the noise, in the band where voices are."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from voicecli.audio.block import Samples
from voicecli.speech.vad import RATE, WINDOW, WINDOW_SECONDS, check

__all__ = ["EnergyDetector", "EnergyOptions"]

SILENCE = 1e-12  # mean square of -120 dBFS: below every converter's own noise


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyOptions:
    margin: float = 11.0  # decibels above the noise floor at which speech is as likely as not
    slope: float = 2.5  # decibels for a step from 0.5 to 0.73
    memory: float = 2.0  # seconds: the floor is the quietest moment of this time
    quiet: float = -50.0  # dBFS: the floor assumed at the start, where nothing came yet
    least: float = -66.0  # dBFS: no floor is taken to be lower, so breath in a dead silence is not speech
    low: float = 150.0  # hertz: sound below is ignored
    high: float = 4000.0  # hertz: sound above is ignored

    def __post_init__(self) -> None:
        if self.slope <= 0 or self.memory < WINDOW_SECONDS:
            raise ValueError("slope must be above 0 dB and memory at least 0.032 s")
        if not 0 <= self.low < self.high <= RATE / 2:
            raise ValueError(f"low and high must be a band within 0 and {RATE // 2} Hz")


class EnergyDetector:
    """Needs no model; takes any sudden sound for speech, and gets used to steady noise within `memory`."""

    name: ClassVar[str] = "energy"
    Options: ClassVar[type[EnergyOptions]] = EnergyOptions

    def __init__(self, options: EnergyOptions | None = None) -> None:
        self.options = options or EnergyOptions()
        hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
        band = np.flatnonzero((hertz >= self.options.low) & (hertz <= self.options.high))
        self._band = slice(int(band[0]), int(band[-1]) + 1)
        self._shape = np.hanning(WINDOW).astype(np.float32)
        # Parseval, two-sided: |X|² summed over half the spectrum, to the mean square of the samples.
        self._scale = 2.0 / (WINDOW * float(np.sum(np.square(self._shape))))
        self._levels: deque[float] = deque(maxlen=round(self.options.memory / WINDOW_SECONDS))
        self.reset()

    @staticmethod
    def missing(options: EnergyOptions) -> str | None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.reset()

    def probability(self, window: Samples) -> float:
        check(window)
        spectrum = np.fft.rfft(window * self._shape)[self._band]
        power = float(np.vdot(spectrum, spectrum).real) * self._scale
        level = 10.0 * math.log10(max(power, SILENCE)) if math.isfinite(power) else -120.0
        self._levels.append(level)
        floor = max(min(self._levels), self.options.least)
        steps = (level - floor - self.options.margin) / self.options.slope
        return 1.0 / (1.0 + math.exp(min(-steps, 700.0)))  # beyond that exp overflows

    def reset(self) -> None:
        self._levels.clear()
        # A stream may begin in the middle of a word, so half the memory starts out quiet.
        self._levels.extend([self.options.quiet] * ((self._levels.maxlen or 1) // 2 or 1))
