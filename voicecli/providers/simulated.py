"""Simulated engines: stated delays, scripted words and tones, without a model or a network.

They have the timing of a real pipeline, so tests, documentation and `voicecli bench` can use them. Every
delay is a moment on the event loop's clock, not a sleep after a sleep: a slow reader does not add to it, and
a loop with virtual time drives it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import Dropped, ProviderError, RateLimited, Refused, Unavailable
from voicecli.flow.scope import scoped
from voicecli.providers.bounds import Within
from voicecli.providers.engine import OwnEngine
from voicecli.providers.language_model import Message, Token
from voicecli.providers.recognizer import LISTENING_RATE, Transcript

__all__ = [
    "SimulatedLanguageModel",
    "SimulatedLanguageModelOptions",
    "SimulatedRecognizer",
    "SimulatedRecognizerOptions",
    "SimulatedSynthesizer",
    "SimulatedSynthesizerOptions",
]

Options = TypeVar("Options", bound=Any)

Failure: TypeAlias = Literal["none", "refuse", "limit", "down", "drop", "stall", "hang"]
"""At once: the key is refused, too many requests, not reachable. Half-way: the connection breaks, or nothing
more comes. From the beginning: nothing ever comes."""

Delay: TypeAlias = Annotated[float, Within(0, 3600)]
Spread: TypeAlias = Annotated[float, Within(0, 10)]

WORDS_A_SECOND = 2.5  # how fast a scripted utterance is spoken
CHARACTERS_A_SECOND = 15.0  # how fast a phrase is spoken
SCALE = (220.0, 247.5, 275.0, 330.0, 366.7, 440.0)  # hertz: a pentatonic scale, so phrases can be told apart
LEVEL = 0.3  # of full scale
QUESTION = "What is the weather like today?"
ANSWER = (
    "This is the simulated language model. It gives the same answer to every question, at a steady pace, so "
    "that the rest of the conversation can be measured without a key, a network or a model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRecognizerOptions:
    """When and what the simulated recogniser understands."""

    delay: Delay = 0.2  # seconds from the end of the audio to the final transcript
    partial: Annotated[float | None, Within(0.01, 3600)] = 0.3  # seconds of audio between partials
    texts: tuple[str, ...] = (QUESTION,)  # understood one after the other, then again from the first
    jitter: Spread = 0.0  # standard deviation of the delay, as a part of it
    seed: int = 0  # of the jitter
    fail: Failure = "none"
    fail_on: tuple[int, ...] = ()  # numbers of the utterances that fail, from 1; empty: all


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedLanguageModelOptions:
    """When and what the simulated model answers."""

    ttft: Delay = 0.3  # seconds to the first token
    tokens_per_second: Delay = 50.0  # after the first; 0: all at once
    texts: tuple[str, ...] = (ANSWER,)  # the answer to the first, second … question, then again
    echo: bool = False  # answer with the question
    jitter: Spread = 0.0  # standard deviation of every delay, as a part of it
    seed: int = 0  # of the jitter
    fail: Failure = "none"
    fail_on: tuple[int, ...] = ()  # numbers of the questions that fail, from 1; empty: all


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSynthesizerOptions:
    """When the simulated voice sounds, and in what format."""

    ttfb: Delay = 0.15  # seconds to the first byte
    speed: Delay = 4.0  # seconds of sound that arrive in a second, after the first chunk; 0: all at once
    chunk: Annotated[float, Within(0.001, 60)] = 0.1  # seconds of sound in a chunk
    format: Literal["pcm", "wav", "mp3", "opus", "aac", "flac", "webm"] = "pcm"
    rate: Annotated[int, Within(8_000, 192_000)] = 24_000  # samples a second
    leading_silence: Delay = 0.0  # seconds of silence before the tone
    jitter: Spread = 0.0  # standard deviation of every delay, as a part of it
    seed: int = 0  # of the jitter
    fail: Failure = "none"
    fail_on: tuple[int, ...] = ()  # numbers of the phrases that fail, from 1; empty: all


class _Simulated(OwnEngine[Options]):
    name = "simulated"

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._calls = itertools.count(1)

    def _failure(self, number: int) -> Failure:
        """How the call of that number fails."""
        options = self._options
        return options.fail if not options.fail_on or number in options.fail_on else "none"


class SimulatedRecognizer(_Simulated[SimulatedRecognizerOptions]):
    """Understands what its script says, whatever it hears; hears nothing in no audio at all."""

    stage = "asr"
    places = 100_000  # utterances at once: it costs nothing
    Options = SimulatedRecognizerOptions
    _understood = 0  # utterances; one that was abandoned is understood again the next time

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield the script's next line, its words at the pace of speech while the audio runs."""
        options = self._options
        call = next(self._calls)
        failure = self._failure(call)
        text = options.texts[self._understood % len(options.texts)] if options.texts else ""
        async with scoped(audio) as blocks:
            await _fail_first(failure, "recogniser")
            heard = shown = 0
            async for samples in blocks:
                heard += len(samples)
                due = 0 if options.partial is None else int(heard / LISTENING_RATE / options.partial)
                if due == shown:
                    continue
                shown = due
                if words := text.split()[: int(heard / LISTENING_RATE * WORDS_A_SECOND)]:
                    yield Transcript(" ".join(words))
            clock = _Clock(options.jitter, options.seed, call)
            await clock.pass_by(options.delay)
            await _fail_later(failure, "recogniser")
            if heard:
                self._understood += 1
            yield Transcript(text if heard else "", final=True, confidence=1.0 if heard else None)


class SimulatedLanguageModel(_Simulated[SimulatedLanguageModelOptions]):
    """Answers the n-th question with the n-th line of its script."""

    stage = "llm"
    Options = SimulatedLanguageModelOptions

    async def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        """Yield the answer word by word, each with the space before it."""
        options = self._options
        questions = [message.content for message in messages if message.role == "user"]
        # A question asked again, after a speculation say, has the same answer.
        number = max(1, len(questions))
        failure = self._failure(number)
        await _fail_first(failure, "language model")
        texts = questions[-1:] if options.echo else options.texts
        text = texts[(number - 1) % len(texts)] if texts else ""
        tokens = re.findall(r"\s*\S+(?:\s+$)?", text)
        clock = _Clock(options.jitter, options.seed, next(self._calls))
        for index, token in enumerate(tokens):
            await clock.pass_by(options.ttft if not index else _pace(1, options.tokens_per_second))
            if 2 * index >= len(tokens) - 1:
                await _fail_later(failure, "language model")
            yield token
        if not tokens:
            await clock.pass_by(options.ttft)
            await _fail_later(failure, "language model")


class SimulatedSynthesizer(_Simulated[SimulatedSynthesizerOptions]):
    """Says a phrase as a tone, as long as the phrase would take; loud from its first sample."""

    stage = "tts"
    Options = SimulatedSynthesizerOptions

    @property
    def format(self) -> StreamFormat:
        """As the options say, mono."""
        return StreamFormat(Codec(self._options.format), self._options.rate, 1)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield the encoded tone: the first bytes after `ttfb`, the rest at `speed` times real time."""
        if not text.strip():
            return
        options = self._options
        call = next(self._calls)
        failure = self._failure(call)
        await _fail_first(failure, "voice")
        clock = _Clock(options.jitter, options.seed, call)
        tone = _Tone(text.strip(), options)
        sent = False
        waited = 0.0  # seconds of sound since the last bytes
        for index, data in enumerate(_encoded(tone, self.format)):
            if data:
                await clock.pass_by(_pace(waited, options.speed) if sent else options.ttfb)
                if 2 * index >= tone.blocks - 1:
                    await _fail_later(failure, "voice")
                sent, waited = True, 0.0
                yield data
            waited += options.chunk


class _Clock:
    """Moments on the event loop's clock, each some seconds after the one before."""

    def __init__(self, jitter: float, seed: int, call: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._jitter = jitter
        self._random = random.Random(f"{seed} {call}")  # calls that overlap do not change one another

    async def pass_by(self, seconds: float) -> None:
        """Wait for the next moment; not at all when it has passed already."""
        spread = max(0.0, 1 + self._jitter * self._random.gauss(0, 1)) if self._jitter else 1.0
        self._due += seconds * spread
        if (left := self._due - self._loop.time()) > 0:
            await asyncio.sleep(left)


def _pace(amount: float, per_second: float) -> float:
    return amount / per_second if per_second > 0 else 0.0


async def _fail_first(failure: Failure, who: str) -> None:
    errors: dict[Failure, ProviderError] = {
        "refuse": Refused(f"The simulated {who} refuses the key, as asked."),
        "limit": RateLimited(f"The simulated {who} has had too many requests, as asked.", retry_after=1.0),
        "down": Unavailable(f"The simulated {who} is not reachable, as asked."),
    }
    if failure in errors:
        raise errors[failure]
    if failure == "hang":
        await asyncio.get_running_loop().create_future()


async def _fail_later(failure: Failure, who: str) -> None:
    if failure == "drop":
        raise Dropped(f"The simulated {who} broke the connection, as asked.")
    if failure == "stall":
        await asyncio.get_running_loop().create_future()


class _Tone:
    """The sound of a phrase, made a block at a time."""

    def __init__(self, text: str, options: SimulatedSynthesizerOptions) -> None:
        self._rate = options.rate
        self._silence = round(options.leading_silence * options.rate)
        self._length = max(1, round(len(text) / CHARACTERS_A_SECOND * options.rate))
        self._pitch = SCALE[zlib.crc32(text.encode(errors="replace")) % len(SCALE)]
        self._step = max(1, round(options.chunk * options.rate))
        self.blocks = -(-(self._silence + self._length) // self._step)

    def block(self, index: int) -> Samples:
        start = index * self._step
        at = np.arange(start, min(start + self._step, self._silence + self._length)) - self._silence
        rise = np.clip(0.3 + at / (0.05 * self._rate), 0.0, 1.0)  # audible at once, full after 35 ms
        fall = np.clip((self._length - at) / (0.05 * self._rate), 0.0, 1.0)
        tone = LEVEL * rise * fall * np.cos(2 * np.pi * self._pitch / self._rate * at)
        return np.where(at >= 0, tone, 0.0).astype(np.float32)


def _encoded(tone: _Tone, format: StreamFormat) -> Iterator[bytes]:
    """The bytes of each block, empty where the encoder waits for more, and what it has left."""
    blocks = (tone.block(index) for index in range(tone.blocks))
    if format.codec is Codec.PCM:
        for block in blocks:
            yield s16_bytes(block)
        return
    from voicecli.audio.encode import open_encoder  # FFmpeg's libraries: slow to import, and seldom needed

    encoder = open_encoder(format)
    for block in blocks:
        yield encoder.encode(block)
    yield encoder.flush()
