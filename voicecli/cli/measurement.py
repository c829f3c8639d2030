"""The work of `voicecli bench tts`: engines, formats, voices and texts held against each other."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from voicecli.audio.format import Codec
from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.host import Machine, machine, versions
from voicecli.bench.measure import first_audio
from voicecli.bench.measure.first_audio import (
    METRICS,
    BenchOptions,
    BriefPlayer,
    Case,
    Contender,
    planned,
    sample_of,
)
from voicecli.bench.measure.first_audio_charts import tts_charts
from voicecli.bench.measure.formats import another, codecs_of, in_formats
from voicecli.bench.measure.loudspeaker import Heard
from voicecli.bench.measure.texts import TEXTS, Line, line_of
from voicecli.bench.report import Participant, Report, Sample, case_key, case_name, in_order
from voicecli.bench.report_file import public_options
from voicecli.bench.resume import done, resumed
from voicecli.cli import sound
from voicecli.cli.bench_options import Outputs
from voicecli.cli.progress import progress
from voicecli.cli.reporting import check, publish
from voicecli.config import Loaded
from voicecli.config.assembly import pick_synthesizer
from voicecli.errors import ExitStatus, UsageError, VoiceError
from voicecli.flow.steps import scoped
from voicecli.latency.budget import Limit
from voicecli.providers.choose import Choice
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["BenchRequest", "run_bench"]

_KIND = "tts"
_HOLDS = 60.0  # seconds of sound that the player holds where nobody hears it: then nothing waits for it
_NAME = 24  # characters of a text that name it in the report
_EXCLUDED = (
    "starting the process, loading libraries and opening the loudspeaker",
    "opening the engine, but in cold runs: their time begins before a new one is opened",
    "the first run of each warm case",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """What the command line says about what is measured."""

    runs: int = 10
    cold: int = 3
    engines: tuple[str, ...] = ()  # empty: the one in the settings
    codecs: tuple[Codec, ...] = ()  # empty: each engine's own
    voices: tuple[str, ...] = ()  # empty: each engine's own
    lines: tuple[Line, ...] = TEXTS
    speaker: str = sound.NULL
    resume: Path | None = None
    seed: int = 0

    @classmethod
    def read(
        cls,
        *,
        formats: Sequence[str] | None,
        engines: Sequence[str] | None,
        voices: Sequence[str] | None,
        texts: Sequence[str] | None,
        words: Sequence[int] | None,
        **more: Any,
    ) -> Self:
        """Of the words of the command line. Raises UsageError."""
        for text in texts or ():
            if not text.strip():
                raise UsageError("There is nothing to say: a --text is empty.")
        lines = [Line(textwrap.shorten(text, _NAME, placeholder="…"), text) for text in texts or ()]
        lines += [line_of(number) for number in words or ()]
        return cls(
            engines=tuple(dict.fromkeys(engines or ())),
            codecs=codecs_of(formats),
            voices=tuple(dict.fromkeys(voices or ())),
            lines=tuple(dict.fromkeys(lines)) or TEXTS,
            **more,
        )


async def run_bench(loaded: Loaded, request: BenchRequest, outputs: Outputs) -> ExitStatus:
    """Measure and report; returns what the process should. Raises VoiceError.

    What was measured before an interruption, or before something failed for good, is reported too.
    """
    if request.resume is not None and outputs.json is None:
        outputs = replace(outputs, json=str(request.resume))
    destinations = check(outputs, _KIND, METRICS, request.speaker)
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    gathered = _Gathered(started=started, machine=machine(), seed=request.seed)
    interrupted, lost = False, None
    try:
        async with AsyncExitStack() as stack:
            await _measure(stack, loaded, request, gathered)
    except asyncio.CancelledError:
        interrupted = True
    except VoiceError as error:
        lost = error
    limits = destinations.limits(loaded.settings.budgets.limits())
    report = gathered.report(limits, interrupted=interrupted or lost is not None)
    if report is None:
        if lost is not None:
            raise lost
        return ExitStatus.INTERRUPTED
    status = publish(report, destinations)
    if lost is not None:
        raise lost
    return status


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What there is so far, for a report at any moment."""

    started: str
    machine: Machine
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    contenders: list[Contender] = field(default_factory=list)
    heard: Heard | None = None
    cases: list[Case] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def report(self, limits: Sequence[Limit], *, interrupted: bool) -> Report | None:
        """None when nothing was measured."""
        if self.heard is None or not self.samples:
            return None
        cases = [case.labels for case in self.cases]
        return Report(
            kind=_KIND,
            started=self.started,
            machine=self.machine,
            versions=self.versions(),
            metrics=METRICS,
            samples=self.samples,
            cases=cases,
            engines=[_participant(contender) for contender in self.contenders],
            settings=self.settings,
            seed=self.seed,
            excluded=[*_EXCLUDED, *self.heard.excluded()],
            notes=self.notes,
            facts={"speaker": str(self.heard), **self.facts},
            details={"speaker": self.heard.as_dict()},
            charts=tts_charts(in_order(self.samples, cases), limits, self.seed),
            limits=limits,
            interrupted=interrupted,
        )

    def versions(self) -> dict[str, str]:
        """Of everything that was measured."""
        return versions("tts", [contender.name for contender in self.contenders])


def _participant(contender: Contender) -> Participant:
    sent = contender.engine.format
    return Participant(
        stage="tts",
        engine=contender.name,
        reason=contender.reason,
        options=public_options(contender.options),
        more={
            "format": contender.codec,
            "voice": contender.voice,
            "rate": sent.rate if sent.codec == "pcm" else None,  # the others say it in the stream
            "opened": contender.opened,
        },
    )


def _settings_record(loaded: Loaded, request: BenchRequest, player: AudioStreamPlayer) -> dict[str, Any]:
    settings = loaded.settings
    return {
        "runs": request.runs,
        "cold": request.cold,
        "formats": [str(codec) for codec in request.codecs],
        "voices": list(request.voices),
        "texts": [line.text for line in request.lines],
        "speaker": request.speaker,
        "player": asdict(player.options),
        "phrases": asdict(settings.conversation.phrases),
        "utterer": asdict(settings.utterer()),
    }


async def _measure(stack: AsyncExitStack, loaded: Loaded, request: BenchRequest, gathered: _Gathered) -> None:
    settings = loaded.settings
    player, kind = _player(loaded, request.speaker)
    gathered.settings = _settings_record(loaded, request, player)
    for choice in await _choices(loaded, request, gathered.notes):
        # One after the other, so that each has the machine to itself while it is timed.
        gathered.contenders.append(await _opened(stack, choice))
    earlier = _earlier(request, gathered)
    await stack.enter_async_context(player)
    output = player.output
    gathered.heard = Heard(output.name, kind, output.rate, output.latency, whole=kind != sound.NULL)
    options = BenchOptions(
        runs=request.runs,
        cold=request.cold,
        phrases=settings.conversation.phrases,
        utterer=settings.utterer(),
        seed=request.seed,
    )
    gathered.cases += [
        Case(contender, line, cold)
        for line in request.lines
        for contender in gathered.contenders
        for cold in ([False, True] if request.cold else [False])
    ]
    gathered.facts["runs"] = f"{request.runs} warm and {request.cold} cold, in another order each time"
    known = done(earlier)
    total = len(planned(gathered.cases, options))
    with progress(total, min(total, len(known))) as advance:
        async with scoped(first_audio.measured(gathered.cases, player, options, known)) as runs:
            async for run in runs:
                sample = sample_of(run)
                if (case_key(sample.case), sample.number) not in known:  # a warm-up may come again
                    gathered.samples.append(sample)
                    advance(case_name(sample.case))


def _earlier(request: BenchRequest, gathered: _Gathered) -> Report | None:
    """What is gone on with; its samples come first. Raises UsageError when it was measured otherwise."""
    if request.resume is None:
        return None
    earlier = resumed(
        request.resume, _KIND, gathered.settings, request.seed, gathered.machine, gathered.versions()
    )
    gathered.facts["resumed"] = f"{len(earlier.samples)} runs are of {earlier.started.replace('T', ' ')}"
    gathered.samples += earlier.samples
    return earlier


def _player(loaded: Loaded, speaker: str) -> tuple[AudioStreamPlayer, str]:
    """The player, and what kind of loudspeaker it has."""
    options = loaded.settings.player
    output = sound.open_speaker(speaker, real_time=True, silence=False)
    if speaker == sound.NULL:
        return BriefPlayer(output, replace(options, capacity=max(options.capacity, _HOLDS))), sound.NULL
    kind = "pipe" if speaker == sound.PIPE else "file" if sound.is_file(speaker) else "device"
    return AudioStreamPlayer(output, options), kind


async def _choices(loaded: Loaded, request: BenchRequest, notes: list[str]) -> list[Choice[Synthesizer]]:
    """Every engine with every voice in every format that it has. Raises UsageError when none is left."""
    settings = loaded.settings
    found: list[Choice[Synthesizer]] = []
    said: list[str] = []
    for name in request.engines or (settings.tts.engine,):
        with_engine = replace(loaded, settings=replace(settings, tts=replace(settings.tts, engine=name)))
        for voice in request.voices or (None,):
            choice = await pick_synthesizer(with_engine, voice)
            formats = await in_formats(choice, request.codecs)
            found += formats.choices
            said += formats.notes
            if voice is not None and not hasattr(choice.options, "voice"):
                said.append(f"{choice.name} has no voices to choose from")
                break  # once is enough of what cannot be chosen
    notes += dict.fromkeys(said)
    if not found:
        raise UsageError("No engine sends what was asked for.", f"{'. '.join(notes)}.")
    return found


async def _opened(stack: AsyncExitStack, choice: Choice[Synthesizer]) -> Contender:
    began = time.monotonic()
    engine = await stack.enter_async_context(choice.engine)
    took = time.monotonic() - began
    return Contender(choice.name, choice.reason, engine, choice.options, took, partial(another, choice))
