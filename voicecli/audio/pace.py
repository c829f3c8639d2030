"""The pace of a rate limit: when the next piece may leave so that no more than so much waits to be heard."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Clock", "LoopClock", "Pace"]


class Clock(Protocol):
    """Where a rate limit has its time from."""

    def time(self) -> float:
        """Seconds, from any beginning, that never go back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class LoopClock:
    """The event loop's own clock."""

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Pace:
    """Follows how much of what was sent is still to be heard; times are in seconds."""

    def __init__(self, buffer_seconds: float) -> None:
        """`buffer_seconds`: a piece leaves when no more than this waits, so at most this and a piece do."""
        if not buffer_seconds >= 0:
            raise ValueError(f"buffer_seconds must not be negative, as {buffer_seconds:g} is")
        self._buffer = buffer_seconds
        self._heard: float | None = None  # when all that was sent has been heard

    def wait(self, now: float) -> float:
        """Seconds until the next piece may leave."""
        return 0.0 if self._heard is None else max(0.0, self._heard - now - self._buffer)

    def push(self, now: float, seconds: float) -> None:
        """A piece of so many seconds leaves."""
        self._heard = max(now, self._heard or now) + seconds

    async def keep(self, clock: Clock, seconds: float) -> None:
        """Wait until a piece of so many seconds may leave, and count it as gone."""
        if (wait := self.wait(clock.time())) > 0:
            await clock.sleep(wait)
        self.push(clock.time(), seconds)
