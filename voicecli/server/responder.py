"""One question answered: recognised if it was spoken, thought about, and said, each step ahead of the next.

There is no conversation around it: every question stands alone, and what a reply would do besides being said
(set a timer, remember a name) is not done, because nobody would be there to hear the timer ring.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace

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
        stopwatch, options, sound = stopwatch or Stopwatch(), self.options, EvenSound(self._loudness)
        made = speeches(
            phrase_step(self._tokens(question, stopwatch), options.phrases),
            self.engines.tts,
            options.language,
            timeout=options.tts_timeout,
            stopwatch=stopwatch,
        )
        async with scoped(made):
            async for speech in made:
                text = speech.text
                async with scoped(speech.sounds()) as sounds:
                    async for samples, rate in sounds:
                        for piece in self._cut(sound.push(samples, rate), sound.rate or rate):
                            yield replace(piece, text=text)
                            text = ""
                if text:
                    yield Piece(NOTHING, sound.rate or self.engines.tts.format.rate, text)
            for piece in self._cut(sound.flush(), sound.rate or 1):
                yield piece
            stopwatch.mark(Mark.REPLY_ENDED, time.monotonic())

    async def _tokens(self, question: str, stopwatch: Stopwatch) -> AsyncIterator[str]:
        messages = History(self.options.history).with_user(question)
        source = timely_tokens(self.engines.llm.complete(messages), self.options.llm_timeout)
        async with scoped(source) as tokens:
            async for token in tokens:
                if not isinstance(token, str) or not token:
                    continue  # what a reply does is done in a conversation, which this is not
                stopwatch.mark(Mark.FIRST_TOKEN, time.monotonic())
                yield token

    def _cut(self, samples: Samples, rate: int) -> Iterator[Piece]:
        size = max(1, round(self.options.part * rate))
        return (Piece(samples[start : start + size], rate) for start in range(0, len(samples), size))
