"""Conversations from recorded questions."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from tests.bench.reports import report
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import FastSpeaker, NullSink, PacedSpeaker
from voicecli.bench.measure.conversations import Exchange, conversed
from voicecli.bench.measure.conversations_report import (
    METRICS,
    claims,
    sampled,
    talk_charts,
    talk_facts,
    talk_tables,
    word_facts,
)
from voicecli.bench.measure.lateness import Stated
from voicecli.bench.measure.loudspeaker import BriefPlayer
from voicecli.bench.measure.partner import NAIVE, Contender, SerialOptions, ToldTurn
from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.bench.measure.scenario import SCENARIOS, find_scenario
from voicecli.bench.measure.stamps import Stamps
from voicecli.bench.measure.texts import SPOKEN, spoken_question
from voicecli.config import load_settings
from voicecli.config.settings import Settings
from voicecli.errors import UsageError
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.speech.silero import SileroDetector

ASR = SimulatedRecognizerOptions(delay=0.05, texts=("Is it sunny?",))
LLM = SimulatedLanguageModelOptions(ttft=0.1, texts=("It is sunny today. Tomorrow it will rain.",))
TTS = SimulatedSynthesizerOptions(ttfb=0.05, speed=8.0)
OURS, THEIRS = {"pipeline": "voicecli"}, {"pipeline": "naive"}


def settings() -> Settings:
    return load_settings(overrides={}, environ={}, user_file=None).settings


def contender(label: dict[str, str], serial: SerialOptions | None = None) -> Contender:
    tts = replace(TTS, format="mp3") if serial else TTS
    return Contender(
        label=label,
        asr=SimulatedRecognizer(ASR),
        llm=SimulatedLanguageModel(LLM),
        tts=SimulatedSynthesizer(tts),
        vad=SileroDetector(),
        settings=settings(),
        serial=serial,
        stated=None if serial else Stated.of(ASR, LLM, TTS),
    )


async def questions(count: int) -> list[SpokenQuestion]:
    async with EspeakSynthesizer(EspeakOptions(voice="en-us+f4")) as voice:
        return [await spoken_question(text, voice) for text in SPOKEN[:count]]


async def asked(
    contenders: Sequence[Contender], count: int, *, real_time: bool, runs: int = 1
) -> list[Exchange]:
    async with AsyncExitStack() as stack:
        if real_time:
            player = BriefPlayer(PacedSpeaker("nowhere", NullSink(), 24_000))
        else:
            player = AudioStreamPlayer(FastSpeaker("nowhere", NullSink(), 24_000))
        await stack.enter_async_context(player)
        exchanges = conversed(
            contenders, await questions(count), player, runs=runs, warm_up=False, real_time=real_time
        )
        return [one async for one in exchanges]


def test_voicecli_beside_the_naive_pipeline() -> None:
    both = [contender(OURS), contender(THEIRS, NAIVE)]
    found = asyncio.run(asked(both, 1, real_time=True))
    assert [one.contender.label for one in found] == [OURS, THEIRS]
    samples = sampled(found, {})
    ours, theirs = samples
    for sample in samples:
        assert sample.ok, sample.error
        assert sample.details["transcript"] == "Is it sunny?"
        assert sample.details["disorder"] == []
        assert None not in sample.details["stamps"].values()
        assert sum(sample.details["waits"].values()) == pytest.approx(
            sample.values["voice_to_voice"],
            abs=1e-5,  # each is rounded
        )
    assert ours.values["overhead"] is not None
    assert ours.details["speech_before_model_done"] is True
    assert theirs.details["speech_before_model_done"] is False
    assert (ours.values["voice_to_voice"] or 0) < (theirs.values["voice_to_voice"] or 0)
    # The end of speech is dated alike, whoever listens.
    assert ours.values["dating"] == pytest.approx(theirs.values["dating"], abs=0.08)
    names = [claim.name for claim in claims(samples, OURS, THEIRS)]
    assert names == ["overhead p50", "overhead p95", "stamps in order", "faster than naive"]


def test_faster_than_time() -> None:
    found = asyncio.run(asked([contender(OURS)], 2, real_time=False, runs=2))
    assert [one.number for one in found] == [1, 2, 3, 4]
    samples = sampled(found, {}, timed=False)
    assert [sample.error for sample in samples] == [None] * 4
    assert "voice_to_voice" not in samples[0].values
    assert samples[0].details["words"]["said"] > 0
    assert not any(one.cut_off for one in found)
    assert "word errors, voicecli" in word_facts(samples)


# What reports make of turns, without having them


SAMPLES = np.zeros(32_000, np.float32)
QUESTION = SpokenQuestion(name="q", samples=SAMPLES, text="is it sunny", start=0.2, end=1.5)


def turned(position: float = 1.9, transcript: str = "is it sunny", llm: float = 0.3) -> ToldTurn:
    marks = {
        Mark.SPEECH_STARTED: 8.7,
        Mark.SPEECH_STOPPED: 10.02,
        Mark.TURN_ENDED: 10.5,
        Mark.TRANSCRIPT: 10.6,
        Mark.FIRST_TOKEN: 10.6 + llm,
        Mark.FIRST_PHRASE: 10.6 + llm,
        Mark.FIRST_CHUNK: 10.7 + llm,
        Mark.FIRST_SOUND: 10.72 + llm,
    }
    stamps = Stamps(asr_complete=10.6, tts_first_chunk=10.7 + llm)
    return ToldTurn(
        timeline=Timeline(MappingProxyType(marks)), stamps=stamps, position=position, transcript=transcript
    )


def answered(one: Contender, number: int, *turns: ToldTurn) -> Exchange:
    return Exchange(contender=one, question=QUESTION, number=number, began=8.5, turns=turns, latency=0.01)


def test_early_end_is_a_cut_off() -> None:
    one = answered(contender(OURS), 1, turned(position=1.0, transcript="is it"), turned(transcript="sunny"))
    assert one.cut_off
    assert one.turn is one.turns[1]
    assert one.transcript == "is it sunny"
    assert one.dating == pytest.approx(0.02)
    [sample] = sampled([one], {})
    assert sample.values["cut_off"] == 1.0
    assert sample.values["wer"] == 0.0
    assert sample.details["cut_off"] == [{"after": 1.0, "text": "is it"}]


def test_only_an_early_end_has_no_latency() -> None:
    one = answered(contender(THEIRS), 1, turned(position=1.0, transcript="is it"))
    [sample] = sampled([one], {})
    assert sample.ok
    assert sample.values["cut_off"] == 1.0
    assert "voice_to_voice" not in sample.values


def test_unheard_question_fails() -> None:
    [sample] = sampled([answered(contender(OURS), 1)], {})
    assert sample.error is not None
    assert "No speech was noticed" in sample.error.message


def test_late_turn_names_its_stage() -> None:
    ours = contender(OURS)
    found = [answered(ours, number, turned()) for number in range(4)]
    found.append(answered(ours, 4, turned(llm=1.3, transcript="is it funny")))
    samples = sampled(found, {Span.VOICE_TO_VOICE: 5.0})
    assert samples[4].details["late"] == {"stage": "llm", "by": pytest.approx(1.0), "against": "median"}
    assert talk_facts(samples) == {"late, voicecli": "1 through llm"}
    late, wrong = talk_tables(samples)
    assert late.rows == [["voicecli", "4", "q", "llm", "2,000 ms", "1,000 ms over the median"]]
    assert wrong.rows == [["voicecli", "4", "is it sunny", "is it funny", "1 of 3"]]
    assert word_facts(samples) == {"word errors, voicecli": "1 of 12 words, 8.3%"}
    fall, spread, drift = talk_charts(samples, found, 1.0)
    assert list(fall.categories) == ["1", "2", "3", "4"]  # the warm-up is not among them
    assert len(spread.series[0].y) == len(drift.series[0].y) == 4


def test_warm_up_is_in_no_claim() -> None:
    ours, theirs = contender(OURS), contender(THEIRS, NAIVE)
    found = [answered(ours, 0, turned(llm=9.0)), answered(ours, 1, turned())]
    found.append(answered(theirs, 1, turned(llm=2.0)))
    faster = claims(sampled(found, {}), OURS, THEIRS)[-1]
    assert faster.ok
    assert faster.value == pytest.approx(2.7 / 1.0)
    slower = claims(sampled([found[1], answered(theirs, 1, turned())], {}), OURS, THEIRS)[-1]
    assert not slower.ok


def test_tutorial_holds_its_order_against_ours() -> None:
    ours, theirs = contender(OURS), contender({"pipeline": "serial"}, NAIVE)
    found = [answered(ours, 1, turned(llm=0.35)), answered(theirs, 1, turned(llm=0.49))]
    said = {claim.name: claim for claim in claims(sampled(found, {}), OURS, theirs.label, "tutorial")}
    assert said["speech before the serial order's"].ok
    assert said["the serial order as stated"].value == pytest.approx(0.59)
    assert not said["speech begun before the model is done"].ok  # nobody stamped it


def test_every_metric_is_known_to_the_report() -> None:
    [sample] = sampled([answered(contender(OURS), 1, turned())], {})
    assert set(sample.values) <= {metric.name for metric in METRICS}
    [result] = report([sample], metrics=METRICS).results
    assert result.metrics["voice_to_voice"] is not None


def test_unknown_scenario() -> None:
    with pytest.raises(UsageError, match="no scenario 'moon'"):
        find_scenario("moon")
    scenario = SCENARIOS["tutorial"]
    tokens = scenario.llm.texts[0].split()
    stated = scenario.llm.ttft + (len(tokens) - 1) / scenario.llm.tokens_per_second + scenario.tts.ttfb
    assert stated == pytest.approx(0.59)
