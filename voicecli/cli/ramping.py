"""The work of `voicecli bench server`: servers started, loaded until they break, and reported."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from voicecli.audio.block import Samples
from voicecli.bench.host import engine_version, machine, versions
from voicecli.bench.measure.ramp import METRICS, Ramp, RampOptions, Stage, charts, idle_stage
from voicecli.bench.measure.served import ServerProcess
from voicecli.bench.measure.spoken_questions import SPOKEN, spoken_question
from voicecli.bench.report import Participant, Report
from voicecli.cli.bench_options import Outputs
from voicecli.cli.progress import progress
from voicecli.cli.reporting import Destinations, check, publish
from voicecli.config import Loaded
from voicecli.errors import ExitStatus, UsageError, VoiceError
from voicecli.latency.budget import Limit
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.recognizer import HEARING_RATE

__all__ = ["RampRequest", "run_ramp"]

_KIND = "server"
_DELAY = "event_delay"
_BATCHED, _APART = "batched", "apart"
_SENTENCES = 3
_PAUSE = 1.5  # seconds after each of them, in which the server notices the end
_ROOM = 5000  # sessions and sockets: the measurement, not a cap, is to end it
_EXCLUDED = (
    "starting the server and loading its engines",
    "how long the detector needs to be sure: a delay counts from the message with which it could be",
    "a network: server and clients are on one machine and share its processors",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RampRequest:
    """What the command line says."""

    first: int
    step: int
    most: int
    hold: float
    runs: int
    baseline: str | None
    idle: int
    asr: str
    workers: int
    seed: int
    profile: str | None = None
    config: Path | None = None
    given: Sequence[str] = ()  # settings, as in `asr.simulated.delay=0.1`

    def check(self) -> None:
        """Raises UsageError."""
        if self.baseline not in (None, _APART):
            raise UsageError(f"There is no baseline {self.baseline!r}.", f"There is {_APART}.")
        if self.first > self.most:
            raise UsageError(f"--first {self.first} is more than --most {self.most}.")

    def words(self, *, batched: bool) -> list[str]:
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


@dataclass(slots=True)
class _Measured:
    stages: list[Stage] = field(default_factory=list)
    idle: dict[str, Any] | None = None


async def run_ramp(loaded: Loaded, request: RampRequest, outputs: Outputs) -> ExitStatus:
    """Measure and report; returns what the process should. Raises VoiceError.

    What was measured before an interruption, or before a server failed, is reported too.
    """
    destinations = check(outputs, _KIND, METRICS)
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    here = machine()
    limit = _limit(destinations)
    options = RampOptions(
        first=request.first, step=request.step, most=request.most, hold=request.hold, runs=request.runs,
        idle=request.idle, limit=limit.seconds, seed=request.seed,
    )  # fmt: skip
    measured = _Measured()
    interrupted, lost = False, None
    try:
        await _measure(loaded, request, options, measured)
    except asyncio.CancelledError:
        interrupted = True
    except VoiceError as error:
        lost = error
    if not measured.stages:
        if lost is not None:
            raise lost
        return ExitStatus.INTERRUPTED
    report = Report(
        kind=_KIND,
        started=started,
        machine=here,
        versions=versions("asr", [request.asr]) | {"silero": engine_version("vad", "silero")},
        metrics=METRICS,
        samples=[sample for stage in measured.stages for sample in stage.samples(request.seed)],
        engines=[Participant(stage="asr", engine=request.asr, reason="as asked for")],
        settings={**asdict(options), "workers": request.workers, "set": list(request.given)},
        seed=request.seed,
        excluded=list(_EXCLUDED),
        facts=_facts(request, measured, options),
        details={"idle": measured.idle, "holds": _holds(measured.stages)},
        charts=charts(measured.stages),
        limits=_judged(destinations, limit),
        interrupted=interrupted or lost is not None,
    )
    status = publish(report, destinations)
    if lost is not None:
        raise lost
    return status


def _limit(destinations: Destinations) -> Limit:
    """What ends the ramp: the budget for 95 % of the events."""
    given = [limit for limit in destinations.given if limit.span == _DELAY and limit.statistic == "p95"]
    return given[0] if given else Limit(_DELAY, "p95", RampOptions().limit)


def _judged(destinations: Destinations, ramp: Limit) -> list[Limit]:
    """The budgets of the report: that the last stage breaks the one that ends the ramp is no breach."""
    return [limit for limit in destinations.given if limit is not ramp]


async def _measure(loaded: Loaded, request: RampRequest, options: RampOptions, measured: _Measured) -> None:
    sound = await _speech(loaded)
    settings = loaded.settings
    gate = replace(settings.vad, min_silence=settings.server.segments.min_silence)
    ramp = Ramp(options, sound, gate)
    names = [_BATCHED, _APART] if request.baseline else [_BATCHED]
    total = len(names) * ((options.most - options.first) // options.step + 1)
    with progress(total) as advance:

        def told(stage: Stage) -> None:
            advance(f"{stage.streams} streams, {stage.server}")

        for name in names:
            async with AsyncExitStack() as stack:
                server = await stack.enter_async_context(
                    ServerProcess(request.words(batched=name == _BATCHED))
                )
                async for stage in ramp.stages(name, server, told):
                    measured.stages.append(stage)
    if request.idle:
        async with ServerProcess(request.words(batched=True)) as server:
            measured.idle = await idle_stage(ramp, server, request.idle)


async def _speech(loaded: Loaded) -> Samples:
    """Some sentences of the bundled voice, with pauses."""
    choice = await choose_synthesizer("espeak", loaded.settings.tts.engines)
    pause = np.zeros(round(_PAUSE * HEARING_RATE), np.float32)
    async with choice.engine as voice:
        spoken = [(await spoken_question(text, voice)).samples for text in SPOKEN[:_SENTENCES]]
    return np.concatenate([part for samples in spoken for part in (samples, pause)])


def _holds(stages: Sequence[Stage]) -> dict[str, int]:
    """The largest number of streams that each server held, by its name."""
    return {
        name: max((stage.streams for stage in stages if stage.server == name and stage.held), default=0)
        for name in dict.fromkeys(stage.server for stage in stages)
    }


def _facts(request: RampRequest, measured: _Measured, options: RampOptions) -> dict[str, str]:
    facts = {}
    for name, streams in _holds(measured.stages).items():
        last = [stage for stage in measured.stages if stage.server == name][-1]
        more = " or more" if last.held else ""
        facts[f"{name} holds"] = f"{streams}{more} real-time streams within {options.limit * 1000:.0f} ms"
        if not last.held:
            facts[f"{name} breaks"] = f"at {last.streams}: {_why(last)}"
    if measured.idle is not None:
        idle = measured.idle
        memory = "" if idle["memory"] is None else f", {idle['memory'] / 1024:.0f} kB each"
        health = "no answer" if idle["health"] is None else f"{idle['health'] * 1000:.0f} ms"
        cpu = "" if idle["cpu"] is None else f", {idle['cpu'] * 100:.0f} % of a processor"
        facts["idle"] = f"{idle['connections']} connections{memory}{cpu}; health answers in {health}"
    return facts


def _why(stage: Stage) -> str:
    if stage.window.failures:
        return f"{len(stage.window.failures)} failures, the first: {stage.window.failures[0]}"
    if stage.p95 is None:
        return "no events came"
    if stage.p95 > stage.limit:
        return f"95 % of the events within {stage.p95 * 1000:.0f} ms"
    return f"{stage.window.late} of {stage.window.sent} messages were taken late"
