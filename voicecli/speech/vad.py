"""Voice activity: what a detector is, and the windows it eats."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple, Protocol, Self

import numpy as np

from voicecli.audio.block import Block, Samples

__all__ = ["RATE", "WINDOW", "WINDOW_SECONDS", "VoiceDetector", "Window", "Windows"]

RATE = 16_000  # samples a second
WINDOW = 512  # samples
WINDOW_SECONDS = WINDOW / RATE


class VoiceDetector(Protocol):
    """Tells speech from everything else, window by window; one instance a stream.

    An engine as providers/engine.py describes one: a class with `name`, `Options` and `missing(options)`.
    Entering it loads what it needs without blocking the event loop; it also works without being entered, and
    then the first window waits for the load.
    """

    @property
    def name(self) -> str: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    def probability(self, window: Samples) -> float:
        """From 0 (no speech) to 1, for `WINDOW` samples at `RATE` that follow those of the call before.

        Raises LibraryMissing or SettingsError when what it needs cannot be loaded, ValueError for a window of
        another length.
        """
        ...

    def reset(self) -> None:
        """Forget the stream so far: the next window begins another one."""
        ...


class Window(NamedTuple):
    """`WINDOW` consecutive samples."""

    samples: Samples
    time: float  # monotonic seconds at which the first sample was at the microphone


class Windows:
    """Cuts blocks of any length into windows; each is dated by the block in which it begins.

    Samples that are not finite become 0.
    """

    def __init__(self) -> None:
        self._pending: Samples = np.empty(0, np.float32)
        self._anchors: deque[tuple[int, float]] = deque()  # (where a block begins in pending, its time)

    def push(self, block: Block) -> list[Window]:
        """Return the windows that `block` completes.

        Raises ValueError when the block is not at `RATE`.
        """
        if block.rate != RATE:
            raise ValueError(f"windows are cut at {RATE} Hz, not {block.rate} Hz: resample first")
        if not len(block.samples):
            return []
        self._anchors.append((len(self._pending), block.time))
        # Concatenating copies, so the windows stay valid when the caller uses its array again.
        samples = np.concatenate((self._pending, block.samples), dtype=np.float32)
        if not math.isfinite(np.vdot(samples, samples)):
            # One NaN from a broken driver would silence every sum it enters.
            samples[~np.isfinite(samples)] = 0.0
        whole = len(samples) // WINDOW * WINDOW
        windows = [
            Window(samples[start : start + WINDOW], self._time(start)) for start in range(0, whole, WINDOW)
        ]
        self._drop(whole)
        self._pending = samples[whole:]
        return windows

    def flush(self) -> list[Window]:
        """At the end of the stream: the samples left over, filled up with silence, as at most one window."""
        if not len(self._pending):
            return []
        samples = np.zeros(WINDOW, np.float32)
        samples[: len(self._pending)] = self._pending
        window = Window(samples, self._time(0))
        self.reset()
        return [window]

    def reset(self) -> None:
        self._pending = np.empty(0, np.float32)
        self._anchors.clear()

    def _time(self, position: int) -> float:
        while len(self._anchors) > 1 and self._anchors[1][0] <= position:
            self._anchors.popleft()
        start, time = self._anchors[0]
        return time + (position - start) / RATE

    def _drop(self, count: int) -> None:
        """Count positions from `count` on, and forget the blocks that lie wholly before it."""
        while len(self._anchors) > 1 and self._anchors[1][0] <= count:
            self._anchors.popleft()
        self._anchors = deque((start - count, time) for start, time in self._anchors)
