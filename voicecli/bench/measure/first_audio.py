"""Time to first audio: the same texts through every engine, format and voice, again and again, in turn.

A run is what `voicecli tts` does: the text is cut into phrases, synthesised, decoded, resampled and played.
It begins when the text is handed over (`first_phrase`) and is heard when the first audible sample leaves the
loudspeaker (`first_sound`). A warm run asks an engine that is open and has spoken before; a cold one makes a
new engine, opens it and asks it, and all of that is in its time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.measure.texts import Line
from voicecli.bench.measure.timed_synthesizer import Timed, engine_time
from voicecli.bench.metric import known
from voicecli.bench.report import COLD, WARM, Failure, Label, Sample, case_key
from voicecli.conversation.record import marks_record
from voicecli.errors import DeviceError, ProviderError, VoiceError
from voicecli.flow.sources import array_source
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.phrases import PhraseOptions, phrase_step
from voicecli.reply.utterer import Utterer, UttererOptions

__all__ = [
    "METRICS",
    "BenchOptions",
    "BriefPlayer",
    "Case",
    "Contender",
    "Run",
    "measured",
    "planned",
    "sample_of",
]

METRICS = known(
    "ttfa", "ttfb", "playout", "overhead", "opened", "leading_silence", "rtf", "audio", "chunks", "bytes",
    "bytes_to_first_sample", "underruns", "silence",
)  # fmt: skip
"""What a run of one text has."""


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """An open engine in one of its formats, with one of its voices."""

    name: str
    reason: str  # why this engine
    engine: Synthesizer
    options: Any
    opened: float = 0.0  # seconds until it was ready
    another: Callable[[], Awaitable[Synthesizer]] | None = None  # makes one like it, not yet opened

    @property
    def codec(self) -> str:
        """What it sends."""
        return str(self.engine.format.codec)

    @property
    def voice(self) -> str:
        """The voice that was asked for, empty where there is none to choose."""
        return str(getattr(self.options, "voice", "") or "")


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured several times."""

    contender: Contender
    line: Line
    cold: bool = False

    @property
    def labels(self) -> dict[str, Label]:
        """What tells it from the others in a report."""
        return {
            "engine": self.contender.name,
            "format": self.contender.codec,
            "voice": self.contender.voice,
            "name": self.line.name,
            "words": self.line.words,
            "text": self.line.text,
            "temperature": COLD if self.cold else WARM,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """How often, and how texts become speech."""

    runs: int = 10  # that count, of each warm case
    cold: int = 3  # of each cold case
    phrases: PhraseOptions = field(default_factory=PhraseOptions)
    utterer: UttererOptions = field(default_factory=UttererOptions)
    pause: float = 0.02  # seconds between two runs at the most: none shall be in step with the loudspeaker
    seed: int = 0  # of the order and the pauses

    def __post_init__(self) -> None:
        if self.runs < 1 or self.cold < 0 or self.pause < 0:
            raise ValueError("runs must be at least 1, cold and pause not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One text, spoken once."""

    case: Case
    number: int  # 0 is the warm-up, which does not count
    timeline: Timeline
    opened: float | None = None  # seconds in which the engine of a cold run was made ready
    engine: float | None = None  # seconds that the engine let wait for something to be heard
    leading_silence: float | None = None  # seconds of silence with which the engine's sound begins
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

    @property
    def overhead(self) -> float | None:
        """Seconds of the time to the first sound that are neither the engine's nor silence in its sound."""
        ttfa = self.timeline.span(Span.TTFA)
        if ttfa is None or self.engine is None:
            return None
        return ttfa - self.engine - (self.opened or 0.0)


def sample_of(run: Run) -> Sample:
    """The run as a report has it."""
    first = run.bytes_to_first_sample
    return Sample(
        case=run.case.labels,
        values={
            **{str(span): run.timeline.span(span) for span in (Span.TTFA, Span.TTFB, Span.PLAYOUT)},
            "overhead": run.overhead,
            "opened": run.opened,
            "leading_silence": run.leading_silence,
            "rtf": run.rtf,
            "audio": run.audio,
            "chunks": float(run.chunks),
            "bytes": float(run.bytes),
            "bytes_to_first_sample": None if first is None else float(first),
            "underruns": float(run.underruns),
            "silence": run.silence,
        },
        number=run.number,
        counted=run.number > 0,
        error=None if run.error is None else Failure.of(run.error),
        marks=marks_record(run.timeline, Mark.FIRST_PHRASE),
    )


class BriefPlayer(AudioStreamPlayer):
    """Ends a reply when all of it is there and its beginning was heard: none of it can be late any more.

    For loudspeakers that nobody listens to. It must be able to hold the whole reply.
    """

    async def stop(self) -> float:
        self.finish()
        await self._reached(min(self._playout.audible_at + 1, self._ring.written))
        self.abort()
        return await self.drained()


def planned(cases: Sequence[Case], options: BenchOptions) -> list[tuple[Case, int]]:
    """A warm-up of every warm case, then rounds of all that have runs left, each round in another order.

    So whatever drifts meanwhile hits all alike. The same cases and options give the same order.
    """
    chance = random.Random(options.seed)
    plan: list[tuple[Case, int]] = []
    for number in range(max(options.runs, options.cold) + 1):
        due = [
            case for case in cases if (0 < number <= options.cold if case.cold else number <= options.runs)
        ]
        if number:
            chance.shuffle(due)
        plan += [(case, number) for case in due]
    return plan


async def measured(
    cases: Sequence[Case],
    player: AudioStreamPlayer,
    options: BenchOptions,
    done: Collection[tuple[object, int]] = (),
) -> AsyncIterator[Run]:
    """Yield a run for everything that is planned, but for what is `done` (by `case_key` and number).

    A run that fails is yielded with its error; raises DeviceError when the loudspeaker goes away.
    """
    chance = random.Random(options.seed)
    for case, number in _left(planned(cases, options), done):
        await asyncio.sleep(chance.uniform(0.0, options.pause))
        yield await _run(case, number, player, options)


def _left(
    plan: Sequence[tuple[Case, int]], done: Collection[tuple[object, int]]
) -> Iterator[tuple[Case, int]]:
    """What is not done; of a case that goes on, the warm-up again."""
    keys = {id(case): case_key(case.labels) for case, _ in plan}
    left = [(case, number) for case, number in plan if (keys[id(case)], number) not in done]
    going_on = {id(case) for case, _ in left}
    for case, number in plan:
        if (keys[id(case)], number) not in done or (not number and id(case) in going_on):
            yield case, number


async def _run(case: Case, number: int, player: AudioStreamPlayer, options: BenchOptions) -> Run:
    contender = case.contender
    if not case.cold or contender.another is None:
        run = Run(case=case, number=number, timeline=_begun(time.monotonic()))
        return await _spoken(run, contender.engine, player, options)
    began = time.monotonic()
    run = Run(case=case, number=number, timeline=_begun(began))
    async with AsyncExitStack() as stack:
        try:
            engine = await contender.another()
            began = time.monotonic()  # the choice among engines is not what is measured
            run = replace(run, timeline=_begun(began))
            await stack.enter_async_context(engine)
        except VoiceError as failure:
            return replace(run, error=failure)
        return await _spoken(replace(run, opened=time.monotonic() - began), engine, player, options)


def _begun(time: float) -> Timeline:
    return Timeline(MappingProxyType({Mark.FIRST_PHRASE: time}))


async def _spoken(
    run: Run, synthesizer: Synthesizer, player: AudioStreamPlayer, options: BenchOptions
) -> Run:
    """The run that has begun, to its end."""
    engine = Timed(synthesizer)
    utterer = Utterer(engine, player, options.utterer)
    error: VoiceError | None = None
    utterer.stopwatch.mark(Mark.FIRST_PHRASE, run.timeline.marks[Mark.FIRST_PHRASE])
    try:
        phrases = phrase_step(array_source([run.case.line.text]), options.phrases)
        await utterer.play(phrases)
    except DeviceError:
        raise
    except VoiceError as failure:
        error = failure
    timeline = _reached(utterer, player)
    if error is None and Mark.FIRST_SOUND not in timeline.marks:
        error = ProviderError(f"{engine.name} made no sound that can be heard.", "Is there anything to say?")
    took = await asyncio.to_thread(engine_time, engine, player.options.audible)
    played = utterer.bytes_to_first_sample is not None  # or else the player's numbers are of the run before
    return replace(
        run,
        timeline=timeline,
        engine=None if took is None else took.seconds,
        leading_silence=None if took is None else took.leading_silence,
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
