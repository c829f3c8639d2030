"""One question answered: recognised if it was spoken, thought about, and said, each step ahead of the next.

There is no conversation around it: every question stands alone, and what a reply would do besides being said
(set a timer, remember a name) is not done, because nobody would be there to hear the timer ring.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from voicecli.audio.block import Samples
from voicecli.audio.loudness import EvenSound, Loudness
from voicecli.audio.pcm import NOTHING
from voicecli.config.settings import RecognitionSettings, SynthesisSettings, ThinkingSettings
from voicecli.conversation.context import History, HistoryOptions
from voicecli.conversation.transcription import transcribed
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.language_model import LanguageModel, timely_tokens
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.phrases import PhraseOptions, phrase_step
from voicecli.reply.speeches import speeches

__all__ = ["Engines", "Piece", "Responder", "ResponderOptions"]


@dataclass(frozen=True, slots=True)
class Engines:
    """What hears the question, thinks and speaks; open while questions are answered."""

    asr: Recognizer
    llm: LanguageModel
    tts: Synthesizer


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponderOptions:
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


class Responder:
    """Answers any number of questions at once with one set of engines."""

    def __init__(self, engines: Engines, options: ResponderOptions | None = None) -> None:
        self.engines = engines
        self.options = options or ResponderOptions()
        self._loudness = Loudness()  # of the voice, over all answers

    async def transcribe(self, sound: AsyncIterator[Samples]) -> str:
        """What is said in `sound`, mono at the hearing rate; empty when nothing was understood.

        Recognition runs while the sound comes. Raises ProviderError.
        """
        return await transcribed(self.engines.asr, sound, self.options.asr_timeout)

    async def answer(self, question: str, stopwatch: Stopwatch | None = None) -> AsyncIterator[Piece]:
        """Yield the answer as it is made; the texts, joined, are what the model wrote.

        The next phrase is made while one is taken. What was made before a failure comes before it. Closing
        the iterator cancels everything. Raises ProviderError, DecodeError.
        """
        reply = _Reply(self.engines, self.options, stopwatch or Stopwatch(), self._loudness)
        async with scoped(reply.pieces(question)) as pieces:
            async for piece in pieces:
                yield piece


class _Reply:
    """One answer in the making."""

    def __init__(
        self, engines: Engines, options: ResponderOptions, stopwatch: Stopwatch, loudness: Loudness
    ) -> None:
        self._engines = engines
        self._options = options
        self._stopwatch = stopwatch
        self._sound = EvenSound(loudness)

    async def pieces(self, question: str) -> AsyncIterator[Piece]:
        options = self._options
        made = speeches(
            phrase_step(self._tokens(question), options.phrases),
            self._engines.tts,
            options.language,
            timeout=options.tts_timeout,
            stopwatch=self._stopwatch,
        )
        async with scoped(made):
            async for speech in made:
                text = speech.text
                async with scoped(speech.sounds()) as sounds:
                    async for samples, rate in sounds:
                        for piece in self._cut(self._sound.push(samples, rate)):
                            yield Piece(piece, self._rate, text)
                            text = ""
                if text:
                    yield Piece(NOTHING, self._rate, text)
            for piece in self._cut(self._sound.flush()):
                yield Piece(piece, self._rate)
            self._mark(Mark.REPLY_ENDED)

    @property
    def _rate(self) -> int:
        return self._sound.rate or self._engines.tts.format.rate

    async def _tokens(self, question: str) -> AsyncIterator[str]:
        messages = History(self._options.history).with_user(question)
        source = timely_tokens(self._engines.llm.complete(messages), self._options.llm_timeout)
        async with scoped(source) as tokens:
            async for token in tokens:
                if not isinstance(token, str) or not token:
                    continue  # what a reply does is done in a conversation, which this is not
                self._mark(Mark.FIRST_TOKEN)
                yield token

    def _cut(self, samples: Samples) -> list[Samples]:
        size = max(1, round(self._options.part * self._rate))
        return [samples[start : start + size] for start in range(0, len(samples), size)]

    def _mark(self, mark: Mark) -> None:
        self._stopwatch.mark(mark, time.monotonic())
