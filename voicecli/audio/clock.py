"""When a block of microphone samples was in the air: the device's own times, with their errors taken out.

A device counts samples evenly, so the times of all blocks of a stream lie on one line. Single reports do not:
a callback that runs late is dated late, and PulseAudio reports up to half a second too much delay while a
stream opens. The lowest estimate of the last second is the line; it follows the drift of the device's clock.
"""

from __future__ import annotations

__all__ = ["InputClock"]


class _Lowest:
    """The lowest value of the last one to two `memory` halves."""

    def __init__(self, memory: float) -> None:
        self._half = memory / 2  # seconds
        self._before = float("inf")
        self._now = float("inf")
        self._since: float | None = None

    def push(self, value: float, time: float) -> float:
        if self._since is None or time - self._since >= self._half:
            self._before, self._now, self._since = self._now, float("inf"), time
        self._now = min(self._now, value)
        return min(self._before, self._now)


class InputClock:
    """Dates the blocks of a microphone."""

    def __init__(self, rate: int, memory: float = 1.0) -> None:
        self._rate = rate
        self._memory = memory  # seconds
        self._lag = _Lowest(memory)  # how long a block takes from the air to the callback
        self.reset()

    def reset(self) -> None:
        """Samples were lost: the line begins anew."""
        self._heard = 0  # samples
        self._begin = _Lowest(self._memory)  # when the stream began, had every block come at once

    def push(self, count: int, reported: float, taken: float) -> float:
        """When the first of `count` samples was in the air.

        `reported` is what the device says, `taken` when its callback ran; all in seconds.
        """
        length = count / self._rate
        lag = self._lag.push(taken - length - reported, taken)
        begin = self._begin.push(taken - length - self._heard / self._rate, taken)
        time = begin + self._heard / self._rate - lag
        self._heard += count
        return time
