"""Plays audio while it is still being made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from voicecli.audio.block import Samples
from voicecli.audio.playout import Playout
from voicecli.audio.ring import Ring
from voicecli.audio.wakeup import DEAD, Wakeup
from voicecli.errors import DeviceLost

__all__ = ["Arrivals", "AudioStreamPlayer", "Output", "OutputDevice", "Played", "PlayerOptions", "Underruns"]

Fill = Callable[[Samples, float], int]

_KEPT = 0.7  # what is left of an old estimate of arrivals after one calm reply
_GRACE = 0.05  # seconds by which a device may be later than it says
_SETTLING = 1.0  # seconds after the first sound in which a device's times still get better


class OutputDevice(Protocol):
    """A loudspeaker: asks for blocks and puts them into the air."""

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> int:
        """Samples a second."""
        ...

    def start(self, fill: Fill, lost: Callable[[str], None]) -> None:
        """Call `fill(out, time)` for every block from now on; `time` is when it will be heard.

        `lost` is called, from any thread, when the loudspeaker goes away. Raises DeviceError.
        """
        ...

    def close(self) -> None:
        """Ask for no more blocks and let go of the device."""
        ...


class Output(OutputDevice, Protocol):
    """One that a conversation is heard on."""

    @property
    def latency(self) -> float:
        """Seconds from a block being filled to its first sample being heard."""
        ...

    @property
    def paced(self) -> bool:
        """Whether it asks for sound at the pace of time; only then can sound come too late."""
        ...

    def nudge(self) -> None:
        """Something was written; for outputs that take sound as fast as it comes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerOptions:
    """How much sound waits before and while it is played."""

    prebuffer: float = 0.06  # seconds of audio before sound starts
    max_prebuffer: float = 0.5  # seconds: how far it may grow when audio arrives unevenly
    adaptive: bool = True  # grow the prebuffer with the measured unevenness
    capacity: float = 4.0  # seconds of audio that the ring holds; its source waits when it is full
    fade: float = 0.005  # seconds in which an aborted sound dies away
    audible: float = 0.002  # amplitude from which a sample counts as sound (0.002 is -54 dBFS)

    def __post_init__(self) -> None:
        if not 0 <= self.prebuffer <= self.max_prebuffer <= self.capacity:
            raise ValueError("0 <= prebuffer <= max_prebuffer <= capacity must hold")
        if not 0 < self.capacity <= 600:
            raise ValueError("capacity must be between 0 and 600 seconds")


@dataclass(frozen=True, slots=True)
class Underruns:
    """Breaks in the middle of a sound."""

    count: int
    seconds: float  # of silence, all together


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


class Played:
    """How far the loudspeaker has come with a reply."""

    def __init__(self, output: Output, options: PlayerOptions) -> None:
        self.output = output
        self.rate = output.rate
        self._ring = Ring(max(1, round(options.capacity * self.rate)))
        self._playout = Playout(self._ring, self.rate, options.fade, _SETTLING if output.paced else 0.0)
        self._start = 0  # ring position at which the reply began

    @property
    def paused(self) -> bool:
        """Whether `pause` is in force."""
        return self._playout.paused

    @property
    def first_sound(self) -> float | None:
        """When the reply's first audible sample was, or will be, in the air."""
        return self._playout.first_sound

    @property
    def underruns(self) -> Underruns:
        """Of this reply; none where nothing is too late."""
        if not self.output.paced:
            return Underruns(0, 0.0)
        return Underruns(self._playout.underruns, self._playout.missing / self.rate)

    @property
    def prebuffer(self) -> float:
        """Seconds in force for this reply."""
        return self._playout.prebuffer / self.rate

    @property
    def written(self) -> float:
        """Seconds of this reply that were handed over."""
        return (self._ring.written - self._start) / self.rate

    def heard(self, now: float | None = None) -> float:
        """Seconds of this reply that have left the loudspeaker by `now`."""
        now = time.monotonic() if now is None else now
        position, count, at = self._playout.anchor
        passed = min(position + count, position + (now - at) * self.rate)
        return max(0.0, passed - self._start) / self.rate


class AudioStreamPlayer(Played):
    """A buffered player, used from one event loop; the loudspeaker's thread only ever meets the ring.

    One reply at a time: `begin`, any number of `write`, `finish`, `drained`. Nothing written is ever dropped
    but by `abort`.
    """

    def __init__(self, output: Output, options: PlayerOptions | None = None) -> None:
        self.options = options or PlayerOptions()
        super().__init__(output, self.options)
        self._arrivals = Arrivals()
        self._wakeup = Wakeup()

    async def __aenter__(self) -> Self:
        self._wakeup.attach()
        self._playout.wake = self._wakeup.ring
        # Opening a device can take a second, and must not hold up what else is starting.
        await asyncio.to_thread(self.output.start, self._playout.fill, self._wakeup.lose)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.abort()
        position, count, heard = self._playout.anchor
        if self.output.paced and self._wakeup.lost is None and position + count:
            # A device that is closed cuts off what it holds, and says too early when that is in the air.
            await asyncio.sleep(max(0.0, heard + count / self.rate + _GRACE - time.monotonic()))
        await asyncio.to_thread(self.output.close)

    def begin(self) -> None:
        """A new reply starts; what is left of the one before is dropped."""
        self.abort()
        self._playout.reset()
        self._start = self._ring.written
        self._arrivals.begin()
        self._playout.prebuffer = round(_prebuffer(self.options, self._arrivals) * self.rate)
        self._playout.complete = False

    async def write(self, samples: Samples) -> None:
        """Append mono samples at `rate`; waits while the ring is full.

        Raises DeviceLost when the loudspeaker went away.
        """
        if self._wakeup.lost is not None:
            raise DeviceLost(self._wakeup.lost)
        if not len(samples):
            return
        self._arrivals.push(time.monotonic(), len(samples) / self.rate)
        self._playout.prebuffer = round(_prebuffer(self.options, self._arrivals) * self.rate)
        self._playout.expect(samples, self._start, self.options.audible)
        while True:
            # At most half the ring at a time, so that waiting for room never means waiting for all of it.
            count = self._ring.push(samples)
            samples = samples[count:]
            self.output.nudge()
            if not len(samples):
                return
            room = min(len(samples), self._ring.capacity // 2)
            await self._reached(self._ring.written - self._ring.capacity + room)

    def finish(self) -> None:
        """The reply is complete: play it to its end, however short it is."""
        self._playout.complete = True
        self.output.nudge()

    async def drained(self) -> float:
        """Wait until the last sample written was heard; returns when that was (monotonic seconds).

        Raises DeviceLost when the loudspeaker went away.
        """
        await self._reached(self._ring.written)
        position, count, heard = self._playout.anchor
        end = heard + count / self.rate
        if position + count >= self._start:
            await asyncio.sleep(max(0.0, end - time.monotonic()))
            return end
        return time.monotonic()

    async def stop(self) -> float:
        """Let what was written finish, then be silent."""
        self.finish()
        return await self.drained()

    def abort(self) -> None:
        """Be silent within one block; what was not played yet is dropped."""
        self._playout.discard_to = self._ring.written
        self._playout.complete = True
        self._playout.paused = False
        self.output.nudge()

    def pause(self) -> None:
        """Hold the sound where it is."""
        self._playout.paused = True

    def resume(self) -> None:
        """Go on where `pause` held."""
        self._playout.paused = False
        self.output.nudge()

    async def _reached(self, position: int) -> None:
        wakeup, playout = self._wakeup, self._playout
        while self._ring.read < position:
            if wakeup.lost is not None:
                raise DeviceLost(wakeup.lost)
            wakeup.clear()
            playout.wake_at = min(playout.wake_at, position)
            if self._ring.read >= position:
                return
            blocks = playout.blocks
            if not await wakeup.wait() and playout.blocks == blocks:  # a device that died without a word
                wakeup.lost = f"{self.output.name} has asked for no sound for {DEAD:.0f} seconds."


def _prebuffer(options: PlayerOptions, arrivals: Arrivals) -> float:
    """Seconds of audio before sound starts."""
    if not options.adaptive:
        return options.prebuffer
    return min(max(options.prebuffer, arrivals.head_start), options.max_prebuffer)
