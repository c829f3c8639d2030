"""What a device's thread tells the event loop: that something has moved, or that the device is gone."""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ["DEAD", "Wakeup"]

DEAD: Final = 5.0  # seconds without a word from an open device; PulseAudio's null sink may take two to start


class Wakeup:
    """`ring` and `lose` may be called from any thread, the rest from one event loop."""

    def __init__(self) -> None:
        self.lost: str | None = None  # why the device is gone
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """From now on this is the event loop that is woken."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake who waits."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    def lose(self, reason: str) -> None:
        """The device is gone."""
        self.lost = reason
        self.ring()

    def clear(self) -> None:
        """Forget what has rung; look once more before you `wait`."""
        self._event.clear()

    async def wait(self) -> bool:
        """Wait for the next ring; False when there was none within `DEAD` seconds."""
        try:
            async with asyncio.timeout(DEAD):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
