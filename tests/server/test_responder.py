"""Answers without HTTP around them: how far the voice is ahead, and what is left when nobody wants more."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.errors import Unavailable
from voicecli.providers.recognizer import Transcript
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
)
from voicecli.server.responder import Engines, Piece, Responder, ResponderOptions

MODEL = SimulatedLanguageModel(
    SimulatedLanguageModelOptions(
        ttft=0.0,
        tokens_per_second=0.0,
        texts=("The first sentence. The second one. And then a third sentence.",),
    )
)


class Voice(SimulatedSynthesizer):
    """Ends the first phrase only when the second is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open = 0
        self.second = asyncio.Event()

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        self.asked.append(text)
        self.open += 1
        try:
            yield bytes(480)
            if len(self.asked) == 2:
                self.second.set()
            await self.second.wait()
            yield bytes(480)
        finally:
            self.open -= 1


def test_next_phrase_is_made_while_one_is_taken() -> None:
    async def run() -> tuple[list[Piece], Voice]:
        voice = Voice()
        answering = Responder(Engines(SimulatedRecognizer(), MODEL, voice))
        async with asyncio.timeout(5):
            return [piece async for piece in answering.answer("x")], voice

    pieces, voice = asyncio.run(run())
    assert [len(piece.samples) for piece in pieces] == [240] * 2 * len(voice.asked)
    assert [bool(piece.text) for piece in pieces] == [True, False] * len(voice.asked)
    assert voice.open == 0


def test_no_more_is_made_than_one_phrase_ahead() -> None:
    async def run() -> tuple[int, int]:
        voice = Voice()
        answer = Responder(Engines(SimulatedRecognizer(), MODEL, voice)).answer("x")
        await anext(answer)
        for _ in range(50):
            await asyncio.sleep(0)
        asked = len(voice.asked)
        await answer.aclose()
        return asked, voice.open

    assert asyncio.run(run()) == (2, 0)


def test_pieces_are_of_bounded_length() -> None:
    async def run() -> list[Piece]:
        answering = Responder(
            Engines(SimulatedRecognizer(), MODEL, SimulatedSynthesizer()), ResponderOptions(part=0.01)
        )
        answer = answering.answer("x")
        pieces = [await anext(answer) for _ in range(5)]
        await answer.aclose()
        return pieces

    assert all(0 < len(piece.samples) <= 240 for piece in asyncio.run(run()))


class Deaf(SimulatedRecognizer):
    """Fails at the first sound."""

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        async for _ in audio:
            raise Unavailable("It is deaf.")
        yield Transcript("", final=True)


def test_failed_recognition_takes_no_more_sound() -> None:
    taken = 0

    async def sound() -> AsyncIterator[Samples]:
        nonlocal taken
        while True:
            taken += 1
            yield np.zeros(160, np.float32)
            await asyncio.sleep(0)

    async def run() -> None:
        async with asyncio.timeout(5):
            await Responder(Engines(Deaf(), MODEL, SimulatedSynthesizer())).transcribe(sound())

    with pytest.raises(Unavailable, match="deaf"):
        asyncio.run(run())
    assert taken < 10


def test_sound_that_breaks_ends_recognition() -> None:
    async def sound() -> AsyncIterator[Samples]:
        yield np.zeros(160, np.float32)
        raise Unavailable("The line is dead.")

    async def run() -> None:
        recognizer = SimulatedRecognizer(SimulatedRecognizerOptions(delay=0.0))
        await Responder(Engines(recognizer, MODEL, SimulatedSynthesizer())).transcribe(sound())
        assert len(asyncio.all_tasks()) == 1

    with pytest.raises(Unavailable, match="line is dead"):
        asyncio.run(run())
