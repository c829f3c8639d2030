"""Phrases into sound, the next one being made while one is played."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import zip_longest

from voicecli.audio.block import Samples
from voicecli.audio.loudness import EvenSound, Loudness, amplified
from voicecli.audio.player import AudioStreamPlayer
from voicecli.errors import VoiceError
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.delivery import Delivery
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.heard import SpokenPhrase, heard_text
from voicecli.reply.speeches import Speech, speeches

__all__ = ["Utterer", "UttererOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UttererOptions:
    """How phrases are synthesised."""

    language: str = "en"  # in which numbers and symbols are spelled out; empty: the voice's own
    ahead: int = 1  # phrases that are made or wait while one is played
    timeout: float = 10.0  # seconds without a chunk

    def __post_init__(self) -> None:
        if self.ahead < 0 or self.timeout < 0:
            raise ValueError("ahead and timeout must not be negative")


async def _at_once() -> None:
    pass


class Utterer:
    """Says one reply with one synthesizer through one player."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        player: AudioStreamPlayer,
        options: UttererOptions,
        *,
        tap: Callable[[Samples], None] | None = None,
        loudness: Loudness | None = None,
        delivery: Delivery | None = None,
    ) -> None:
        """`tap` is given everything that goes to the player; `loudness` is the voice's in earlier replies."""
        self._delivery = delivery or Delivery()
        self._gain = self._delivery.gain  # dB, of the phrase that is being said
        self._synthesizer = synthesizer
        self._tap = tap
        self._player = player
        self._sound = EvenSound(loudness or Loudness(), player.rate)
        self._options = options
        self._speeches: list[Speech] = []
        self._durations: list[float] = []  # seconds of each speech that is complete
        self.began = False  # any sound went to the player
        self.stopwatch = Stopwatch()
        self.bytes_to_first_sample: int | None = None

    @property
    def chunks(self) -> int:
        """Of all speeches so far."""
        return sum(speech.chunks for speech in self._speeches)

    @property
    def bytes(self) -> int:
        """Of all speeches so far, encoded."""
        return sum(speech.bytes for speech in self._speeches)

    def said(self) -> list[SpokenPhrase]:
        """The phrases with the words that the engine was given in place of what was written."""
        return [replace(one, text=f"{one.spoken} ") for one in self._spoken() if one.spoken]

    def heard(self, now: float | None = None) -> str:
        """The part of the text that has left the loudspeaker."""
        return heard_text(self._spoken(), self._player.heard(now)) if self.began else ""

    def _spoken(self) -> list[SpokenPhrase]:
        return [
            SpokenPhrase(speech.text, duration, speech.spoken)
            for speech, duration in zip_longest(self._speeches, self._durations)
        ]

    async def play(
        self, phrases: AsyncIterator[str], ready: Callable[[], Awaitable[None]] = _at_once
    ) -> float | None:
        """Synthesise and play `phrases`; `ready` is awaited before the first sample goes to the player.

        Returns when the last sample was heard (monotonic seconds), None when there was no sound. What was
        made before a failure is played before the failure is raised.
        """
        options = self._options
        made = speeches(
            phrases,
            self._synthesizer,
            options.language,
            ahead=options.ahead,
            timeout=options.timeout,
            stopwatch=self.stopwatch,
        )
        failure: VoiceError | None = None
        async with scoped(made):
            try:
                async for speech in made:
                    await self._utter(speech, ready)
            except VoiceError as error:
                failure = error
            if self.began:
                await self._write(self._sound.flush())
            self.stopwatch.mark(Mark.REPLY_ENDED, time.monotonic())
            finished = None
            if self.began:
                finished = await self._player.stop()
                self._mark_sound()
                self.stopwatch.mark(Mark.PLAYBACK_FINISHED, finished)
        if failure is not None:
            raise failure
        return finished

    def _mark_sound(self) -> None:
        first = self._player.first_sound
        if self.began and first is not None:
            self.stopwatch.mark(Mark.FIRST_SOUND, first)

    def abort(self) -> str:
        """Be silent at once; returns the part of the text that was heard."""
        heard = self.heard()
        if self.began:
            self._mark_sound()
            self._player.abort()
        return heard

    async def _utter(self, speech: Speech, ready: Callable[[], Awaitable[None]]) -> None:
        self._speeches.append(speech)
        count = 0
        async with scoped(speech.sounds()) as sounds:
            async for samples, rate in sounds:
                if self.bytes_to_first_sample is None:
                    self.bytes_to_first_sample = self.bytes
                samples = self._sound.push(samples, rate)
                if not self.began:
                    await ready()
                    self.began = True
                    self._player.begin()
                if not count:
                    self._gain = self._delivery.gain
                count += len(samples)
                await self._write(samples)
        self._durations.append(count / self._player.rate)

    async def _write(self, samples: Samples) -> None:
        samples = amplified(samples, self._gain)
        if self._tap is not None:
            self._tap(samples)
        await self._player.write(samples)
