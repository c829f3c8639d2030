"""How the replies of one conversation are spoken: how loud and how fast, as its listener asks."""

from __future__ import annotations

from typing import Final

from voicecli.providers.synthesizer import HasSpeed

__all__ = ["GAINS", "Delivery"]

GAINS: Final = (-18.0, 6.0)  # dB: still to be understood, and not yet distorted
_SPEEDS: Final = (0.5, 2.0)  # times normal: what every engine with a speed can do


class Delivery:
    """Begins as the settings have it; what is changed holds from the next phrase on."""

    def __init__(self, voice: object = None) -> None:
        self.gain = 0.0  # dB
        self._voice = voice if isinstance(voice, HasSpeed) else None
        self.normal_speed = self._voice.speed if self._voice is not None else 1.0

    @property
    def speed(self) -> float | None:
        """Times normal; None when the voice cannot change it."""
        return self._voice.speed if self._voice is not None else None

    @property
    def speeds(self) -> tuple[float, float]:
        """The slowest and the fastest; a speed that was set beyond the usual is one of them."""
        slowest, fastest = _SPEEDS
        return min(slowest, self.normal_speed), max(fastest, self.normal_speed)

    def set_gain(self, gain: float) -> None:
        """Speak by `gain` dB louder than the engine does."""
        self.gain = gain

    def set_speed(self, speed: float) -> None:
        """Speak `speed` times as fast as normal, where the voice can."""
        if self._voice is not None:
            self._voice.speed = speed
