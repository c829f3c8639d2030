"""The loudspeaker of a bench, and what it keeps out of the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from voicecli.audio.player import AudioStreamPlayer, Output, PlayerOptions

__all__ = ["BenchSpeaker", "BriefPlayer", "Heard"]


class BriefPlayer(AudioStreamPlayer):
    """Ends a reply when all of it is there and its beginning was heard: none of it can be late any more.

    For loudspeakers that nobody listens to. It must be able to hold the whole reply.
    """

    async def stop(self) -> float:
        self.finish()
        await self._reached(min(self._playout.audible_at + 1, self._ring.written))
        self.abort()
        return await self.drained()


@dataclass(frozen=True, slots=True)
class Heard:
    """The loudspeaker that the first sound left."""

    name: str
    kind: str  # null, device, file or pipe
    rate: int  # samples a second
    latency: float  # seconds from a block being filled to its being heard, which the numbers include
    whole: bool  # whether everything was played to its end

    def __str__(self) -> str:
        latency = f"{self.latency * 1000:.0f} ms of latency are in the numbers"
        return f"{self.name} ({self.kind}) · {self.rate} Hz · {latency}"

    def excluded(self) -> list[str]:
        """What is not in the numbers, a sentence without a full stop each."""
        if self.kind == "device":
            lacks = ["what sound needs behind the latency that the device reports"]
        else:
            stands = f"{self.latency * 1000:.0f} ms stand for it"
            lacks = [f"a device's own latency: nobody hears this loudspeaker, and {stands}"]
        if not self.whole:
            lacks.append("playing to the end: a run is over when all is made and its beginning was heard")
        return lacks


@dataclass(frozen=True, slots=True)
class BenchSpeaker:
    """What was asked for as a loudspeaker."""

    name: str
    kind: str  # null, device, file or pipe
    real_time: bool
    opened: Callable[[], Output]

    def player(self, options: PlayerOptions, holds: float) -> AudioStreamPlayer:
        """One that holds so many seconds where nobody hears it, so that nothing waits for it.

        Raises DeviceError, UsageError, SaveError.
        """
        output = self.opened()
        if self.kind == "null" and self.real_time:
            return BriefPlayer(output, replace(options, capacity=max(options.capacity, holds)))
        return AudioStreamPlayer(output, options)

    def heard(self, player: AudioStreamPlayer) -> Heard:
        """What a report says of it, now that its player is open."""
        output, whole = player.output, not isinstance(player, BriefPlayer)
        return Heard(output.name, self.kind, output.rate, output.latency, whole)
