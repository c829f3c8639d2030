"""The pipelines that voicecli is held against: one thing after the other.

The naive one, as many a first voice assistant is written: wait for half a second of silence, recognise the
whole utterance, let the model finish its answer, have all of it spoken into one file, and play that. It hears
with the same ears, dates the end of speech in the same way and plays through the same player; only the order
differs. While it answers it is deaf.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.resample import Resampler
from voicecli.bench.measure.mouth import AskingMicrophone
from voicecli.config import Settings
from voicecli.conversation.context import History
from voicecli.errors import VoiceError
from voicecli.flow.feeds import Feed
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch, Timeline
from voicecli.providers.language_model import LanguageModel
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.speakable import SpeakableText
from voicecli.speech.endpoint import TurnEnded
from voicecli.speech.gate import SpeechStarted
from voicecli.speech.vad import VoiceDetector

__all__ = ["NAIVE", "SerialAnswer", "SerialOptions", "SerialPipeline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialOptions:
    """What the pipeline waits for before it goes on."""

    silence: float = 0.5  # seconds that end a turn, whatever was said
    whole_speech: bool = True  # play when all of the speech is there; False: from its first chunk
    streamed_hearing: bool = False  # recognise while it is spoken; False: the whole utterance at its end

    def __post_init__(self) -> None:
        if self.silence <= 0:
            raise ValueError("silence must be above 0 s")


NAIVE = SerialOptions()
"""Half a second of silence, whole recognition, whole answer, whole speech."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialAnswer:
    """One turn."""

    timeline: Timeline
    position: float  # seconds of the question that had been heard when the turn was taken to have ended
    transcript: str = ""
    reply: str = ""
    underruns: int = 0
    silence: float = 0.0
    error: VoiceError | None = None


class SerialPipeline:
    """Hears, thinks and speaks, in this order."""

    def __init__(
        self,
        asr: Recognizer,
        llm: LanguageModel,
        tts: Synthesizer,
        vad: VoiceDetector,
        player: AudioStreamPlayer,
        settings: Settings,
        options: SerialOptions,
    ) -> None:
        self._asr = asr
        self._llm = llm
        self._tts = tts
        self._player = player
        self._options = options
        self._history = History(settings.conversation.history)
        self._language = settings.conversation.language
        # Nothing begins at a soft end here, and no word changes the wait.
        self._ears = settings.ears(vad, settings.endpointer().by_silence(options.silence))
        self._stopwatch = Stopwatch()
        self._feed: Feed[Samples] | None = None
        self._recognition: asyncio.Task[str] | None = None
        self._answering: asyncio.Task[SerialAnswer] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being said or answered."""
        return self._answering is not None or self._ears.segmenter.endpointer.active

    async def run(
        self, microphone: AskingMicrophone, tap: Callable[[Block], None]
    ) -> AsyncIterator[SerialAnswer]:
        """Yield each turn when its answer has been played. Raises DeviceError."""
        async with scoped(microphone.blocks()) as blocks:
            try:
                async for block in blocks:
                    tap(block)
                    if self._answering is None:
                        self._hear(block, microphone)
                    elif self._answering.done():
                        answer, self._answering = self._answering.result(), None
                        yield answer
            finally:
                for task in (self._answering, self._recognition):
                    if task is not None:
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)

    def _hear(self, block: Block, microphone: AskingMicrophone) -> None:
        for sign in self._ears.push(block):
            if isinstance(sign, SpeechStarted):
                self._begin(sign.time + self._ears.offset)
            elif isinstance(sign, TurnEnded):
                self._pass_on()
                self._stopwatch.mark(Mark.SPEECH_STOPPED, sign.stopped + self._ears.offset)
                self._stopwatch.mark(Mark.TURN_ENDED, sign.time + self._ears.offset)
                self._answering = asyncio.create_task(self._answer(microphone.position), name="answer")
        self._pass_on()

    def _begin(self, at: float) -> None:
        if self._feed is not None:
            return
        self._stopwatch = Stopwatch()
        self._stopwatch.mark(Mark.SPEECH_STARTED, at)
        self._feed = Feed()
        if self._options.streamed_hearing:
            self._recognition = asyncio.create_task(self._understand(self._feed), name="recognition")

    def _pass_on(self) -> None:
        samples = self._ears.take()
        if self._feed is not None and len(samples):
            self._feed.push(samples)

    async def _understand(self, audio: AsyncIterator[Samples]) -> str:
        text = ""
        async with scoped(self._asr.transcribe(audio)) as transcripts:
            async for transcript in transcripts:
                text = transcript.text
        return text

    async def _answer(self, position: float) -> SerialAnswer:
        """Everything after the end of the turn."""
        stopwatch, feed, recognition = self._stopwatch, self._feed, self._recognition
        self._feed = self._recognition = None
        text = reply = ""
        error: VoiceError | None = None
        sounded = False
        try:
            assert feed is not None
            feed.close()
            text = await (recognition or self._understand(feed))
            stopwatch.mark(Mark.TRANSCRIPT, time.monotonic())
            if text:
                reply = await self._think(text, stopwatch)
                sounded = await self._speak(reply, stopwatch)
        except VoiceError as failure:
            if not failure.recoverable:
                raise
            error = failure
        self._ears.reset()
        underruns = self._player.underruns
        return SerialAnswer(
            timeline=stopwatch.timeline(),
            position=position,
            transcript=text,
            reply=reply,
            underruns=underruns.count if sounded else 0,
            silence=underruns.seconds if sounded else 0.0,
            error=error,
        )

    async def _think(self, text: str, stopwatch: Stopwatch) -> str:
        reply = ""
        async with scoped(self._llm.complete(self._history.with_user(text))) as tokens:
            async for token in tokens:
                if isinstance(token, str) and token:
                    stopwatch.mark(Mark.FIRST_TOKEN, time.monotonic())
                    reply += token
        self._history.add_user(text)
        self._history.add_assistant(reply.strip(), interrupted=False)
        return reply

    async def _speak(self, reply: str, stopwatch: Stopwatch) -> bool:
        """Say it; returns whether there was sound."""
        spoken = SpeakableText(self._language).push(reply)
        if not spoken:
            return False
        stopwatch.mark(Mark.FIRST_PHRASE, time.monotonic())
        chunks: list[bytes] = []
        decoder = open_decoder(self._tts.format)
        sound = _Sound(self._player)
        async with scoped(self._tts.synthesize(spoken)) as stream:
            async for chunk in stream:
                if chunk:
                    stopwatch.mark(Mark.FIRST_CHUNK, time.monotonic())
                if self._options.whole_speech:
                    chunks.append(chunk)
                else:
                    await sound.write(decoder.decode(chunk), decoder.rate)
        if chunks:
            await sound.write(decoder.decode(b"".join(chunks)), decoder.rate)
        await sound.write(decoder.flush(), decoder.rate, last=True)
        stopwatch.mark(Mark.REPLY_ENDED, time.monotonic())
        if not sound.began:
            return False
        finished = await self._player.stop()
        first = self._player.first_sound
        if first is not None:
            stopwatch.mark(Mark.FIRST_SOUND, first)
        stopwatch.mark(Mark.PLAYBACK_FINISHED, finished)
        return True


class _Sound:
    """Decoded speech on its way to the player's rate."""

    def __init__(self, player: AudioStreamPlayer) -> None:
        self.began = False
        self._player = player
        self._resampler: Resampler | None = None

    async def write(self, samples: Samples, rate: int | None, *, last: bool = False) -> None:
        if rate is None:
            return
        if self._resampler is None:
            self._resampler = Resampler(rate, self._player.rate)
        parts: Iterable[Samples] = [self._resampler.push(samples)]
        if last:
            parts = [*parts, self._resampler.flush()]
        samples = np.concatenate(list(parts))
        if not len(samples):
            return
        if not self.began:
            self.began = True
            self._player.begin()
        await self._player.write(samples)
