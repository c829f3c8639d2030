"""Phrases on their way to be heard: what is under way when, and what is left when nobody listens any more."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from voicecli.audio.pcm import s16_bytes
from voicecli.errors import TimedOut
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.simulated import SimulatedSynthesizer
from voicecli.reply.speeches import Speech, speeches

PHRASES = ("One.", "Two.", "Three.", "Four.")


class Counting(SimulatedSynthesizer):
    """Sends as many chunks as it is told, of a second each, and then nothing more; knows what it is doing."""

    def __init__(self, chunks: int = 1, *, ends: bool = True) -> None:
        super().__init__()
        self.given: list[str] = []
        self.closed: list[str] = []
        self._chunks = chunks
        self._ends = ends

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        self.given.append(text)
        try:
            for _ in range(self._chunks):
                yield s16_bytes(np.full(self.format.rate, 0.1, np.float32))
            if not self._ends:
                await asyncio.Event().wait()
        finally:
            self.closed.append(text)


async def phrases(*texts: str) -> AsyncIterator[str]:
    for text in texts or PHRASES:
        yield text


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_so_many_are_under_way_while_one_is_used(ahead: int) -> None:
    async def run() -> None:
        engine = Counting()
        async with scoped(speeches(phrases(), engine, ahead=ahead)) as made:
            number = 0
            async for speech in made:
                await settled()
                assert speech.spoken == PHRASES[number]
                assert engine.given == list(PHRASES[: number + 1 + ahead])
                number += 1
        assert number == len(PHRASES)

    asyncio.run(run())


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_closing_ends_what_was_begun(taken: int) -> None:
    async def run() -> None:
        engine = Counting(ends=False)
        async with scoped(speeches(phrases(), engine, ahead=2)) as made:
            for _ in range(taken):
                await anext(made)
            await settled()
        assert sorted(engine.closed) == sorted(engine.given)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_an_engine_that_falls_silent_is_given_up_after_what_it_has_said() -> None:
    async def run() -> None:
        heard: list[float] = []

        async def listen(speech: Speech) -> None:
            async for samples, rate in speech.sounds():
                heard.append(len(samples) / rate)

        async with scoped(speeches(phrases(), Counting(ends=False), timeout=0.01)) as made:
            with pytest.raises(TimedOut, match=r"sent no speech for 0\.01 seconds"):
                await listen(await anext(made))
        assert sum(heard) == pytest.approx(1.0)

    asyncio.run(run())


def test_the_rest_has_its_turn_while_much_is_decoded() -> None:
    async def run() -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with scoped(speeches(phrases("One."), Counting(10))) as made:
            speech = await anext(made)
            await settled()  # all of it is there
            beside = asyncio.create_task(other())
            pieces = [samples async for samples, _ in speech.sounds()]
            beside.cancel()
        assert speech.chunks == 10
        assert turns >= len(pieces) > 10

    asyncio.run(run())


def test_marks_words_and_bytes() -> None:
    async def run() -> None:
        stopwatch = Stopwatch()
        engine = Counting()
        async with scoped(speeches(phrases("*", "", "2 kg."), engine, stopwatch=stopwatch)) as made:
            found = [(speech.text, speech.spoken, len(await speech.whole())) async for speech in made]
        size = 2 * engine.format.rate
        assert found == [("*", "", 0), ("", "", 0), ("2 kg.", "2 kilograms.", size)]
        assert set(stopwatch.timeline().marks) == {Mark.FIRST_PHRASE, Mark.FIRST_CHUNK}

    asyncio.run(run())
