"""A budget that fills again as time goes by; time is an argument."""

from __future__ import annotations

__all__ = ["Bucket"]


class Bucket:
    """So much may be taken at once."""

    __slots__ = ("_filled", "_left", "_rate", "size")

    def __init__(self, size: float, rate: float, now: float) -> None:
        self.size = size
        self._rate = rate  # a second
        self._left = size
        self._filled = now  # when that was right

    def take(self, amount: float, now: float) -> float:
        """Take it in any case; seconds to wait until it is made good."""
        self._left = min(self.size, self._left + (now - self._filled) * self._rate) - amount
        self._filled = now
        return max(0.0, -self._left / self._rate)
