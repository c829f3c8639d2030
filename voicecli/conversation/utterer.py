"""Phrases into sound, the next one being made while one is played."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.loudness import Limiter, Loudness, amplified
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.resample import Resampler
from voicecli.conversation.heard import SpokenPhrase, heard_text
from voicecli.conversation.speakable import SpeakableText
from voicecli.errors import TimedOut, VoiceError
from voicecli.flow.steps import ReadAhead, idle_timeout_step, scoped
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.delivery import Delivery
from voicecli.providers.synthesizer import Synthesizer, spoken_language

__all__ = ["Utterer", "UttererOptions"]

_CHUNKS_WAITING = 256  # encoded chunks of a phrase that may wait to be played
_CHUNK_AT_ONCE = 8192  # bytes decoded without letting the event loop breathe


@dataclass(frozen=True, slots=True, kw_only=True)
class UttererOptions:
    """How phrases are synthesised."""

    language: str = "en"  # in which numbers and symbols are spelled out; empty: the voice's own
    ahead: int = 1  # phrases that are made or wait while one is played
    timeout: float = 10.0  # seconds without a chunk

    def __post_init__(self) -> None:
        if self.ahead < 0 or self.timeout < 0:
            raise ValueError("ahead and timeout must not be negative")


@dataclass(slots=True)
class _Speech:
    """One phrase on its way to the loudspeaker."""

    text: str  # as the model wrote it
    spoken: str  # as the engine is given it
    chunks: ReadAhead[bytes] | None  # None when there is nothing to say
    samples: int = 0  # handed to the player so far, at its rate
    finished: bool = False


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
        self._limiter = Limiter(loudness or Loudness(), player.rate)
        self._options = options
        self._places = asyncio.Semaphore(1 + options.ahead)
        self._speeches: list[_Speech] = []
        self._resampler: Resampler | None = None
        self._resampler_rate = 0
        self._began = False
        self.stopwatch = Stopwatch()
        self.chunks = 0
        self.bytes = 0
        self.bytes_to_first_sample: int | None = None

    @property
    def text(self) -> str:
        """Everything that was handed to synthesis, as the model wrote it."""
        return "".join(speech.text for speech in self._speeches)

    @property
    def began(self) -> bool:
        """Whether any sound went to the player."""
        return self._began

    def said(self) -> list[SpokenPhrase]:
        """The phrases with the words that the engine was given in place of what was written."""
        return [
            SpokenPhrase(f"{one.spoken} ", one.duration, one.spoken) for one in self._spoken() if one.spoken
        ]

    def heard(self, now: float | None = None) -> str:
        """The part of the text that has left the loudspeaker."""
        if not self._began:
            return ""
        return heard_text(self._spoken(), self._player.heard(now))

    def _spoken(self) -> list[SpokenPhrase]:
        rate = self._player.rate
        return [
            SpokenPhrase(speech.text, speech.samples / rate if speech.finished else None, speech.spoken)
            for speech in self._speeches
        ]

    async def play(self, phrases: AsyncIterator[str], ready: Callable[[], Awaitable[None]]) -> float | None:
        """Synthesise and play `phrases`; `ready` is awaited before the first sample goes to the player.

        Returns when the last sample was heard (monotonic seconds), None when there was no sound. What was
        made before a failure is played before the failure is raised.
        """
        speeches = ReadAhead(self._start(phrases), 1 + self._options.ahead)
        failure: VoiceError | None = None
        try:
            try:
                async for speech in speeches:
                    await self._utter(speech, ready)
                    speech.chunks = None  # it has been read; of a long text only the words are kept
                    self._places.release()
            except VoiceError as error:
                failure = error
            if self._began:
                await self._write(self._resampler.flush() if self._resampler else None)
            self.stopwatch.mark(Mark.REPLY_ENDED, time.monotonic())
            finished = await self._finish()
        finally:
            await speeches.aclose()
            for speech in self._speeches:
                if speech.chunks is not None:
                    await speech.chunks.aclose()
        if failure is not None:
            raise failure
        return finished

    async def _finish(self) -> float | None:
        if not self._began:
            return None
        finished = await self._player.stop()
        self._mark_sound()
        self.stopwatch.mark(Mark.PLAYBACK_FINISHED, finished)
        return finished

    def _mark_sound(self) -> None:
        first = self._player.first_sound
        if self._began and first is not None:
            self.stopwatch.mark(Mark.FIRST_SOUND, first)

    def abort(self) -> str:
        """Be silent at once; returns the part of the text that was heard."""
        heard = self.heard()
        if self._began:
            self._mark_sound()
            self._player.abort()
        return heard

    async def _start(self, phrases: AsyncIterator[str]) -> AsyncIterator[_Speech]:
        """Hand each phrase to synthesis as soon as there is a place for it."""
        speakable = SpeakableText(self._options.language or spoken_language(self._synthesizer))
        async for text in phrases:
            await self._places.acquire()
            spoken = speakable.push(text)
            chunks = ReadAhead(self._synthesize(spoken), _CHUNKS_WAITING) if spoken else None
            speech = _Speech(text, spoken, chunks)
            self._speeches.append(speech)
            yield speech
            await asyncio.sleep(0)  # phrases without a word would follow each other at once

    async def _synthesize(self, spoken: str) -> AsyncIterator[bytes]:
        self.stopwatch.mark(Mark.FIRST_PHRASE, time.monotonic())
        source = self._synthesizer.synthesize(spoken)
        async with scoped(idle_timeout_step(source, self._options.timeout, self._silent)) as chunks:
            async for chunk in chunks:
                if chunk:
                    self.stopwatch.mark(Mark.FIRST_CHUNK, time.monotonic())
                    yield chunk

    def _silent(self, seconds: float) -> TimedOut:
        return TimedOut(
            f"{self._synthesizer.name} sent no speech for {seconds:g} seconds.",
            "Raise [tts] timeout if it is slow.",
        )

    async def _utter(self, speech: _Speech, ready: Callable[[], Awaitable[None]]) -> None:
        if speech.chunks is None:
            speech.finished = True
            return
        decoder = open_decoder(self._synthesizer.format)
        async for chunk in speech.chunks:
            self.chunks += 1
            for start in range(0, len(chunk), _CHUNK_AT_ONCE):
                piece = chunk[start : start + _CHUNK_AT_ONCE]
                self.bytes += len(piece)
                samples = decoder.decode(piece)
                await self._convert(speech, samples, decoder.rate, ready)
                await asyncio.sleep(0)  # a burst must not hold up the rest
        await self._convert(speech, decoder.flush(), decoder.rate, ready)
        speech.finished = True

    async def _convert(
        self, speech: _Speech, samples: Samples, rate: int | None, ready: Callable[[], Awaitable[None]]
    ) -> None:
        """Bring samples to the player's rate; one resampler runs through all phrases, so they join."""
        if not len(samples) or rate is None:
            return
        if self.bytes_to_first_sample is None:
            self.bytes_to_first_sample = self.bytes
        if self._resampler is None or self._resampler_rate != rate:
            await self._write(self._resampler.flush() if self._resampler else None)
            self._resampler = Resampler(rate, self._player.rate)
            self._resampler_rate = rate
        samples = self._resampler.push(samples)
        if not self._began:
            await ready()
            self._began = True
            self._player.begin()
        if not speech.samples:
            self._gain = self._delivery.gain
        speech.samples += len(samples)
        await self._write(samples)

    async def _write(self, samples: Samples | None) -> None:
        if samples is None:
            return
        samples = amplified(self._limiter.push(samples), self._gain)
        if self._tap is not None:
            self._tap(samples)
        await self._player.write(samples)
