"""What `voicecli bench server` measures: servers started, and loaded until they break."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from voicecli.audio.block import Samples
from voicecli.bench.chart import Axis, Chart
from voicecli.bench.charts import lines
from voicecli.bench.host import engine_version, versions
from voicecli.bench.measure.child import ServerProcess
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.ramp import LoadLevel, Ramp, RampOptions, idle_stage
from voicecli.bench.measure.texts import SPOKEN, spoken_question
from voicecli.bench.metric import Measure, Metric
from voicecli.bench.report import Participant, grouped
from voicecli.errors import UsageError
from voicecli.latency.budget import Limit
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.recognizer import LISTENING_RATE

__all__ = ["ServerBench", "ramp_charts"]

_DELAY = "event_delay"
_BATCHED, _APART = "batched", "apart"
_SENTENCES = 3
_PAUSE = 1.5  # seconds after each of them, in which the server notices the end
_ROOM = 5000  # sessions and sockets: the measurement, not a cap, is to end it


@dataclass(kw_only=True)
class ServerBench(Measurement):
    """How many real-time streams the recognition server holds."""

    kind: ClassVar = "server"
    metrics: ClassVar = (
        Metric(name="event_delay", title="event delay"),
        Metric(name="active"),
        Metric(name="inactive"),
        Metric(name="segment"),
        Metric(name="late", title="late messages", unit=Measure.COUNT, total=True),
        Metric(name="lateness", title="worst lateness"),
        Metric(name="cpu", title="processors", unit=Measure.SHARE),
        Metric(name="memory", title="memory a stream", unit=Measure.BYTES),
    )
    excluded: ClassVar = (
        "starting the server and loading its engines",
        "how long the detector needs to be sure: a delay counts from the message with which it could be",
        "a network: server and clients are on one machine and share its processors",
    )

    ramp: RampOptions
    baseline: str | None
    asr: str
    workers: int
    profile: str | None = None
    config: Path | None = None
    given: Sequence[str] = ()  # settings, as in `asr.simulated.delay=0.1`
    stages: list[LoadLevel] = field(default_factory=list)
    idle: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Raises UsageError."""
        super().__post_init__()
        if self.baseline not in (None, _APART):
            raise UsageError(f"There is no baseline {self.baseline!r}.", f"There is {_APART}.")
        if self.ramp.first > self.ramp.most:
            raise UsageError(f"--first {self.ramp.first} is more than --most {self.ramp.most}.")

    def _words(self, *, batched: bool) -> list[str]:
        """How `voicecli serve` is called for it."""
        words = ["--asr", self.asr, "--workers", str(self.workers)]
        words += ["--profile", self.profile] if self.profile else []
        words += ["--config", str(self.config)] if self.config else []
        named = [setting.partition("=")[0] for setting in self.given]
        if self.asr == "simulated" and "asr.simulated.delay" not in named:
            words += ["--set", "asr.simulated.delay=0"]
        for key in ("sessions.most", "connections.most", "connections.per_address"):
            words += ["--set", f"server.{key}={_ROOM}"]
        for setting in (*self.given, f"server.batched={str(batched).lower()}"):
            words += ["--set", setting]
        return words

    @property
    def _ends(self) -> Limit:
        """What ends the ramp: the budget for 95 % of the events."""
        given = (one for one in self.report.limits if (one.span, one.statistic) == (_DELAY, "p95"))
        return next(given, Limit(_DELAY, "p95", RampOptions().limit))

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        report = self.report
        options = replace(self.ramp, limit=self._ends.seconds)
        report.seed = options.seed
        report.settings = {**asdict(options), "workers": self.workers, "set": list(self.given)}
        report.versions |= versions("asr", [self.asr]) | {"silero": engine_version("vad", "silero")}
        report.engines.append(Participant(stage="asr", engine=self.asr, reason="as asked for"))
        settings = self.loaded.settings
        segmenter = settings.server.segments.segmenter(settings.vad)
        ramp = Ramp(options, await self._speech(), segmenter)
        names = [_BATCHED, _APART] if self.baseline else [_BATCHED]
        with bars.measuring(len(names) * ((options.most - options.first) // options.step + 1)) as advance:

            def told(stage: LoadLevel) -> None:
                advance(f"{stage.streams} streams, {stage.server}")

            for name in names:
                async with ServerProcess(self._words(batched=name == _BATCHED)) as server:
                    async for stage in ramp.stages(name, server, told):
                        self.stages.append(stage)
        if options.idle:
            async with ServerProcess(self._words(batched=True)) as server:
                self.idle = await idle_stage(ramp, server, options.idle)

    async def _speech(self) -> Samples:
        """Some sentences of the bundled voice, with pauses."""
        choice = await choose_synthesizer("espeak", self.loaded.settings.tts.engines)
        pause = np.zeros(round(_PAUSE * LISTENING_RATE), np.float32)
        async with choice.engine as voice:
            spoken = [(await spoken_question(text, voice)).samples for text in SPOKEN[:_SENTENCES]]
        return np.concatenate([part for samples in spoken for part in (samples, pause)])

    def _sum_up(self) -> None:
        report, ends = self.report, self._ends
        report.samples = [sample for stage in self.stages for sample in stage.samples(report.seed)]
        report.facts = self._facts()
        report.details = {"idle": self.idle, "holds": self._holds()}
        report.charts = ramp_charts(self.stages)
        # That the last stage breaks the one that ends the ramp is no breach.
        report.limits = [limit for limit in report.limits if limit is not ends]

    def _holds(self) -> dict[str, int]:
        """The largest number of streams that each server held, by its name."""
        return {
            name: max((stage.streams for stage in stages if stage.held), default=0)
            for name, stages in _by_server(self.stages).items()
        }

    def _facts(self) -> dict[str, str]:
        facts, limit = {}, self._ends.seconds
        for name, streams in self._holds().items():
            last = _by_server(self.stages)[name][-1]
            more = " or more" if last.held else ""
            facts[f"{name} holds"] = f"{streams}{more} real-time streams within {limit * 1000:.0f} ms"
            if not last.held:
                facts[f"{name} breaks"] = f"at {last.streams}: {_why(last)}"
        if self.idle is not None:
            idle = self.idle
            memory = "" if idle["memory"] is None else f", {idle['memory'] / 1024:.0f} kB each"
            health = "no answer" if idle["health"] is None else f"{idle['health'] * 1000:.0f} ms"
            cpu = "" if idle["cpu"] is None else f", {idle['cpu'] * 100:.0f} % of a processor"
            facts["idle"] = f"{idle['connections']} connections{memory}{cpu}; health answers in {health}"
        return facts


def _why(stage: LoadLevel) -> str:
    if stage.window.failures:
        return f"{len(stage.window.failures)} failures, the first: {stage.window.failures[0]}"
    if stage.p95 is None:
        return "no events came"
    if stage.p95 > stage.limit:
        return f"95 % of the events within {stage.p95 * 1000:.0f} ms"
    return f"{stage.window.late} of {stage.window.sent} messages were taken late"


def _by_server(stages: Sequence[LoadLevel]) -> dict[str, list[LoadLevel]]:
    return grouped(stages, lambda stage: stage.server)


def ramp_charts(stages: Sequence[LoadLevel]) -> list[Chart]:
    """Delay, processors and memory against the number of streams, a line for each server."""
    x = Axis("real-time streams", Measure.COUNT), lambda stage: float(stage.streams)
    delay = Axis("delay", Measure.TIME), lambda stage: stage.p95
    cpu = Axis("processors", Measure.SHARE), lambda stage: stage.cpu
    memory = Axis("bytes", Measure.BYTES), lambda stage: stage.memory
    groups, limit = _by_server(stages), stages[0].limit if stages else None
    return [
        lines(groups, "Event delay, p95", x, delay, limit),
        lines(groups, "What the server takes", x, cpu),
        lines(groups, "Memory a stream", x, memory),
    ]
