"""The pipelines that voicecli is held against: one thing after the other.

The naive one, as many a first voice assistant is written: wait for half a second of silence, recognise the
whole utterance, let the model finish its answer, have all of it spoken into one file, and play that. It hears
with the same ears, dates the end of speech in the same way and plays through the same player; only the order
differs. While it answers it is deaf.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from voicecli.audio.block import Block, Samples
from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.measure.mouth import AskingMicrophone
from voicecli.bench.measure.partner import NAIVE, Contender, Partner
from voicecli.bench.measure.relay import Relay
from voicecli.errors import VoiceError
from voicecli.flow.feeds import Feed
from voicecli.flow.scope import scoped
from voicecli.flow.sources import array_source
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.reply.utterer import Utterer
from voicecli.speech.endpoint import TurnEnded
from voicecli.speech.gate import SpeechStarted

__all__ = ["SerialPartner"]


class _WholeSpeech(Relay):
    """A voice that is heard of when it has said everything."""

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        async with scoped(self._engine.synthesize(text)) as chunks:
            whole = b"".join([chunk async for chunk in chunks])
        if whole:
            yield whole


class SerialPartner(Partner):
    """Hears, thinks and speaks, in this order."""

    def __init__(self, contender: Contender, microphone: AskingMicrophone, player: AudioStreamPlayer) -> None:
        super().__init__(contender, microphone, player)
        self._options = contender.serial or NAIVE
        settings = contender.settings
        # Nothing begins at a soft end here, and no word changes the wait.
        self._ears = settings.ears(contender.vad, settings.endpointer().by_silence(self._options.silence))
        self._stopwatch = Stopwatch()
        self._feed: Feed[Samples] | None = None
        self._recognition: asyncio.Task[str] | None = None
        self._answering: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self._answering is not None or self._ears.segmenter.endpointer.active

    async def _listen(self) -> None:
        async with scoped(self._microphone.blocks()) as blocks:
            try:
                async for block in blocks:
                    self.observer.listen(block)
                    if self._answering is None:
                        self._hear(block)
                    elif self._answering.done():
                        self._answering.result()
                        self._answering = None
            finally:
                for task in (self._answering, self._recognition):
                    if task is not None:
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)

    def _hear(self, block: Block) -> None:
        for sign in self._ears.push(block):
            if isinstance(sign, SpeechStarted):
                self._begin(sign.time + self._ears.offset)
            elif isinstance(sign, TurnEnded):
                self._pass_on()
                self._stopwatch.mark(Mark.SPEECH_STOPPED, sign.stopped + self._ears.offset)
                self._stopwatch.mark(Mark.TURN_ENDED, sign.time + self._ears.offset)
                self._answering = asyncio.create_task(self._answer(self._microphone.position), name="answer")
        self._pass_on()

    def _begin(self, at: float) -> None:
        if self._feed is not None:
            return
        self._stopwatch = Stopwatch()
        self._stopwatch.mark(Mark.SPEECH_STARTED, at)
        self._feed = Feed()
        if self._options.streamed_recognition:
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

    async def _answer(self, position: float) -> None:
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
        self._told(
            stopwatch.timeline(),
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
        voice = _WholeSpeech(self._tts) if self._options.whole_speech else self._tts
        options = replace(self._contender.settings.utterer(), timeout=0.0)
        utterer = Utterer(voice, self._player, options)
        try:
            await utterer.play(array_source([reply]))
        finally:
            first = self.observer.tts[-1].first if self.observer.tts else None
            if first is not None:
                stopwatch.mark(Mark.FIRST_CHUNK, first)  # of the engine, however long it was collected
            stopwatch.update(utterer.stopwatch)
        return utterer.began
