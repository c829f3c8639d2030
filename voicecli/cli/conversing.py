"""The work of `voicecli bench talk`: pipelines, networks and questions brought together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from voicecli.audio.devices import DeviceInput, DeviceOutput
from voicecli.audio.format import Codec
from voicecli.audio.microphone import DeviceMicrophone
from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.host import Machine, machine
from voicecli.bench.measure import conversations
from voicecli.bench.measure.conversations import Asked, Contender, TalkOptions
from voicecli.bench.measure.conversations_report import (
    METRICS,
    Claim,
    claims,
    sampled,
    talk_charts,
    talk_facts,
    talk_tables,
    word_facts,
)
from voicecli.bench.measure.first_audio import BriefPlayer
from voicecli.bench.measure.lateness import Stated
from voicecli.bench.measure.loudspeaker import Heard
from voicecli.bench.measure.mouth import MouthMicrophone
from voicecli.bench.measure.network import find_network
from voicecli.bench.measure.recordings import Question, choose_questions, read_folder, speech_folder
from voicecli.bench.measure.scenario import find_scenario
from voicecli.bench.measure.serial import NAIVE, SerialOptions
from voicecli.bench.measure.spoken_questions import SPOKEN, spoken_question
from voicecli.bench.report import Participant, Report, Sample, case_name
from voicecli.cli import sound
from voicecli.cli.bench_options import Outputs
from voicecli.cli.lineup import SIMULATED, Lineup, open_lineup
from voicecli.cli.progress import progress
from voicecli.cli.reporting import check, publish
from voicecli.config import Loaded, Settings
from voicecli.config.settings import Engines as StageEngines
from voicecli.errors import BudgetBreached, ExitStatus, UsageError, VoiceError
from voicecli.flow.steps import scoped
from voicecli.latency.budget import Limit
from voicecli.latency.timeline import Span
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.espeak import EspeakOptions
from voicecli.providers.registry import Stage

__all__ = ["TalkBenchRequest", "run_talk_bench"]

_KIND = "talk"
_HOLDS = 120.0  # seconds of sound that the player holds where nobody hears it
_BASELINES = ("naive",)
_ASKING_VOICE = "en-us+f4"  # another one than the one that answers
_SLOW = "nothing kept the pace of time, so there are words and cut-offs and no latencies"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkBenchRequest:
    """What the command line says about what is measured."""

    runs: int = 1  # conversations
    turns: int = 10  # questions of each
    speech: Path | None = None
    networks: tuple[str, ...] = ()
    codecs: tuple[Codec, ...] = ()  # of the speech; empty: the engine's own
    baseline: str | None = None
    scenario: str | None = None
    real_time: bool = True
    mic: str | None = None
    mouth: str | None = None
    speaker: str = sound.NULL
    seed: int = 0

    def check(self) -> None:
        """Raises UsageError for what cannot be measured together."""
        for name in self.networks:
            find_network(name)
        if self.scenario is not None:
            find_scenario(self.scenario)
        if self.baseline is not None and self.baseline not in _BASELINES:
            raise UsageError(f"There is no baseline {self.baseline!r}.", f"There is {', '.join(_BASELINES)}.")
        if self.baseline is not None and self.scenario is not None:
            raise UsageError("A scenario brings its own pipeline to compare with: leave --baseline out.")
        if (self.mic is None) != (self.mouth is None):
            raise UsageError(
                "--mic and --mouth go together.", "The one hears the questions that the other plays."
            )
        several = self.baseline or self.scenario or len(self.networks) > 1 or len(self.codecs) > 1
        if self.mic is not None and several:
            raise UsageError("Only one pipeline can listen to a real microphone: leave the others out.")
        if not self.real_time and (self.mic is not None or self.baseline or self.scenario):
            raise UsageError("--fast measures no latencies: leave out --mic, --baseline and --scenario.")


async def run_talk_bench(loaded: Loaded, request: TalkBenchRequest, outputs: Outputs) -> ExitStatus:
    """Converse and report; returns what the process should. Raises VoiceError.

    What was measured before an interruption, or before a device or an engine failed for good, is reported
    too.
    """
    request.check()
    destinations = check(outputs, _KIND, METRICS, request.speaker)
    gathered = _Gathered(
        started=datetime.now().astimezone().isoformat(timespec="seconds"), machine=machine(), request=request
    )
    interrupted, lost = False, None
    try:
        async with AsyncExitStack() as stack:
            await _measure(stack, loaded, request, gathered)
    except asyncio.CancelledError:
        interrupted = True
    except VoiceError as error:
        lost = error
    budgets = loaded.settings.budgets.limits() if request.real_time else {}
    limits = destinations.limits(budgets)
    report = gathered.report(limits, budgets, interrupted=interrupted or lost is not None)
    if report is None:
        if lost is not None:
            raise lost
        return ExitStatus.INTERRUPTED
    status = publish(report, destinations)
    if lost is not None:
        raise lost
    broken = [claim for claim in gathered.claims if claim.held and not claim.ok]
    if outputs.strict and broken and status is ExitStatus.FINE:
        raise BudgetBreached(f"Not as claimed: {'; '.join(f'{one.name}: {one.said}' for one in broken)}.")
    return status


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What there is so far, for a report at any moment."""

    started: str
    machine: Machine
    request: TalkBenchRequest
    settings: Mapping[str, Any] = field(default_factory=dict)
    engines: list[Participant] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    stated: dict[int, Stated] = field(default_factory=dict)
    hears: bool = True  # whether the recogniser listens to what is said
    heard: Heard | None = None
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    def take(self, lineup: Lineup) -> None:
        """What is known of the engines."""
        self.engines += lineup.participants
        self.versions |= lineup.versions
        self.stated |= lineup.stated
        self.notes += lineup.notes
        self.facts |= lineup.facts
        self.hears = lineup.hears

    def report(
        self, limits: Sequence[Limit], budgets: Mapping[Span, float], *, interrupted: bool
    ) -> Report | None:
        """None when nothing was measured."""
        if self.heard is None or not self.asked:
            return None
        request = self.request
        samples = sampled(self.asked, self.stated, budgets, timed=request.real_time, scored=self.hears)
        theirs = [one.label for one in self._contenders() if one.serial is not None]
        self.claims = self._claimed(samples) if request.real_time else []
        facts = {claim.name: f"{claim.said}{'' if claim.ok else ': missed'}" for claim in self.claims}
        words = word_facts(self.asked) if self.hears else {}
        limit = budgets.get(Span.VOICE_TO_VOICE)
        return Report(
            kind=_KIND,
            started=self.started,
            machine=self.machine,
            versions=self.versions,
            metrics=METRICS,
            samples=samples,
            engines=self.engines,
            settings=self.settings,
            seed=request.seed,
            excluded=self._excluded(),
            notes=self.notes,
            facts={"speaker": str(self.heard), **self.facts, **facts, **words, **talk_facts(samples)},
            details={
                "speaker": self.heard.as_dict(),
                "checks": [claim.as_dict() for claim in self.claims],
            },
            tables=talk_tables(samples),
            charts=talk_charts(samples, self.asked, limit) if request.real_time else [],
            limits=limits,
            references=theirs,
            interrupted=interrupted,
        )

    def _contenders(self) -> list[Contender]:
        """Those that were asked, in order."""
        return list({id(one.contender): one.contender for one in self.asked}.values())

    def _claimed(self, samples: Sequence[Sample]) -> list[Claim]:
        """What was seen of voicecli over each network, beside the other pipeline over the same one."""
        contenders = self._contenders()
        ours = [one.label for one in contenders if one.serial is None]
        found = []
        for label in ours:
            network = label.get("network")
            others = [
                one.label
                for one in contenders
                if one.serial is not None and one.label.get("network") == network
            ]
            made = claims(samples, label, others[0] if others else None, self.request.scenario or "")
            which = " ".join(value for name, value in label.items() if name != "pipeline")
            where = f", {which}" if len(ours) > 1 else ""
            found += [replace(claim, name=f"{claim.name}{where}") for claim in made]
        return found

    def _excluded(self) -> list[str]:
        lacks = [
            "starting the process, and opening engines and devices",
            "the first question of each pipeline",
        ]
        if self.request.mic is None:
            lacks.append("a microphone's own latency: the questions are played into the pipeline")
        if not self.hears:
            lacks.append("word errors: the simulated recogniser does not listen, and its words end turns")
        if not self.request.real_time:
            return [*lacks, _SLOW]
        return lacks if self.heard is None else [*lacks, *self.heard.excluded()]


async def _measure(
    stack: AsyncExitStack, loaded: Loaded, request: TalkBenchRequest, gathered: _Gathered
) -> None:
    questions, source = await _questions(request)
    if request.scenario is not None:
        gathered.facts["scenario"] = f"{request.scenario}: {find_scenario(request.scenario).said}"
        loaded = _with_scenario(loaded, request.scenario)
    gathered.facts["speech"] = f"{len(questions)} questions, {source}"
    gathered.settings = _settings_record(loaded, request)
    lineup = await open_lineup(
        stack,
        loaded,
        [find_network(name) for name in request.networks or ("none",)],
        _serial(request),
        request.seed,
        request.codecs,
    )
    gathered.take(lineup)
    player, kind = _player(loaded.settings, request)
    await stack.enter_async_context(player)
    output = player.output
    whole = not isinstance(player, BriefPlayer)
    gathered.heard = Heard(output.name, kind, output.rate, output.latency, whole=whole)
    options = TalkOptions(runs=request.runs, real_time=request.real_time, seed=request.seed)
    if request.mic is not None:
        mouth = AudioStreamPlayer(DeviceOutput(request.mouth or ""), loaded.settings.player)
        microphone = MouthMicrophone(DeviceMicrophone(DeviceInput(request.mic)), mouth)
        await stack.enter_async_context(microphone)
        gathered.facts["microphone"] = f"{microphone.name} · {microphone.rate} Hz"
        options = replace(options, microphones=[microphone])
    total = (request.runs * len(questions) + 1) * len(lineup.contenders)
    with progress(total) as advance:
        async with scoped(conversations.conversed(lineup.contenders, questions, player, options)) as asking:
            async for asked in asking:
                gathered.asked.append(asked)
                advance(f"{case_name(asked.contender.label)}: {asked.question.name}"[:40])


async def _questions(request: TalkBenchRequest) -> tuple[list[Question], str]:
    """What is asked, and where it comes from. Raises UsageError, DecodeError."""
    folder = request.speech or speech_folder()
    if folder is not None:
        language = "en" if request.speech is None else ""
        recordings = await asyncio.to_thread(read_folder, folder)
        found = await asyncio.to_thread(choose_questions, recordings, request.turns, language)
        return found, f"recorded, from {folder.name}"
    voice = await choose_synthesizer("espeak", {"espeak": EspeakOptions(voice=_ASKING_VOICE)})
    async with voice.engine as engine:
        return [await spoken_question(text, engine) for text in SPOKEN[: request.turns]], "spoken by espeak"


def _with_scenario(loaded: Loaded, name: str) -> Loaded:
    """The settings with the scenario's engines in them."""
    scenario, settings = find_scenario(name), loaded.settings
    return replace(
        loaded,
        settings=replace(
            settings,
            asr=replace(settings.asr, engine=SIMULATED, engines=_only("asr", scenario.asr)),
            llm=replace(settings.llm, engine=SIMULATED, engines=_only("llm", scenario.llm)),
            tts=replace(settings.tts, engine=SIMULATED, engines=_only("tts", scenario.tts)),
        ),
    )


def _only(stage: Stage, options: object) -> StageEngines:
    return StageEngines(stage, {SIMULATED: options})


def _serial(request: TalkBenchRequest) -> tuple[str, SerialOptions] | None:
    """The pipeline to compare with, and its name."""
    if request.scenario is not None:
        return "serial", find_scenario(request.scenario).serial
    return None if request.baseline is None else (request.baseline, NAIVE)


def _player(settings: Settings, request: TalkBenchRequest) -> tuple[AudioStreamPlayer, str]:
    """The player, and what kind of loudspeaker it has. Raises DeviceError, UsageError, SaveError."""
    options, speaker = settings.player, request.speaker
    output = sound.open_speaker(speaker, real_time=request.real_time, silence=False)
    if speaker == sound.NULL and request.real_time:
        return BriefPlayer(output, replace(options, capacity=max(options.capacity, _HOLDS))), sound.NULL
    named = {sound.NULL: sound.NULL, sound.PIPE: "pipe"}
    kind = named.get(speaker) or ("file" if sound.is_file(speaker) else "device")
    return AudioStreamPlayer(output, options), kind


def _settings_record(loaded: Loaded, request: TalkBenchRequest) -> dict[str, Any]:
    settings = loaded.settings
    return {
        **{name: value for name, value in asdict(request).items() if name != "speech"},
        "speech": None if request.speech is None else str(request.speech),
        "endpoint": asdict(settings.endpointer()),
        "speculation": settings.conversation.speculation,
        "player": asdict(settings.player),
        "phrases": asdict(settings.conversation.phrases),
    }
