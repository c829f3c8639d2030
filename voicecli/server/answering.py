"""One question answered: recognised if it was spoken, thought about, and said, each step ahead of the next.

There is no conversation around it: every question stands alone, and what a reply would do besides being said
(set a timer, remember a name) is not done, because nobody would be there to hear the timer ring.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.loudness import Limiter, Loudness
from voicecli.audio.pcm import NOTHING
from voicecli.audio.resample import OneRate
from voicecli.config.settings import RecognitionSettings, SynthesisSettings, ThinkingSettings
from voicecli.conversation.history import History, HistoryOptions
from voicecli.conversation.phrases import PhraseOptions, phrase_step
from voicecli.conversation.recognition import Recognition
from voicecli.conversation.speakable import SpeakableText
from voicecli.errors import TimedOut, VoiceError
from voicecli.flow.steps import ReadAhead, idle_timeout_step, scoped
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.language_model import LanguageModel
from voicecli.providers.recognizer import Recognizer, Transcript
from voicecli.providers.synthesizer import Synthesizer, spoken_language

__all__ = ["Answering", "AnsweringOptions", "Engines", "Piece"]

_CHUNKS_WAITING: Final = 256  # encoded chunks of a phrase that may wait to be sent
_CHUNK_AT_ONCE: Final = 8192  # bytes decoded without letting the event loop breathe


@dataclass(frozen=True, slots=True)
class Engines:
    """What hears the question, thinks and speaks; open while questions are answered."""

    asr: Recognizer
    llm: LanguageModel
    tts: Synthesizer


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringOptions:
    """How questions are answered."""

    language: str = "en"  # in which numbers and symbols are spelled out; empty: the voice's own
    history: HistoryOptions = field(default_factory=HistoryOptions)  # of which only the system message counts
    phrases: PhraseOptions = field(default_factory=PhraseOptions)
    asr_timeout: float = RecognitionSettings().timeout  # seconds without progress, once it has ended
    llm_timeout: float = ThinkingSettings().timeout  # seconds without a token
    tts_timeout: float = SynthesisSettings().timeout  # seconds without a chunk
    part: float = 0.5  # seconds of sound in one piece, at most


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the answer: sound, and with the first piece of each phrase its text."""

    samples: Samples
    rate: int  # the same for all pieces of an answer
    text: str = ""


class Answering:
    """Answers any number of questions at once with one set of engines."""

    def __init__(self, engines: Engines, options: AnsweringOptions | None = None) -> None:
        self.engines = engines
        self.options = options or AnsweringOptions()
        self._loudness = Loudness()  # of the voice, over all answers

    async def transcribe(self, sound: AsyncIterator[Samples]) -> str:
        """What is said in `sound`, mono at the hearing rate; empty when nothing was understood.

        Recognition runs while the sound comes. Raises ProviderError.
        """
        result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_transcript(transcript: Transcript) -> None:
            if transcript.final and not result.done():
                result.set_result(transcript.text.strip())

        def on_failure(error: VoiceError) -> None:
            if not result.done():
                result.set_exception(error)

        recognition = Recognition(self.engines.asr, self.options.asr_timeout, on_transcript, on_failure)
        recognition.start()
        try:
            async with scoped(sound) as pieces:
                async for samples in pieces:
                    recognition.push(samples)
                    if result.done():
                        break  # it has failed, or wants no more
            recognition.finish()
            return await result
        finally:
            recognition.cancel()
            await recognition.closed()
            if result.done() and not result.cancelled():
                result.exception()  # it has been looked at, even if the sound failed first

    async def answer(self, question: str, stopwatch: Stopwatch | None = None) -> AsyncIterator[Piece]:
        """Yield the answer as it is made; the texts, joined, are what the model wrote.

        The next phrase is made while one is taken. What was made before a failure comes before it. Closing
        the iterator cancels everything. Raises ProviderError, DecodeError.
        """
        reply = _Reply(self.engines, self.options, stopwatch or Stopwatch(), self._loudness)
        async with scoped(reply.pieces(question)) as pieces:
            async for piece in pieces:
                yield piece


@dataclass(frozen=True, slots=True)
class _Speech:
    """One phrase and the bytes of its sound, which are on their way."""

    text: str
    chunks: ReadAhead[bytes] | None  # None when there is nothing to say


class _Reply:
    """One answer in the making."""

    def __init__(
        self, engines: Engines, options: AnsweringOptions, stopwatch: Stopwatch, loudness: Loudness
    ) -> None:
        self._engines = engines
        self._options = options
        self._stopwatch = stopwatch
        self._speeches: set[ReadAhead[bytes]] = set()  # that were begun and not ended
        self._sound = OneRate()
        self._loudness = loudness
        self._limiter: Limiter | None = None

    async def pieces(self, question: str) -> AsyncIterator[Piece]:
        speeches = ReadAhead(self._begun(phrase_step(self._tokens(question), self._options.phrases)), 1)
        try:
            async for speech in speeches:
                async with scoped(self._said(speech)) as pieces:
                    async for piece in pieces:
                        yield piece
            for samples in self._cut(self._sound.flush()):
                yield Piece(samples, self._rate)
            self._mark(Mark.REPLY_ENDED)
        finally:
            await speeches.aclose()
            for chunks in self._speeches:
                await chunks.aclose()

    @property
    def _rate(self) -> int:
        return self._sound.rate or self._engines.tts.format.rate

    async def _tokens(self, question: str) -> AsyncIterator[str]:
        messages = History(self._options.history).with_user(question)
        source = idle_timeout_step(self._engines.llm.complete(messages), self._options.llm_timeout, _no_token)
        async with scoped(source) as tokens:
            async for token in tokens:
                if not isinstance(token, str) or not token:
                    continue  # what a reply does is done in a conversation, which this is not
                self._mark(Mark.FIRST_TOKEN)
                yield token

    async def _begun(self, phrases: AsyncIterator[str]) -> AsyncIterator[_Speech]:
        """Hand each phrase to synthesis as soon as it is asked for."""
        speakable = SpeakableText(self._options.language or spoken_language(self._engines.tts))
        async with scoped(phrases) as texts:
            async for text in texts:
                spoken = speakable.push(text)
                chunks = ReadAhead(self._synthesize(spoken), _CHUNKS_WAITING) if spoken else None
                if chunks is not None:
                    self._speeches.add(chunks)
                yield _Speech(text, chunks)
                await asyncio.sleep(0)  # phrases without a word would follow each other at once

    async def _synthesize(self, spoken: str) -> AsyncIterator[bytes]:
        self._mark(Mark.FIRST_PHRASE)
        source = self._engines.tts.synthesize(spoken)
        async with scoped(idle_timeout_step(source, self._options.tts_timeout, self._silent)) as chunks:
            async for chunk in chunks:
                if chunk:
                    self._mark(Mark.FIRST_CHUNK)
                    yield chunk

    async def _said(self, speech: _Speech) -> AsyncIterator[Piece]:
        """The pieces of one phrase, the first with its text; a phrase without sound is a piece of text."""
        text = speech.text
        if speech.chunks is not None:
            decoder = open_decoder(self._engines.tts.format)
            async for chunk in speech.chunks:
                for start in range(0, len(chunk), _CHUNK_AT_ONCE):
                    samples = decoder.decode(chunk[start : start + _CHUNK_AT_ONCE])
                    for piece in self._cut(self._converted(samples, decoder.rate)):
                        yield Piece(piece, self._rate, text)
                        text = ""
                    await asyncio.sleep(0)  # a burst must not hold up the rest
            for piece in self._cut(self._converted(decoder.flush(), decoder.rate)):
                yield Piece(piece, self._rate, text)
                text = ""
            await speech.chunks.aclose()
            self._speeches.discard(speech.chunks)
        if text:
            yield Piece(NOTHING, self._rate, text)

    def _converted(self, samples: Samples, rate: int | None) -> Samples:
        return NOTHING if rate is None or not len(samples) else self._sound.push(samples, rate)

    def _cut(self, samples: Samples) -> list[Samples]:
        self._limiter = self._limiter or Limiter(self._loudness, self._rate)
        samples = self._limiter.push(samples)
        size = max(1, round(self._options.part * self._rate))
        return [samples[start : start + size] for start in range(0, len(samples), size)]

    def _mark(self, mark: Mark) -> None:
        self._stopwatch.mark(mark, time.monotonic())

    def _silent(self, seconds: float) -> TimedOut:
        return TimedOut(
            f"{self._engines.tts.name} sent no speech for {seconds:g} seconds.",
            "Raise [tts] timeout if it is slow.",
        )


def _no_token(seconds: float) -> TimedOut:
    return TimedOut(f"The model sent nothing for {seconds:g} seconds.", "Raise [llm] timeout if it is slow.")
