"""Where exactly speech began and ended, within the windows that a detector found voiced.

A detector says so 30 ms late at the start and 70 ms late at the end (medians for Silero on recorded speech),
and in steps of its window. The loudness of frames of 8 ms says it within about 15 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicecli.speech.vad import RATE, WINDOW_SECONDS, Window

__all__ = ["EdgeOptions", "Edges"]

FRAME = 128  # samples: 8 ms, four to a window
FRAME_SECONDS = FRAME / RATE
TOGETHER = 8  # windows that are measured in one go, unless an edge is asked for before
SILENCE = 1e-10  # mean square of -100 dBFS: digital silence must not make a floor out of reach


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeOptions:
    share: float = 0.3  # of the way from the noise floor to the speech, in decibels: louder is voiced
    least: float = 6.0  # decibels above the noise floor that are needed at any rate
    memory: float = 2.0  # seconds of loudness that are kept: the floor is among them
    early: float = 0.1  # seconds by which speech may have begun before its first voiced window
    late: float = 0.06  # seconds into the voiced windows by which it has begun
    tail: float = 0.2  # seconds of voiced windows at the end that may in truth be silence
    beyond: float = 0.03  # seconds by which speech may outlast its last voiced window

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError("share must be between 0 and 1")
        if min(self.least, self.early, self.late, self.tail, self.beyond) < 0 or self.memory < 0.5:
            raise ValueError("memory must be at least 0.5 s, and nothing else negative")


class Edges:
    """Follows the loudness of a stream; pure, and about 4 µs a window."""

    def __init__(self, options: EdgeOptions | None = None) -> None:
        self.options = options or EdgeOptions()
        self._levels: deque[float] = deque(maxlen=round(self.options.memory / FRAME_SECONDS))
        self._end = 0.0  # seconds: of what is measured
        self._waiting: list[Window] = []  # not measured yet
        self._last = 0.0  # the sample before them
        self._edge = -np.inf  # the edge found last: the next one does not lie before it

    def push(self, window: Window) -> None:
        """Take the next window, before asking for an edge in it."""
        self._waiting.append(window)
        if len(self._waiting) == TOGETHER:
            self._measure()

    def start(self, time: float) -> float:
        """The first voiced sample, given that the first voiced window begins at `time` (seconds)."""
        levels, times = self._measured()
        before, after = levels[times < time - FRAME_SECONDS / 2], levels[times >= time - FRAME_SECONDS / 2]
        if not len(before) or not len(after):
            return self._keep(time)
        floor, speech = float(np.percentile(before, 20)), float(np.percentile(after, 90))
        near = (times >= time - self.options.early) & (times < time + self.options.late)
        voiced = times[near & (levels >= self._threshold(floor, speech))]
        return self._keep(float(voiced[0]) if len(voiced) else time)

    def stop(self, time: float) -> float:
        """The last voiced sample, given that the last voiced window ends at `time` (seconds)."""
        levels, times = self._measured()
        spoken = levels[(times >= time - 0.6) & (times < time - FRAME_SECONDS / 2)]
        if not len(spoken):
            return self._keep(time)
        speech = float(np.percentile(spoken, 90))
        # The silence after the end is the noise of this moment, unless it is a loud breath or another sound.
        floor = max(float(np.percentile(levels, 5)), min(float(np.median(levels[-10:])), speech - 10.0))
        near = (times >= time - self.options.tail) & (times < time + self.options.beyond)
        voiced = times[near & (levels >= self._threshold(floor, speech))]
        return self._keep(float(voiced[-1]) + FRAME_SECONDS if len(voiced) else time)

    def reset(self) -> None:
        self._waiting.clear()
        self._levels.clear()
        self._last = 0.0
        self._edge = -np.inf

    def _measure(self) -> None:
        """Decibels of each frame, without the converter's offset, and low hum damped by pre-emphasis."""
        if not self._waiting:
            return
        samples = np.concatenate([window.samples for window in self._waiting])
        clear = np.empty(len(samples), np.float32)
        clear[0] = samples[0] - 0.9 * self._last
        np.subtract(samples[1:], 0.9 * samples[:-1], out=clear[1:])
        self._last = float(samples[-1])
        frames = clear.reshape(-1, FRAME)
        frames -= frames.mean(axis=1, keepdims=True)
        power = np.nan_to_num(np.einsum("ij,ij->i", frames, frames) / FRAME)
        self._levels.extend((10.0 * np.log10(power + SILENCE)).tolist())
        self._end = self._waiting[-1].time + WINDOW_SECONDS
        self._waiting.clear()

    def _measured(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self._measure()
        levels = np.array(self._levels)
        return levels, self._end + FRAME_SECONDS * np.arange(-len(levels), 0.0)

    def _threshold(self, floor: float, speech: float) -> float:
        return floor + max(self.options.least, self.options.share * (speech - floor))

    def _keep(self, edge: float) -> float:
        self._edge = max(edge, float(self._edge))
        return self._edge
