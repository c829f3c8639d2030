"""How unevenly audio arrives, and so how much of it to hold before the sound starts."""

from __future__ import annotations

__all__ = ["Arrivals"]

_KEPT = 0.7  # what is left of an old estimate after one calm reply


class Arrivals:
    """Tracks how far playback would have run dry had it started with the first chunk.

    A reply whose chunks come at times t_i carrying a_i seconds needs a head start of
    max_i (t_i − t_0 − Σ_{j<i} a_j): the classic playout-delay argument. Over replies the estimate follows a
    rise at once and forgets slowly.
    """

    def __init__(self) -> None:
        self._estimate = 0.0
        self._worst = 0.0
        self._began: float | None = None
        self._supplied = 0.0

    def begin(self) -> None:
        """A new reply starts."""
        self._estimate = max(self._worst, self._estimate * _KEPT)
        self._worst = 0.0
        self._began = None
        self._supplied = 0.0

    def push(self, time: float, seconds: float) -> None:
        """`seconds` of audio arrived at `time`."""
        if self._began is None:
            self._began = time
        self._worst = max(self._worst, time - self._began - self._supplied)
        self._supplied += seconds

    @property
    def head_start(self) -> float:
        """Seconds of audio to hold so that such a reply would not have broken off."""
        return max(self._estimate, self._worst)
