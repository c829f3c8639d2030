"""Voice activity: what a detector is, and the windows it eats."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, Self

import numpy as np

from voicecli.audio.block import Samples

__all__ = ["RATE", "WINDOW", "WINDOW_SECONDS", "VoiceDetector", "Window", "Windows", "check"]

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
    time: float  # seconds of sound before its first sample


def check(window: Samples) -> None:
    """Raises ValueError for a window of another length."""
    if window.shape != (WINDOW,):
        raise ValueError(f"a window has {WINDOW} samples, not {window.shape}")


class Windows:
    """Cuts samples at `RATE` into windows, dated by the samples before them.

    Samples that are not finite become 0.
    """

    def __init__(self) -> None:
        self.count = 0  # samples so far
        self._rest: Samples = np.empty(0, np.float32)

    def push(self, samples: Samples) -> list[Window]:
        """Return the windows that `samples` complete."""
        if not len(samples):
            return []
        first = self.count - len(self._rest)
        self.count += len(samples)
        # Concatenating copies, so the windows stay valid when the caller uses its array again.
        samples = np.concatenate((self._rest, samples), dtype=np.float32)
        if not math.isfinite(np.vdot(samples, samples)):
            # One NaN from a broken driver would silence every sum it enters.
            samples[~np.isfinite(samples)] = 0.0
        whole = len(samples) // WINDOW * WINDOW
        self._rest = samples[whole:]
        return [
            Window(samples[start : start + WINDOW], (first + start) / RATE)
            for start in range(0, whole, WINDOW)
        ]

    def flush(self) -> list[Window]:
        """At the end of the stream: the samples left over, filled up with silence, as at most one window."""
        rest, first = self._rest, self.count - len(self._rest)
        self.skip(0)
        return [Window(np.pad(rest, (0, WINDOW - len(rest))), first / RATE)] if len(rest) else []

    def skip(self, count: int) -> None:
        """Drop the samples left over, and let `count` more pass unseen."""
        self.count += count
        self._rest = np.empty(0, np.float32)
