"""Ten stamps a turn."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.bench.measure.stamps import (
    Observed,
    Stamps,
    Witness,
)
from voicecli.providers.language_model import Message
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)

ASR = SimulatedRecognizerOptions(delay=0.01, partial=0.02)
LLM = SimulatedLanguageModelOptions(ttft=0.01, tokens_per_second=0, texts=("Yes, it is.",))
TTS = SimulatedSynthesizerOptions(ttfb=0.01, speed=0)


async def spoken() -> AsyncIterator[Samples]:
    for _ in range(60):
        yield np.zeros(320, np.float32)


async def one_turn(observer: Witness) -> Stamps:
    observer.listen(Block(np.zeros(320, np.float32), 16_000, 5.0))
    observer.listen(Block(np.zeros(320, np.float32), 16_000, 5.02))
    asr = Observed(SimulatedRecognizer(ASR), observer)
    llm = Observed(SimulatedLanguageModel(LLM), observer)
    tts = Observed(SimulatedSynthesizer(TTS), observer)
    async for _ in asr.transcribe(spoken()):
        pass
    async for _ in llm.complete([Message("user", "Is it?")]):
        pass
    async for _ in tts.synthesize("Yes, it is."):
        pass
    return observer.stamps(5.025)


def test_all_ten_in_order() -> None:
    observer = Witness()
    stamps = asyncio.run(one_turn(observer))
    assert None not in asdict(stamps).values()
    assert stamps.disorder() == []
    assert stamps.overlapped is False
    assert observer.tokens == ("Yes,", " it", " is.")


def test_speech_before_the_model_is_done_is_in_order() -> None:
    stamps = Stamps(llm_started=1.0, llm_first_token=2.0, llm_complete=4.0, tts_started=3.0)
    assert stamps.disorder() == []
    assert stamps.overlapped is True


def test_disorder_is_named() -> None:
    stamps = Stamps(asr_complete=2.0, llm_started=1.5, llm_first_token=2.0, tts_started=1.0)
    assert stamps.disorder() == [
        "llm_started is 500.0 ms before asr_complete",
        "tts_started is 1000.0 ms before llm_first_token",
    ]


def test_unset_stamps_are_none() -> None:
    found = Witness().stamps(None)
    assert set(asdict(found).values()) == {None}
    assert found.disorder() == []
    assert set(found.since(1.0).values()) == {None}
    assert Stamps(asr_started=3.0).since(1.0)["asr_started"] == 2.0


def test_chunks_pass_through_and_are_waited_for() -> None:
    async def gathered(voice: SimulatedSynthesizer | Observed) -> list[bytes]:
        return [chunk async for chunk in voice.synthesize("Hi.")]

    witness, voice = Witness(), SimulatedSynthesizer(TTS)
    chunks = asyncio.run(gathered(Observed(voice, witness)))
    assert chunks == asyncio.run(gathered(voice))
    [call] = witness.tts
    assert [chunk for _, chunk in call.answers] == chunks
    assert len(call.waits) == len(chunks) + 1  # and for the end
    assert call.waits[0][1] - call.waits[0][0] >= TTS.ttfb * 0.9


def test_last_call_is_the_one_that_counts() -> None:
    async def twice() -> tuple[Witness, Stamps]:
        observer = Witness()
        recognizer = Observed(SimulatedRecognizer(ASR), observer)
        abandoned = recognizer.transcribe(spoken())
        await anext(abandoned)
        await abandoned.aclose()
        async for _ in recognizer.transcribe(spoken()):
            pass
        return observer, observer.stamps(None)

    observer, stamps = asyncio.run(twice())
    assert len(observer.asr) == 2
    assert stamps.asr_started == observer.asr[1].started
    observer.forget()
    assert observer.tokens == ()
    assert observer.stamps(None) == Stamps()
