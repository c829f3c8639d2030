"""How long a block of microphone samples was on its way, from estimates of which some are far too long."""

from __future__ import annotations

__all__ = ["Lag"]


class Lag:
    """The shortest lag of the last seconds.

    Sound servers report too much when a stream opens: PulseAudio up to half a second, which it takes as long
    to correct. Too little they do not report, and the true lag of a stream hardly changes.
    """

    def __init__(self, memory: float = 2.0) -> None:
        self._memory = memory / 2  # seconds in each of two buckets
        self._before = float("inf")
        self._now = float("inf")
        self._since: float | None = None

    def push(self, lag: float, time: float) -> float:
        """Take an estimate (seconds) made at `time`, and return what to go by."""
        if self._since is None or time - self._since >= self._memory:
            self._before, self._now, self._since = self._now, float("inf"), time
        self._now = min(self._now, lag)
        return min(self._before, self._now)
