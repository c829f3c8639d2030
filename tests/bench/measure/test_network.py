"""Networks between a conversation and its engines."""

import asyncio
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.bench.measure.network import (
    NETWORKS,
    Conditions,
    Link,
    Networked,
    find_network,
)
from voicecli.errors import Dropped, UsageError
from voicecli.providers.language_model import Message
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)

SLOW = Conditions(name="slow", delay=0.05, jitter=0.01)
QUICK_MODEL = SimulatedLanguageModelOptions(ttft=0.0, tokens_per_second=0, texts=("One two three.",))


def arrivals(network: Conditions, count: int = 200, seed: int = 1) -> list[float]:
    link = Link(network, random.Random(seed))
    return [link.due(index * 0.01) for index in range(count)]


def test_link_keeps_the_order() -> None:
    for network in NETWORKS.values():
        due = arrivals(network)
        assert due == sorted(due)
        assert all(at >= index * 0.01 + network.delay for index, at in enumerate(due))


def test_same_seed_same_network() -> None:
    assert arrivals(NETWORKS["bad"]) == arrivals(NETWORKS["bad"])
    assert arrivals(NETWORKS["bad"]) != arrivals(NETWORKS["bad"], seed=2)


def test_loss_is_a_pause() -> None:
    lossy = Conditions(name="lossy", loss=0.1, pause=0.4)
    late = [at - index * 0.01 for index, at in enumerate(arrivals(lossy, 1000))]
    assert max(late) >= 0.4
    assert min(late) == 0.0


def test_many_packets_are_lost_more_often() -> None:
    lossy = Conditions(name="lossy", loss=0.01, pause=1.0)

    def lost(packets: int) -> int:
        chance = random.Random(3)
        return sum(Link(lossy, chance).due(0.0, packets) > 0 for _ in range(1000))

    assert lost(20) > 5 * lost(1)


def test_unknown_network() -> None:
    with pytest.raises(UsageError, match="no network 'moon'"):
        find_network("moon")
    assert str(find_network("none")) == "none"


def test_bad_conditions_are_refused() -> None:
    with pytest.raises(ValueError, match="loss"):
        Conditions(name="x", loss=1.0)


async def timed_tokens(model: Networked | SimulatedLanguageModel) -> tuple[list[str], float]:
    clock = asyncio.get_running_loop()
    began, first, found = clock.time(), 0.0, []
    async for token in model.complete([Message("user", "Hello?")]):
        first = first or clock.time() - began
        found.append(str(token))
    return found, first


def test_model_is_later_by_both_ways() -> None:
    async def both() -> tuple[tuple[list[str], float], tuple[list[str], float]]:
        model = SimulatedLanguageModel(QUICK_MODEL)
        return await timed_tokens(model), await timed_tokens(Networked(model, SLOW))

    (plain, _), (carried, first) = asyncio.run(both())
    assert carried == plain
    assert first >= 2 * SLOW.delay


def test_speech_arrives_whole() -> None:
    async def both() -> tuple[bytes, bytes]:
        voice = SimulatedSynthesizer(SimulatedSynthesizerOptions(ttfb=0.0, speed=0))
        networked = Networked(voice, SLOW)
        assert networked.format == voice.format
        return await said(voice), await said(networked)

    plain, carried = asyncio.run(both())
    assert carried == plain
    assert carried


async def said(voice: SimulatedSynthesizer | Networked) -> bytes:
    return b"".join([chunk async for chunk in voice.synthesize("Hello there.")])


async def spoken() -> AsyncIterator[Samples]:
    for _ in range(5):
        yield np.zeros(320, np.float32)


def test_recogniser_hears_everything() -> None:
    async def understood() -> list[str]:
        engine = SimulatedRecognizer(SimulatedRecognizerOptions(delay=0.0, partial=None, texts=("Yes.",)))
        return [one.text async for one in Networked(engine, SLOW).transcribe(spoken())]

    assert asyncio.run(understood()) == ["Yes."]


def test_end_of_speech_travels_too() -> None:
    async def finished() -> float:
        options = SimulatedRecognizerOptions(delay=0.0, partial=None)
        clock = asyncio.get_running_loop()
        ended = 0.0

        async def ending() -> AsyncIterator[Samples]:
            nonlocal ended
            yield np.zeros(320, np.float32)
            await asyncio.sleep(0.2)
            ended = clock.time()

        async for _ in Networked(SimulatedRecognizer(options), SLOW).transcribe(ending()):
            return clock.time() - ended
        return 0.0

    assert asyncio.run(finished()) >= 2 * SLOW.delay


def test_failure_passes_through() -> None:
    async def failing() -> list[str]:
        options = SimulatedLanguageModelOptions(ttft=0.0, tokens_per_second=0, fail="drop")
        found, _ = await timed_tokens(Networked(SimulatedLanguageModel(options), SLOW))
        return found

    with pytest.raises(Dropped):
        asyncio.run(failing())


def test_closing_early_stops_the_engine() -> None:
    async def closed() -> int:
        model = Networked(SimulatedLanguageModel(), SLOW)
        tokens = model.complete([Message("user", "Hello?")])
        await anext(tokens)
        await tokens.aclose()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(closed()) == 0
