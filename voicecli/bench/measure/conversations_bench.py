"""What `voicecli bench talk` measures: pipelines, networks and questions brought together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from voicecli.audio.format import Codec
from voicecli.audio.microphone import DeviceMicrophone
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.portaudio import DeviceInput, DeviceOutput
from voicecli.bench.measure import conversations
from voicecli.bench.measure.conversations import Exchange
from voicecli.bench.measure.conversations_report import (
    METRICS,
    Assertion,
    claims,
    sampled,
    talk_charts,
    talk_facts,
    talk_tables,
    word_facts,
)
from voicecli.bench.measure.lineup import lined_up
from voicecli.bench.measure.loudspeaker import BenchSpeaker, Heard
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.mouth import MouthMicrophone
from voicecli.bench.measure.network import find_network
from voicecli.bench.measure.partner import NAIVE, Contender, SerialOptions
from voicecli.bench.measure.recordings import SpokenQuestion, choose_questions, read_folder, speech_folder
from voicecli.bench.measure.scenario import find_scenario
from voicecli.bench.measure.texts import SPOKEN, spoken_question
from voicecli.bench.report import case_name
from voicecli.config import Loaded
from voicecli.errors import UsageError
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Span
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.espeak import EspeakOptions

__all__ = ["TalkBench"]

_HOLDS = 120.0  # seconds of sound that the player holds where nobody hears it
_BASELINES = ("naive",)
_ASKING_VOICE = "en-us+f4"  # another one than the one that answers
_SLOW = "nothing kept the pace of time, so there are words and cut-offs and no latencies"


@dataclass(kw_only=True)
class TalkBench(Measurement):
    """Conversations: every span, and who made a turn late."""

    kind: ClassVar = "talk"
    metrics: ClassVar = METRICS
    excluded: ClassVar = (
        "starting the process, and opening engines and devices",
        "the first question of each pipeline",
    )

    speaker: BenchSpeaker
    runs: int = 1  # conversations
    turns: int = 10  # questions of each
    speech: Path | None = None
    networks: Sequence[str] = ()
    codecs: Sequence[Codec] = ()  # of the speech; empty: the engine's own
    baseline: str | None = None
    scenario: str | None = None
    real_time: bool = True
    mic: str | None = None
    mouth: str | None = None
    seed: int = 0
    asked: list[Exchange] = field(default_factory=list)
    claims: list[Assertion] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises UsageError for what cannot be measured together."""
        super().__post_init__()
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

    @property
    def budgets(self) -> Mapping[Span, float]:
        return self.loaded.settings.budgets.limits() if self.real_time else {}

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        loaded, report = self.loaded, self.report
        questions, source = await self._questions()
        if self.scenario is not None:
            scenario = find_scenario(self.scenario)
            report.facts["scenario"] = f"{self.scenario}: {scenario.said}"
            loaded = scenario.over(loaded)
        report.facts["speech"] = f"{len(questions)} questions, {source}"
        report.seed = self.seed
        report.settings = self._settings(loaded)
        networks = [find_network(name) for name in self.networks or ("none",)]
        serial, fetching = self._serial(), bars.fetching
        contenders = await lined_up(stack, loaded, networks, self.codecs, serial, report, fetching)
        player = self.speaker.player(loaded.settings.player, _HOLDS)
        await stack.enter_async_context(player)
        heard = self.speaker.heard(player)
        report.facts = {"speaker": str(heard), **report.facts}
        report.details = {"speaker": heard}
        report.excluded += self._lacking(contenders[0], heard)
        microphone = None
        if self.mic is not None:
            mouth = AudioStreamPlayer(DeviceOutput(self.mouth or ""), loaded.settings.player)
            microphone = MouthMicrophone(DeviceMicrophone(DeviceInput(self.mic)), mouth)
            await stack.enter_async_context(microphone)
            report.facts["microphone"] = f"{microphone.name} · {microphone.rate} Hz"
        with bars.measuring((self.runs * len(questions) + 1) * len(contenders)) as advance:
            exchanges = conversations.conversed(
                contenders, questions, player, runs=self.runs, real_time=self.real_time, seed=self.seed,
                microphone=microphone,
            )  # fmt: skip
            async with scoped(exchanges) as asking:
                async for asked in asking:
                    self.asked.append(asked)
                    advance(f"{case_name(asked.contender.label)}: {asked.question.name}"[:40])

    def _sum_up(self) -> None:
        if not self.asked:
            return
        report, timed = self.report, self.real_time
        contenders = list(dict.fromkeys(one.contender for one in self.asked))
        scored = _listens(contenders[0])
        report.samples = samples = sampled(self.asked, self.budgets, timed=timed, scored=scored)
        self.claims = self._claimed(contenders) if timed else []
        report.facts |= {claim.name: f"{claim.said}{'' if claim.ok else ': missed'}" for claim in self.claims}
        report.facts |= {**word_facts(samples), **talk_facts(samples)}
        checks = [asdict(claim) for claim in self.claims]
        for check in checks:
            del check["held"]
        report.details = {**report.details, "checks": checks}
        report.tables = talk_tables(samples)
        limit = self.budgets.get(Span.VOICE_TO_VOICE)
        report.charts = talk_charts(samples, self.asked, limit) if timed else []
        report.references = [one.label for one in contenders if one.serial is not None]

    @property
    def broken(self) -> Sequence[str]:
        return [f"{claim.name}: {claim.said}" for claim in self.claims if claim.held and not claim.ok]

    def _claimed(self, contenders: Sequence[Contender]) -> list[Assertion]:
        """What was seen of voicecli over each network, beside the other pipeline over the same one."""
        ours = [one.label for one in contenders if one.serial is None]
        others = {one.label.get("network"): one.label for one in contenders if one.serial is not None}
        found = []
        for label in ours:
            beside, scenario = others.get(label.get("network")), self.scenario or ""
            which = " ".join(value for name, value in label.items() if name != "pipeline")
            where = f", {which}" if len(ours) > 1 else ""
            made = claims(self.report.samples, label, beside, scenario)
            found += [replace(claim, name=f"{claim.name}{where}") for claim in made]
        return found

    def _lacking(self, contender: Contender, heard: Heard) -> list[str]:
        """What is not in the numbers besides."""
        lacks = []
        if self.mic is None:
            lacks.append("a microphone's own latency: the questions are played into the pipeline")
        if not _listens(contender):
            lacks.append("word errors: the simulated recogniser does not listen, and its words end turns")
        return [*lacks, *(heard.excluded() if self.real_time else [_SLOW])]

    async def _questions(self) -> tuple[list[SpokenQuestion], str]:
        """What is asked, and where it comes from. Raises UsageError, DecodeError."""
        folder = self.speech or speech_folder()
        if folder is not None:
            language = "en" if self.speech is None else ""
            recordings = await asyncio.to_thread(read_folder, folder)
            found = await asyncio.to_thread(choose_questions, recordings, self.turns, language)
            return found, f"recorded, from {folder.name}"
        voice = await choose_synthesizer("espeak", {"espeak": EspeakOptions(voice=_ASKING_VOICE)})
        async with voice.engine as engine:
            return [await spoken_question(text, engine) for text in SPOKEN[: self.turns]], "spoken by espeak"

    def _serial(self) -> tuple[str, SerialOptions] | None:
        """The pipeline to compare with, and its name."""
        if self.scenario is not None:
            return "serial", find_scenario(self.scenario).serial
        return None if self.baseline is None else (self.baseline, NAIVE)

    def _settings(self, loaded: Loaded) -> dict[str, Any]:
        settings = loaded.settings
        asked = ("runs", "turns", "networks", "codecs", "baseline", "scenario", "real_time", "mic", "mouth")
        return {
            **{name: getattr(self, name) for name in asked},
            "speaker": self.speaker.name,
            "seed": self.seed,
            "speech": None if self.speech is None else str(self.speech),
            "endpoint": asdict(settings.endpointer()),
            "speculation": settings.conversation.speculation,
            "player": asdict(settings.player),
            "phrases": asdict(settings.conversation.phrases),
        }


def _listens(contender: Contender) -> bool:
    return contender.asr.name != "simulated"
