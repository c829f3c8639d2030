"""What `voicecli bench tts` measures: engines, formats, voices and texts held against each other."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from voicecli.audio.format import Codec
from voicecli.bench.host import versions
from voicecli.bench.measure import first_audio
from voicecli.bench.measure.first_audio import (
    METRICS,
    BenchOptions,
    Case,
    Contender,
    planned,
    sample_of,
)
from voicecli.bench.measure.first_audio_charts import tts_charts
from voicecli.bench.measure.formats import another, codecs_of, in_formats
from voicecli.bench.measure.loudspeaker import Heard, Loudspeaker
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.texts import TEXTS, Line, line_of
from voicecli.bench.report import Report, Sample, case_key, case_name, in_order
from voicecli.bench.report_file import participant
from voicecli.bench.resume import done, resumed
from voicecli.config.assembly import pick_synthesizer
from voicecli.errors import UsageError
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Span
from voicecli.providers.choose import Choice
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["SpeechBench", "SpeechRequest"]

_HOLDS = 60.0  # seconds of sound that the player holds where nobody hears it: then nothing waits for it
_NAME = 24  # characters of a text that name it in the report


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """What the command line says about what is measured."""

    runs: int = 10
    cold: int = 3
    engines: tuple[str, ...] = ()  # empty: the one in the settings
    codecs: tuple[Codec, ...] = ()  # empty: each engine's own
    voices: tuple[str, ...] = ()  # empty: each engine's own
    lines: tuple[Line, ...] = TEXTS
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


@dataclass(kw_only=True)
class SpeechBench(Measurement):
    """The time from a text to the first audible sample."""

    kind: ClassVar = "tts"
    metrics: ClassVar = METRICS
    excluded: ClassVar = (
        "starting the process, loading libraries and opening the loudspeaker",
        "opening the engine, but in cold runs: their time begins before a new one is opened",
        "the first run of each warm case",
    )

    request: SpeechRequest
    speaker: Loudspeaker
    heard: Heard | None = None
    cases: list[Case] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def budgets(self) -> Mapping[Span, float]:
        return self.loaded.settings.budgets.limits()

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        settings, request = self.loaded.settings, self.request
        player = self.speaker.player(settings.player, _HOLDS)
        options = BenchOptions(
            runs=request.runs,
            cold=request.cold,
            phrases=settings.conversation.phrases,
            utterer=settings.utterer(),
            seed=request.seed,
        )
        self.settings = {
            "runs": request.runs,
            "cold": request.cold,
            "formats": [str(codec) for codec in request.codecs],
            "voices": list(request.voices),
            "texts": [line.text for line in request.lines],
            "speaker": self.speaker.name,
            "player": asdict(player.options),
            "phrases": asdict(options.phrases),
            "utterer": asdict(options.utterer),
        }
        # One after the other, so that each has the machine to itself while it is timed.
        contenders = [await self._opened(stack, choice) for choice in await self._choices()]
        self.versions |= versions("tts", [contender.name for contender in contenders])
        known = done(self._earlier())
        await stack.enter_async_context(player)
        self.heard = self.speaker.heard(player)
        self.cases += [
            Case(contender, line, cold)
            for line in request.lines
            for contender in contenders
            for cold in ([False, True] if request.cold else [False])
        ]
        self.facts["runs"] = f"{request.runs} warm and {request.cold} cold, in another order each time"
        total = len(planned(self.cases, options))
        with bars.measuring(total, min(total, len(known))) as advance:
            async with scoped(first_audio.measured(self.cases, player, options, known)) as runs:
                async for run in runs:
                    sample = sample_of(run)
                    if (case_key(sample.case), sample.number) not in known:  # a warm-up may come again
                        self.samples.append(sample)
                        advance(case_name(sample.case))

    def _earlier(self) -> Report | None:
        """What is gone on with; its samples come first. Raises UsageError when it was measured otherwise."""
        path, seed = self.request.resume, self.request.seed
        if path is None:
            return None
        earlier = resumed(path, self.kind, self.settings, seed, self.machine, self.versions)
        self.facts["resumed"] = f"{len(earlier.samples)} runs are of {earlier.started.replace('T', ' ')}"
        self.samples += earlier.samples
        return earlier

    async def _choices(self) -> list[Choice[Synthesizer]]:
        """Every engine with every voice in every format that it has. Raises UsageError when none is left."""
        settings, request = self.loaded.settings, self.request
        found: list[Choice[Synthesizer]] = []
        said: list[str] = []
        for name in request.engines or (settings.tts.engine,):
            tts = replace(settings.tts, engine=name)
            loaded = replace(self.loaded, settings=replace(settings, tts=tts))
            for voice in request.voices or (None,):
                choice = await pick_synthesizer(loaded, voice)
                formats = await in_formats(choice, request.codecs)
                found += formats.choices
                said += formats.notes
                if voice is not None and not hasattr(choice.options, "voice"):
                    said.append(f"{choice.name} has no voices to choose from")
                    break  # once is enough of what cannot be chosen
        self.notes += dict.fromkeys(said)
        if not found:
            raise UsageError("No engine sends what was asked for.", f"{'. '.join(self.notes)}.")
        return found

    async def _opened(self, stack: AsyncExitStack, choice: Choice[Synthesizer]) -> Contender:
        began = time.monotonic()
        engine = await stack.enter_async_context(choice.engine)
        took = time.monotonic() - began
        found = Contender(choice.name, choice.reason, engine, choice.options, took, partial(another, choice))
        sent = engine.format
        rate = sent.rate if sent.codec == "pcm" else None  # the others say it in the stream
        more = {"format": found.codec, "voice": found.voice, "rate": rate, "opened": took}
        self.engines.append(participant("tts", choice, **more))
        return found

    def report(self) -> Report | None:
        if self.heard is None or not self.samples:
            return None
        cases, seed = [case.labels for case in self.cases], self.request.seed
        return replace(
            self._head(seed),
            samples=self.samples,
            cases=cases,
            excluded=[*self.excluded, *self.heard.excluded()],
            facts={"speaker": str(self.heard), **self.facts},
            details={"speaker": self.heard.as_dict()},
            charts=tts_charts(in_order(self.samples, cases), self.limits, seed),
        )
