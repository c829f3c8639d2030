"""Microphones: a device, a file played in real time, or a pipe."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import BinaryIO, Protocol, Self

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.audio.clock import InputClock
from voicecli.audio.wakeup import DEAD, Wakeup
from voicecli.errors import DeviceLost

__all__ = ["DeviceMicrophone", "Input", "Microphone", "PacedMicrophone", "pcm_pieces"]

_BLOCK = 0.02  # seconds of a block that is not cut by a sound card
_KEPT = 30.0  # seconds of unread sound that a device microphone keeps before it counts an overflow
_READ = 640  # bytes of a pipe: 20 ms at 16 kHz
_AHEAD = 50  # reads of a pipe that may wait to be heard


class Microphone(Protocol):
    """Where blocks come from."""

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> int:
        """Samples a second."""
        ...

    @property
    def overflows(self) -> int:
        """Blocks that were lost because nobody took them in time."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks until the microphone ends; a device never does. Raises DeviceLost, DecodeError."""
        ...


class Input(Protocol):
    """A device that calls back, as `DeviceInput` does."""

    name: str
    rate: int

    def start(self, take: Callable[[Samples, float, bool], None], lost: Callable[[str], None]) -> None: ...

    def close(self) -> None: ...


class DeviceMicrophone:
    """A real microphone; its callback copies, counts and returns."""

    def __init__(self, device: Input) -> None:
        self._device = device
        self.name = device.name
        self.rate = device.rate
        self.overflows = 0
        # Appending to and popping from a deque needs no lock.
        self._blocks: deque[tuple[Samples, float, float, bool]] = deque()
        self._clock = InputClock(device.rate)
        self._wakeup = Wakeup()

    async def __aenter__(self) -> Self:
        self._wakeup.attach()
        await asyncio.to_thread(self._device.start, self._take, self._wakeup.lose)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self._device.close)

    def _take(self, samples: Samples, at: float, overflowed: bool) -> None:
        if overflowed:
            self.overflows += 1
        if len(self._blocks) * len(samples) > _KEPT * self.rate:
            self.overflows += 1
            return
        self._blocks.append((samples, at, time.monotonic(), overflowed))
        self._wakeup.ring()

    def _dated(self, samples: Samples, at: float, taken: float, overflowed: bool) -> Block:
        if overflowed:
            self._clock.reset()
        return Block(samples, self.rate, self._clock.push(len(samples), at, taken))

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield what the device hears. Raises DeviceLost when it goes away or dies without a word."""
        while True:
            while self._blocks:
                yield self._dated(*self._blocks.popleft())
            if self._wakeup.lost is not None:
                reason = self._wakeup.lost
                raise DeviceLost(reason, "Plug it in again, or choose another: `voicecli devices`.")
            self._wakeup.clear()
            if not self._blocks and self._wakeup.lost is None and not await self._wakeup.wait():
                self._wakeup.lost = f"The microphone {self.name} has sent nothing for {DEAD:.0f} seconds."


class PacedMicrophone:
    """Sound from elsewhere, handed out at the pace at which a microphone would hear it.

    `pieces` yields mono samples at `rate`. After its end there is silence for as long as `linger` says, so
    that the last thing said is answered. `live` is for sound that is made while it is read: what comes late
    is heard late. With `real_time` false nothing waits for the clock, but each block waits for `hold`, so
    that what is heard never runs ahead of what is being answered.
    """

    def __init__(
        self,
        name: str,
        rate: int,
        pieces: AsyncIterator[Samples],
        *,
        live: bool = False,
        real_time: bool = True,
        hold: Callable[[], Awaitable[object]] | None = None,
        linger: Callable[[], bool] | None = None,
    ) -> None:
        self.name = name
        self.rate = rate
        self.overflows = 0
        self._pieces = pieces
        self._live = live
        self._real_time = real_time
        self._hold = hold
        self._linger = linger

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks of 20 ms, each at the moment at which its last sample would have been heard."""
        size = max(1, round(_BLOCK * self.rate))
        began = time.monotonic()
        position = 0
        async for samples in self._everything(size):
            length = len(samples) / self.rate
            if self._real_time:
                late = time.monotonic() - (began + position / self.rate + length)
                if self._live and late > 0:
                    began += late
                await asyncio.sleep(max(0.0, -late))
                at = began + position / self.rate
            else:
                if self._hold is not None:
                    await self._hold()
                await asyncio.sleep(0)
                at = time.monotonic() - length
            yield Block(samples, self.rate, at)
            position += len(samples)

    async def _everything(self, size: int) -> AsyncIterator[Samples]:
        async for piece in self._pieces:
            for start in range(0, len(piece), size):
                yield piece[start : start + size]
        silence = np.zeros(size, np.float32)
        while self._linger is not None and self._linger():
            yield silence


async def pcm_pieces(pipe: BinaryIO) -> AsyncIterator[Samples]:
    """Yield the samples of raw s16le from a pipe as they come; half a sample at the end is dropped."""
    # A daemon thread, not the loop's executor: a read that never returns must not hold up the exit.
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)

    def read() -> None:
        data = b"-"
        while data:
            room.acquire()
            data = os.read(pipe.fileno(), _READ)
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, data)
            except RuntimeError:  # the loop has ended
                return

    threading.Thread(target=read, name="stdin", daemon=True).start()
    rest = b""
    while data := await chunks.get():
        room.release()
        data = rest + data
        whole = len(data) // 2 * 2
        rest = data[whole:]
        yield np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768.0
