"""The microphone that asks by itself."""

import asyncio

import numpy as np
import pytest

from voicecli.conversation.rehearsal import rehearsed_questions, said_aloud
from voicecli.providers.espeak import EspeakSynthesizer
from voicecli.providers.recognizer import LISTENING_RATE

LOUD = 0.05


def asked(questions, busy):
    async def collect():
        async with EspeakSynthesizer() as voice:
            return [piece async for piece in rehearsed_questions(questions, voice, busy)]

    return asyncio.run(collect())


def test_question_is_as_loud_as_people_ask():
    async def said():
        async with EspeakSynthesizer() as voice:
            return await said_aloud("What time is it?", voice)

    sound = asyncio.run(said())
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(0.35)
    assert 0.5 < len(sound) / LISTENING_RATE < 3


def test_room_is_never_silent_and_comes_before_the_question():
    sound = np.concatenate(asked(["What time is it?"], lambda: False))
    begun = np.flatnonzero(np.abs(sound) > LOUD)[0] / LISTENING_RATE
    assert 0.8 <= begun < 1.2
    assert all(np.abs(sound[start : start + 320]).max() > 0 for start in range(0, len(sound), 320))


def test_next_question_waits_for_the_answer():
    answering = iter([False] * 10 + [True] * 50 + [False] * 10_000)
    pieces = asked(["Hello?", "Hello?"], lambda: next(answering))
    loud = [number for number, piece in enumerate(pieces) if np.abs(piece).max() > LOUD]
    gaps = np.diff(loud)
    assert gaps.max() > 50  # pieces of 20 ms, in which it was busy
