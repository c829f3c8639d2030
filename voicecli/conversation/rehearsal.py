"""A microphone that asks by itself: the bundled voice in a room, for machines that have no ears."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.resample import Resampler
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["QUESTIONS", "rehearsed_questions", "said_aloud"]

QUESTIONS = (
    "What time is it in Tokyo?",
    "How many kilometers is five miles?",
    "What is, fifteen percent of eighty?",
)
_NOISE = 0.001  # amplitude of the room's noise: -60 dBFS
_PIECE = LISTENING_RATE // 50  # samples: 20 ms
_BEFORE = 0.8  # seconds of room before each question
_LOUDNESS = 0.35  # peak of the questions


async def rehearsed_questions(
    questions: Sequence[str], voice: Synthesizer, busy: Callable[[], bool]
) -> AsyncIterator[Samples]:
    """Yield room noise for ever, and in it one question after another, each when nothing is `busy`.

    Mono samples at the hearing rate. Ends when the last question has been answered. Raises ProviderError.
    """
    noise = np.random.default_rng(7)
    for question in questions:
        speech = await said_aloud(question, voice)
        room = [np.zeros(round(_BEFORE * LISTENING_RATE), np.float32), speech]
        async for piece in _in_room(np.concatenate(room), noise):
            yield piece
        # The question has not been noticed to have ended yet; wait until it was, and then for the answer.
        waited = 0
        while busy() or waited < LISTENING_RATE * 2:
            yield _room(noise, _PIECE)
            waited = waited + _PIECE if not busy() else LISTENING_RATE * 2


async def _in_room(samples: Samples, noise: np.random.Generator) -> AsyncIterator[Samples]:
    for start in range(0, len(samples), _PIECE):
        piece = samples[start : start + _PIECE]
        yield piece + _room(noise, len(piece))


def _room(noise: np.random.Generator, count: int) -> Samples:
    return (noise.standard_normal(count) * _NOISE).astype(np.float32)


async def said_aloud(question: str, voice: Synthesizer) -> Samples:
    """The question at the hearing rate and as loud as people ask. Raises ProviderError, DecodeError."""
    decoder = open_decoder(voice.format)
    pieces = [decoder.decode(chunk) async for chunk in voice.synthesize(question)]
    pieces.append(decoder.flush())
    resampler = Resampler(decoder.rate or voice.format.rate, LISTENING_RATE)
    samples = np.concatenate([resampler.push(np.concatenate(pieces)), resampler.flush()])
    peak = float(np.max(np.abs(samples), initial=1e-6))
    return (samples * (_LOUDNESS / peak)).astype(np.float32)
