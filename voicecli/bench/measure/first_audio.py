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
from dataclasses import dataclass, field

from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.measure.engine_time import engine_time, waited
from voicecli.bench.measure.loudspeaker import BriefPlayer
from voicecli.bench.measure.stamps import Observed, Witness
from voicecli.bench.measure.texts import Line
from voicecli.bench.metric import known
from voicecli.bench.report import COLD, WARM, Label, Sample, Trouble, case_key
from voicecli.conversation.record import marks_record
from voicecli.errors import DeviceError, ProviderError, VoiceError
from voicecli.flow.sources import array_source
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.providers.choose import Choice
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.phrases import PhraseOptions, phrase_step
from voicecli.reply.utterer import Utterer, UttererOptions

__all__ = ["METRICS", "BenchOptions", "Case", "measured", "planned"]

METRICS = known(
    "ttfa", "ttfb", "playout", "overhead", "opened", "leading_silence", "rtf", "audio", "chunks", "bytes",
    "bytes_to_first_sample", "underruns", "silence",
)  # fmt: skip
"""What a run of one text has."""

_PAUSE = 0.02  # seconds between two runs at the most: none shall be in step with the loudspeaker


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is measured several times: an open engine in a format and with a voice of its, and a text."""

    choice: Choice[Synthesizer]
    line: Line
    another: Callable[[], Awaitable[Synthesizer]] | None = None  # cold: makes an engine like it for each run

    @property
    def cold(self) -> bool:
        """Whether every run opens an engine of its own."""
        return self.another is not None

    @property
    def labels(self) -> dict[str, Label]:
        """What tells it from the others in a report."""
        return {
            "engine": self.choice.name,
            "format": str(self.choice.engine.format.codec),
            "voice": str(getattr(self.choice.options, "voice", "") or ""),
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
    seed: int = 0  # of the order and the pauses

    def __post_init__(self) -> None:
        if self.runs < 1 or self.cold < 0:
            raise ValueError("runs must be at least 1, cold not negative")


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
) -> AsyncIterator[Sample]:
    """Yield a run for everything that is planned, but for what is `done` (by `case_key` and number).

    Number 0 is the warm-up, which does not count. A run that fails is yielded with its error; raises
    DeviceError when the loudspeaker goes away.
    """
    chance = random.Random(options.seed)
    for case, number in _left(planned(cases, options), done):
        await asyncio.sleep(chance.uniform(0.0, _PAUSE))
        yield await _run(case, number, player, options)


def _left(
    plan: Sequence[tuple[Case, int]], done: Collection[tuple[object, int]]
) -> Iterator[tuple[Case, int]]:
    """What is not done; of a case that goes on, the warm-up again."""
    keys = {case: case_key(case.labels) for case, _ in plan}
    going_on = {case for case, number in plan if (keys[case], number) not in done}
    for case, number in plan:
        if (keys[case], number) not in done or (not number and case in going_on):
            yield case, number


async def _run(case: Case, number: int, player: AudioStreamPlayer, options: BenchOptions) -> Sample:
    begun, engine = time.monotonic(), case.choice.engine
    opened: float | None = None
    error: VoiceError | None = None
    async with AsyncExitStack() as stack:
        try:
            if case.another is not None:
                engine = await case.another()
                begun = time.monotonic()  # the choice among engines is not what is measured
                await stack.enter_async_context(engine)
                opened = time.monotonic() - begun
        except VoiceError as failure:
            error = failure
        witness = Witness()
        utterer = Utterer(Observed(engine, witness), player, options.utterer)
        utterer.stopwatch.mark(Mark.FIRST_PHRASE, begun)
        if error is None:
            error = await _said(case.line.text, utterer, options.phrases)
        timeline = _reached(utterer, player)
        if error is None and Mark.FIRST_SOUND not in timeline.marks:
            error = ProviderError(
                f"{engine.name} made no sound that can be heard.", "Is there anything to say?"
            )
        took = await asyncio.to_thread(engine_time, witness.tts, engine.format, player.options.audible)
        values = _values(utterer, player, timeline)
        ttfa, audio = values["ttfa"], values["audio"]
        return Sample(
            case=case.labels,
            values={
                **values,
                # What is neither the engine's nor silence in its sound.
                "overhead": None if ttfa is None or took is None else ttfa - took.seconds - (opened or 0.0),
                "opened": opened,
                "leading_silence": None if took is None else took.leading_silence,
                "rtf": waited(witness.tts) / audio if audio else None,
            },
            number=number,
            counted=number > 0,
            error=None if error is None else Trouble.of(error),
            marks=marks_record(timeline, Mark.FIRST_PHRASE),
        )


async def _said(text: str, utterer: Utterer, options: PhraseOptions) -> VoiceError | None:
    """Say it to its end; returns what went wrong. Raises DeviceError."""
    try:
        await utterer.play(phrase_step(array_source([text]), options))
    except DeviceError:
        raise
    except VoiceError as failure:
        return failure
    return None


def _values(utterer: Utterer, player: AudioStreamPlayer, timeline: Timeline) -> dict[str, float | None]:
    first = utterer.bytes_to_first_sample
    played = first is not None  # or else the player's numbers are of the run before
    return {
        **{str(span): timeline.span(span) for span in (Span.TTFA, Span.TTFB, Span.PLAYOUT)},
        "audio": player.written if played else 0.0,
        "chunks": float(utterer.chunks),
        "bytes": float(utterer.bytes),
        "bytes_to_first_sample": None if first is None else float(first),
        "underruns": float(player.underruns.count) if played else 0.0,
        "silence": player.underruns.seconds if played else 0.0,
    }


def _reached(utterer: Utterer, player: AudioStreamPlayer) -> Timeline:
    marks = dict(utterer.stopwatch.timeline().marks)
    if isinstance(player, BriefPlayer):
        marks.pop(Mark.PLAYBACK_FINISHED, None)  # it was cut short
    return Timeline(marks)
