"""Time to first audio: the same texts through every engine and format, again and again, in turn.

A run is what `voicecli tts` does: the text is cut into phrases, synthesised, decoded, resampled and played.
It begins when the text is handed over (`first_phrase`) and is heard when the first audible sample leaves the
loudspeaker (`first_sound`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from voicecli.audio.format import StreamFormat
from voicecli.audio.player import AudioStreamPlayer
from voicecli.conversation.phrases import PhraseCutter, PhraseOptions
from voicecli.conversation.utterer import Utterer, UttererOptions
from voicecli.errors import DeviceError, ProviderError, VoiceError
from voicecli.flow.steps import scoped
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["SPANS", "TEXTS", "BenchOptions", "BriefPlayer", "Case", "Contender", "Line", "Run", "measured"]

SPANS = (Span.TTFA, Span.TTFB, Span.PLAYOUT)
"""What a run of one text has."""

_PIECE = 4096  # characters of a text given to the phrase cutter at once


@dataclass(frozen=True, slots=True)
class Line:
    """A text to be spoken, and what the report calls it."""

    name: str
    text: str


TEXTS = (
    Line("short", "Yes, it leaves at nine."),
    Line("medium", "The next train to the coast leaves at nine fifteen, and you have to change on the way."),
    Line(
        "long",
        "The next train to the coast leaves at nine fifteen, from platform four. You have to change on the "
        "way, and there are twelve minutes for that. It is raining where you are going, so take a coat. If "
        "you would rather stay dry, the museum is open until six, and on Thursdays it costs nothing.",
    ),
)
"""A word of agreement, a sentence, and a paragraph of several phrases."""


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """An open engine in one of its formats."""

    name: str
    reason: str  # why this engine
    engine: Synthesizer
    options: Any
    opened: float = 0.0  # seconds until it was ready

    @property
    def codec(self) -> str:
        """What it sends."""
        return str(self.engine.format.codec)


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured several times."""

    contender: Contender
    line: Line

    def __str__(self) -> str:
        return f"{self.contender.name} {self.contender.codec} {self.line.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """How often, and how texts become speech."""

    runs: int = 10  # that count, of each case
    phrases: PhraseOptions = field(default_factory=PhraseOptions)
    utterer: UttererOptions = field(default_factory=UttererOptions)
    pause: float = 0.02  # seconds between two runs at the most: none shall be in step with the loudspeaker
    seed: int = 0  # of the order and the pauses

    def __post_init__(self) -> None:
        if self.runs < 1 or self.pause < 0:
            raise ValueError("runs must be at least 1, and pause not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One text, spoken once."""

    case: Case
    number: int  # 0 is the warm-up, which does not count
    timeline: Timeline
    audio: float = 0.0  # seconds of sound
    making: float = 0.0  # seconds in which something was waited for from the engine
    chunks: int = 0
    bytes: int = 0
    bytes_to_first_sample: int | None = None
    underruns: int = 0
    silence: float = 0.0  # seconds that the underruns put into the sound
    error: VoiceError | None = None

    @property
    def ok(self) -> bool:
        """Whether all of the text was spoken."""
        return self.error is None

    @property
    def rtf(self) -> float | None:
        """Time to make, by the length of the audio."""
        return self.making / self.audio if self.audio else None


class BriefPlayer(AudioStreamPlayer):
    """Ends a reply when all of it is there and its beginning was heard: none of it can be late any more.

    For loudspeakers that nobody listens to. It must be able to hold the whole reply.
    """

    async def stop(self) -> float:
        self.finish()
        await self._reached(min(self._playout.audible_at + 1, self._ring.written))
        self.abort()
        return await self.drained()


async def measured(
    cases: Sequence[Case], player: AudioStreamPlayer, options: BenchOptions
) -> AsyncIterator[Run]:
    """Yield a warm-up of every case, then `runs` rounds of all of them, each round in another order.

    So whatever drifts meanwhile hits all alike. A run that fails is yielded with its error; raises
    DeviceError when the loudspeaker goes away.
    """
    chance = random.Random(options.seed)
    order = list(cases)
    for number in range(options.runs + 1):
        for case in order:
            await asyncio.sleep(chance.uniform(0.0, options.pause))
            yield await _run(case, number, player, options)
        chance.shuffle(order)


async def _run(case: Case, number: int, player: AudioStreamPlayer, options: BenchOptions) -> Run:
    engine = _Timed(case.contender.engine)
    utterer = Utterer(engine, player, options.utterer)
    phrases = _phrases(case.line.text, options.phrases)
    error: VoiceError | None = None
    utterer.stopwatch.mark(Mark.FIRST_PHRASE, time.monotonic())
    try:
        await utterer.play(phrases, _at_once)
    except DeviceError:
        raise
    except VoiceError as failure:
        error = failure
    timeline = _reached(utterer, player)
    if error is None and Mark.FIRST_SOUND not in timeline.marks:
        error = ProviderError(f"{engine.name} made no sound that can be heard.", "Is there anything to say?")
    played = utterer.bytes_to_first_sample is not None  # or else the player's numbers are of the run before
    return Run(
        case=case,
        number=number,
        timeline=timeline,
        audio=player.written if played else 0.0,
        making=engine.making,
        chunks=utterer.chunks,
        bytes=utterer.bytes,
        bytes_to_first_sample=utterer.bytes_to_first_sample,
        underruns=player.underruns.count if played else 0,
        silence=player.underruns.seconds if played else 0.0,
        error=error,
    )


def _reached(utterer: Utterer, player: AudioStreamPlayer) -> Timeline:
    marks = dict(utterer.stopwatch.timeline().marks)
    if isinstance(player, BriefPlayer):
        marks.pop(Mark.PLAYBACK_FINISHED, None)  # it was cut short
    return Timeline(MappingProxyType(marks))


async def _phrases(text: str, options: PhraseOptions) -> AsyncIterator[str]:
    cutter = PhraseCutter(options)
    for start in range(0, len(text), _PIECE):
        for phrase in cutter.push(text[start : start + _PIECE]):
            yield phrase
    for phrase in cutter.flush():
        yield phrase


async def _at_once() -> None:
    pass


class _Timed:
    """A synthesizer, and how long something was waited for from it.

    Phrases that are made at the same time are waited for at the same time. What the player holds up does not
    count; what an engine makes ahead of its reader does not either.
    """

    def __init__(self, engine: Synthesizer) -> None:
        self.name = engine.name
        self.making = 0.0  # seconds
        self._engine = engine
        self._waiting = 0  # phrases
        self._since = 0.0

    @property
    def format(self) -> StreamFormat:
        return self._engine.format

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        async with scoped(self._engine.synthesize(text)) as chunks:
            while True:
                self._begin()
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                finally:
                    self._end()
                yield chunk

    def _begin(self) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += 1

    def _end(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self.making += time.monotonic() - self._since
