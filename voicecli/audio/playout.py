"""The loudspeaker's side of the player: what the output callback does with a block.

Everything here runs in the sound card's thread. It copies, counts and returns; the one exception is a wake-up
for the event loop, sent at most once for each wait that the loop has announced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.ring import Ring

__all__ = ["Playout"]

_NEVER = sys.maxsize
_NOT_YET = -sys.maxsize


class Playout:
    """Fills blocks from a ring: waits for the prebuffer, plays, fades out, and counts what was missing.

    Positions are samples since the ring began; times are monotonic seconds at the loudspeaker.
    """

    def __init__(self, ring: Ring, rate: int, fade: float = 0.005, settling: float = 0.0) -> None:
        """`settling`: seconds after the first sound in which the device's times still get better."""
        self._ring = ring
        self._rate = rate
        self._ramp = np.linspace(1.0, 0.0, max(2, round(fade * rate)), dtype=np.float32)
        # Set by the event loop, read here.
        self.prebuffer = 0  # samples that must wait in the ring before sound starts
        self.complete = True  # nothing more will be written: play what there is
        self.paused = False
        self.discard_to = 0  # everything written before this position is to be dropped
        self.audible_at = _NEVER  # position of the first sample that can be heard
        self.wake_at = _NEVER  # position at which the loop wants `wake` to be called
        self.wake: Callable[[], None] = _nothing
        # Set here, read by the event loop.
        self.blocks = 0  # blocks asked for, to tell a live device from a dead one
        self.anchor = (0, 0, 0.0)  # position, samples and time of the last block that had sound in it
        self.first_sound: float | None = None  # when the sample at `audible_at` is in the air
        self.underruns = 0  # times the sound broke off in the middle
        self.missing = 0  # samples of silence that these put in
        # Known here alone.
        self._asked = 0  # samples that the loudspeaker has asked for, silence included
        self._first = _NOT_YET  # which of them was the first audible one
        self._settling = round(settling * rate)
        self._flowing = False
        self._starved = 0  # samples of silence since the ring ran dry; an underrun once sound goes on

    def fill(self, out: Samples, time: float) -> int:
        """Fill `out`, whose first sample will be heard at `time`; return the samples that are not padding."""
        ring = self._ring
        start = ring.read
        self.blocks += 1
        if self.discard_to > start or self.paused:
            count = self._fade(out)
            ring.skip(self.discard_to)
        else:
            count = self._play(out)
        if count < len(out):
            out[count:] = 0.0
        if count:
            self.anchor = (start, count, time)
            if start <= self.audible_at < start + count:
                self._first = self._asked + self.audible_at - start
        if self._asked <= self._first + self._settling:
            # Sound servers report too much delay while a stream opens, and sound that breaks off later is no
            # news of the first: of all that the blocks say about its time, the earliest is true.
            first = time + (self._first - self._asked) / self._rate
            self.first_sound = first if self.first_sound is None else min(first, self.first_sound)
        self._asked += len(out)
        if ring.read >= self.wake_at:
            self.wake_at = _NEVER
            self.wake()
        return count

    def _play(self, out: Samples) -> int:
        ring = self._ring
        complete = self.complete  # before the samples: once it is true, all of them are in the ring
        if not self._flowing:
            waiting = ring.readable
            if not waiting or (waiting < self.prebuffer and not complete):
                if complete:
                    self._starved = 0
                elif self._starved:
                    self._starved += len(out)
                return 0
            self._flowing = True
            if self._starved:
                self.underruns += 1
                self.missing += self._starved
                self._starved = 0
        count = ring.pull(out)
        if count < len(out):
            self._flowing = False
            if not complete:
                self._starved = len(out) - count
        return count

    def _fade(self, out: Samples) -> int:
        """Let sound that was flowing die away within this block."""
        self._starved = 0
        if not self._flowing:
            return 0
        self._flowing = False
        count = self._ring.pull(out[: len(self._ramp)])
        out[:count] *= self._ramp[:count] if count == len(self._ramp) else self._ramp[-count:]
        return count

    def expect(self, samples: Samples, since: int, audible: float) -> None:
        """Note the first audible of the samples to be written, unless there was one behind position `since`.

        For the event loop, before the callback can come by.
        """
        if since <= self.audible_at < self._ring.written + len(samples):
            return
        loud = np.abs(samples) >= audible
        first = int(np.argmax(loud))
        if loud[first]:
            self.audible_at = self._ring.written + first

    def reset(self) -> None:
        """Begin a new count; for the event loop, while nothing flows."""
        self._first = _NOT_YET
        self.first_sound = None
        self.audible_at = _NEVER
        self.underruns = self.missing = 0


def _nothing() -> None:
    pass
