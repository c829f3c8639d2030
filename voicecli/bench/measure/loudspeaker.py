"""The loudspeaker of a bench, and what it keeps out of the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from voicecli.audio.player import AudioStreamPlayer, Output, PlayerOptions
from voicecli.bench.measure.first_audio import BriefPlayer

__all__ = ["Heard", "Loudspeaker"]


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

    def as_dict(self) -> dict[str, Any]:
        """The object that the JSON output carries."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Loudspeaker:
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
