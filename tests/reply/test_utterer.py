"""What a voice may do to the ears, on every way of its sound."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.audio.encoded import buzz
from voicecli.audio.block import Samples
from voicecli.audio.loudness import Loudness
from voicecli.audio.pcm import s16_bytes
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import FastSpeaker, NullSink
from voicecli.conversation.voicebot import synthesis_step
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.reply.utterer import Utterer, UttererOptions
from voicecli.server.responder import Engines, Responder

NOISE = np.random.default_rng(1).uniform(-1, 1, 24_000).astype(np.float32)
TEXTS = (
    "It speaks as it always does and for quite a while.",
    "And now it roars as nobody who listens to it would like to hear.",
    "Then it speaks again as it always did and for quite a while.",
)


class Roaring(SimulatedSynthesizer):
    """Speaks, but for the phrase in which it sends noise."""

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        data = s16_bytes(NOISE if "roars" in text else buzz(24_000))
        for start in range(0, len(data), 3000):
            yield data[start : start + 3000]


async def texts() -> AsyncIterator[str]:
    for text in TEXTS:
        yield text


async def uttered() -> Samples:
    heard: list[Samples] = []

    async def at_once() -> None:
        pass

    async with AudioStreamPlayer(FastSpeaker("fast", NullSink(), 24_000)) as player:
        utterer = Utterer(Roaring(), player, UttererOptions(), tap=heard.append)
        await utterer.play(texts(), at_once)
    return np.concatenate(heard)


async def uttered_in_three_replies() -> Samples:
    heard: list[Samples] = []
    voice = Loudness()

    async def one(text: str) -> AsyncIterator[str]:
        yield text

    async def at_once() -> None:
        pass

    async with AudioStreamPlayer(FastSpeaker("fast", NullSink(), 24_000)) as player:
        for text in TEXTS:
            utterer = Utterer(Roaring(), player, UttererOptions(), tap=heard.append, loudness=voice)
            await utterer.play(one(text), at_once)
    return np.concatenate(heard)


async def streamed() -> Samples:
    return np.concatenate([block.samples async for block in synthesis_step(texts(), Roaring())])


async def answered() -> Samples:
    options = SimulatedLanguageModelOptions(ttft=0.0, tokens_per_second=0.0, texts=(" ".join(TEXTS),))
    model = SimulatedLanguageModel(options)
    answer = Responder(Engines(SimulatedRecognizer(), model, Roaring())).answer("Well?")
    return np.concatenate([piece.samples async for piece in answer])


@pytest.mark.parametrize("way", [uttered, uttered_in_three_replies, streamed, answered])
def test_noise_is_turned_down_and_speech_is_not(way) -> None:
    heard = asyncio.run(way())
    assert len(heard) == 72_000
    speech = buzz(24_000)
    same = np.abs(heard[:24_000] - speech), np.abs(heard[48_000:] - speech)
    assert max(map(np.max, same)) <= 1 / 32768  # as far as 16 bits can tell
    noise = heard[24_000:48_000]
    assert np.sqrt(np.mean(noise**2)) <= 2.1 * np.sqrt(np.mean(speech**2))


class Listed(SimulatedSynthesizer):
    """Speaks German or French, and remembers what it was given."""

    def __init__(self, language: str) -> None:
        super().__init__(SimulatedSynthesizerOptions(ttfb=0, speed=0))
        self.language = language
        self.given: list[str] = []

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        self.given.append(text)
        async for chunk in super().synthesize(text):
            yield chunk


async def given(synthesizer: Listed, options: UttererOptions) -> list[str]:
    async def reply() -> AsyncIterator[str]:
        yield "1.234,50 € um 10:30"

    async def at_once() -> None:
        pass

    async with AudioStreamPlayer(FastSpeaker("fast", NullSink(), 24_000)) as player:
        await Utterer(synthesizer, player, options).play(reply(), at_once)
    return synthesizer.given


@pytest.mark.parametrize(
    ("voice", "language", "said"),
    [
        ("de", "", "1234 Euro 50 um 10 Uhr 30"),
        ("fr-FR", "", "1.234,50 € um 10:30"),
        ("fr", "de", "1234 Euro 50 um 10 Uhr 30"),
        ("", "", "1.234,50 euros um 10 30"),
    ],
)
def test_numbers_in_the_voice_s_language(voice: str, language: str, said: str):
    assert asyncio.run(given(Listed(voice), UttererOptions(language=language))) == [said]
