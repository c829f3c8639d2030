"""What `voicecli bench tts` measures: engines, formats, voices and texts held against each other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import ClassVar

from voicecli.audio.format import Codec
from voicecli.bench.chart import Axis, Chart
from voicecli.bench.charts import cdfs, labelled, medians, over, waterfall
from voicecli.bench.host import versions
from voicecli.bench.measure import first_audio
from voicecli.bench.measure.first_audio import METRICS, BenchOptions, Case, planned
from voicecli.bench.measure.formats import another, in_formats
from voicecli.bench.measure.loudspeaker import BenchSpeaker
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.texts import TEXTS, Line
from voicecli.bench.metric import Measure
from voicecli.bench.report import WARM, Sample, case_key, case_name, counted, in_order, values_of
from voicecli.bench.report_file import participant, resumed
from voicecli.config.assembly import pick_synthesizer
from voicecli.errors import UsageError
from voicecli.flow.scope import scoped
from voicecli.latency.budget import Limit
from voicecli.latency.timeline import Span
from voicecli.providers.choose import Choice
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["SpeechBench", "tts_charts"]

_HOLDS = 60.0  # seconds of sound that the player holds where nobody hears it: then nothing waits for it
_STAGES = ("opening", "first byte", "playout")
_WHO = ("engine", "format", "voice")
_TTFA, _OVERHEAD = METRICS[0], METRICS[3]


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

    speaker: BenchSpeaker
    runs: int = 10
    cold: int = 3
    engines: Sequence[str] = ()  # empty: the one in the settings
    codecs: Sequence[Codec] = ()  # empty: each engine's own
    voices: Sequence[str] = ()  # empty: each engine's own
    lines: Sequence[Line] = TEXTS
    resume: Path | None = None
    seed: int = 0
    cases: list[Case] = field(default_factory=list)

    @property
    def budgets(self) -> Mapping[Span, float]:
        return self.loaded.settings.budgets.limits()

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        settings, report = self.loaded.settings, self.report
        player = self.speaker.player(settings.player, _HOLDS)
        options = BenchOptions(
            runs=self.runs,
            cold=self.cold,
            phrases=settings.conversation.phrases,
            utterer=settings.utterer(),
            seed=self.seed,
        )
        report.seed = self.seed
        report.settings = {
            "runs": self.runs,
            "cold": self.cold,
            "formats": [str(codec) for codec in self.codecs],
            "voices": list(self.voices),
            "texts": [line.text for line in self.lines],
            "speaker": self.speaker.name,
            "player": asdict(player.options),
            "phrases": asdict(options.phrases),
            "utterer": asdict(options.utterer),
        }
        choices = await self._choices()
        for choice in choices:  # one after the other: each has the machine to itself while it is timed
            await self._open(stack, choice)
        report.versions |= versions("tts", [choice.name for choice in choices])
        earlier = None if self.resume is None else resumed(self.resume, report)
        await stack.enter_async_context(player)
        heard = self.speaker.heard(player)
        report.excluded += heard.excluded()
        report.facts["speaker"] = str(heard)
        report.details = {"speaker": heard}
        if earlier is not None:
            report.facts["resumed"] = f"{len(earlier.samples)} runs are of {earlier.begun}"
            report.samples += earlier.samples
        report.facts["runs"] = f"{self.runs} warm and {self.cold} cold, in another order each time"
        known = {(case_key(sample.case), sample.number) for sample in report.samples}
        self.cases += [
            Case(choice, line, new)
            for line in self.lines
            for choice in choices
            for new in ([None, partial(another, choice)] if self.cold else [None])
        ]
        report.cases = [case.labels for case in self.cases]
        total = len(planned(self.cases, options))
        with bars.measuring(total, min(total, len(known))) as advance:
            async with scoped(first_audio.measured(self.cases, player, options, known)) as runs:
                async for sample in runs:
                    if (case_key(sample.case), sample.number) not in known:  # a warm-up may come again
                        report.samples.append(sample)
                        advance(case_name(sample.case))

    async def _choices(self) -> list[Choice[Synthesizer]]:
        """Every engine with every voice in every format that it has. Raises UsageError when none is left."""
        settings = self.loaded.settings
        found: list[Choice[Synthesizer]] = []
        said: list[str] = []
        for name in self.engines or (settings.tts.engine,):
            tts = replace(settings.tts, engine=name)
            loaded = replace(self.loaded, settings=replace(settings, tts=tts))
            for voice in self.voices or (None,):
                choice = await pick_synthesizer(loaded, voice)
                formats = await in_formats(choice, self.codecs)
                found += formats.choices
                said += formats.notes
                if voice is not None and not hasattr(choice.options, "voice"):
                    said.append(f"{choice.name} has no voices to choose from")
                    break  # once is enough of what cannot be chosen
        self.report.notes += dict.fromkeys(said)
        if not found:
            raise UsageError("No engine sends what was asked for.", f"{'. '.join(self.report.notes)}.")
        return found

    async def _open(self, stack: AsyncExitStack, choice: Choice[Synthesizer]) -> None:
        began = time.monotonic()
        engine = await stack.enter_async_context(choice.engine)
        took = time.monotonic() - began
        labels, sent = Case(choice, TEXTS[0]).labels, engine.format
        rate = sent.rate if sent.codec == "pcm" else None  # the others say it in the stream
        more = {"format": labels["format"], "voice": labels["voice"], "rate": rate, "opened": took}
        self.report.engines.append(participant("tts", choice, **more))

    def _sum_up(self) -> None:
        report = self.report
        report.charts = tts_charts(in_order(report.samples, report.cases), report.limits, report.seed)


def tts_charts(samples: Sequence[Sample], limits: Sequence[Limit] = (), seed: int = 0) -> list[Chart]:
    """Those that have something to show."""
    budget = next((limit.seconds for limit in limits if limit.span == _TTFA.name), None)
    return [chart for chart in _charts(samples, budget, seed) if not chart.empty]


def _charts(samples: Sequence[Sample], budget: float | None, seed: int) -> Iterator[Chart]:
    warm = [sample for sample in samples if sample.case.get("temperature") == WARM]
    title = "From the text to the first sound (medians)"
    yield waterfall(_stages(samples), title, Axis("since the text"), budget, _STAGES)
    yield cdfs(warm, _TTFA, _WHO, "Time to first audio: share of the runs within", budget)
    if _several(warm, "format"):
        title = "Time to first audio by format (median, 95 % CI)"
        yield medians(warm, _TTFA, ("format",), ("engine", "voice"), title, seed, budget)
    if _several(warm, "words"):
        words = Axis("words in the text", Measure.COUNT)
        title = "Time to first audio by length of the text (median, 95 % CI)"
        yield over(warm, _TTFA, words, _WHO, title, label="words", seed=seed, limit=budget)
    if _several(samples, "temperature"):
        title = "A new engine for every run (cold) against an open one (warm): median, 95 % CI"
        yield medians(samples, _TTFA, _WHO, ("temperature",), title, seed)
    yield cdfs(warm, _OVERHEAD, _WHO, "Overhead, what is not the engine's: share of the runs within")
    if len({sample.number for sample in counted(warm)}) > 2:
        title = "Time to first audio from run to run (median of the texts)"
        yield over(warm, _TTFA, Axis("run", Measure.COUNT), _WHO, title, limit=budget)


def _several(samples: Sequence[Sample], label: str) -> bool:
    return len({sample.case.get(label) for sample in counted(samples)}) > 1


def _stages(samples: Sequence[Sample]) -> dict[str, dict[str, tuple[float, float]]]:
    """For each case the medians of opening, first byte and first sound, one after the other."""
    rows = {}
    for name, found in labelled(counted(samples), (*_WHO, "name", "temperature")).items():
        first_byte, first_sound = _middle(found, "ttfb"), _middle(found, "ttfa")
        if first_byte is None or first_sound is None:
            continue
        opened = _middle(found, "opened")  # of cold runs alone
        row = {} if opened is None else {"opening": (0.0, min(opened, first_byte))}
        row["first byte"] = (min(opened or 0.0, first_byte), first_byte)
        row["playout"] = (first_byte, max(first_byte, first_sound))
        rows[name] = row
    return rows


def _middle(samples: Sequence[Sample], name: str) -> float | None:
    values = values_of(samples, name)
    return median(values) if values else None
