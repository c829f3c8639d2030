"""Microphones that ask recorded questions, one when it is told to, and say how far they are."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.audio.microphone import DeviceMicrophone, Microphone
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.resample import Quality, resample
from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.providers.recognizer import LISTENING_RATE

__all__ = ["AskingMicrophone", "MouthMicrophone", "Over", "PlayedMicrophone"]

Over = Callable[[float], bool]
"""Whether the question has been dealt with, so many seconds after its last sample."""

_BLOCK = LISTENING_RATE // 50  # samples: 20 ms
_NOISE = 0.001  # amplitude of the room's noise: -60 dBFS
_BEFORE = 0.6  # seconds of the room before a question
_AFTER = 1.0  # seconds of the room after it at the least


class AskingMicrophone(Microphone, Protocol):
    """A microphone that somebody speaks into when they are asked to, until `finish`."""

    async def ask(self, question: SpokenQuestion, over: Over) -> float | None:
        """Say the question and wait until it is `over`.

        Returns when its first sample was at the microphone (monotonic seconds), None where nobody can say.
        """
        ...

    @property
    def position(self) -> float:
        """Seconds of the question under way, or of the last one, that have been heard."""
        ...

    def finish(self) -> None:
        """There are no more questions: `blocks` comes to its end."""
        ...


@dataclass(slots=True)
class _Asked:
    question: SpokenQuestion
    over: Over
    done: asyncio.Future[float | None]


class PlayedMicrophone:
    """Recordings in a quiet room, at the pace of time or as fast as they are listened to.

    Between two questions it stands still: no block comes, and no time passes for who listens.
    """

    def __init__(
        self, *, real_time: bool = True, seed: int = 0, hold: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """`hold` is awaited before each block where time does not keep the pace."""
        self.name = "recorded questions"
        self.rate = LISTENING_RATE
        self.overflows = 0
        self.hold = hold
        self._real_time = real_time
        self._chance = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self._questions: asyncio.Queue[_Asked | None] = asyncio.Queue()
        self._heard = 0  # samples of the question, negative before it

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.finish()

    @property
    def position(self) -> float:
        """Seconds of the question that have been heard."""
        return self._heard / LISTENING_RATE

    async def ask(self, question: SpokenQuestion, over: Over) -> float | None:
        """Say it as soon as the one before is over."""
        asked = _Asked(question, over, asyncio.get_running_loop().create_future())
        self._questions.put_nowait(asked)
        return await asked.done

    def finish(self) -> None:
        """End the stream after the questions that wait."""
        self._questions.put_nowait(None)

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield blocks of 20 ms, each when its last sample would have been heard."""
        while (asked := await self._questions.get()) is not None:
            # No question is in step with the loudspeaker's blocks, or with the windows of the detector.
            before = round((_BEFORE + self._chance.uniform(0.0, 0.2)) * LISTENING_RATE)
            length = len(asked.question.samples)
            began, position, first = time.monotonic(), 0, None
            while True:
                self._heard = position - before
                beyond = (self._heard - length) / LISTENING_RATE
                if beyond >= _AFTER and asked.over(beyond):
                    break
                at = await self._due(began + position / LISTENING_RATE)
                if first is None and self._heard + _BLOCK > 0:
                    first = at - self._heard / LISTENING_RATE
                self._heard += _BLOCK
                yield Block(self._room(asked.question.samples, position - before), LISTENING_RATE, at)
                position += _BLOCK
            if not asked.done.done():
                asked.done.set_result(first)

    async def _due(self, at: float) -> float:
        """Wait until the block that begins at `at` has been heard; returns when it begins."""
        length = _BLOCK / LISTENING_RATE
        if self._real_time:
            await asyncio.sleep(max(0.0, at + length - time.monotonic()))
            return at
        if self.hold is not None:
            await self.hold()
        await asyncio.sleep(0)
        return time.monotonic() - length

    def _room(self, samples: Samples, start: int) -> Samples:
        """A block of the room, with as much of the question in it as falls there."""
        block = (self._noise.standard_normal(_BLOCK) * _NOISE).astype(np.float32)
        first, last = max(start, 0), min(start + _BLOCK, len(samples))
        if first < last:
            block[first - start : last - start] += samples[first:last]
        return block


class MouthMicrophone:
    """A real microphone, and a loudspeaker in front of it that asks the questions."""

    def __init__(self, microphone: DeviceMicrophone, mouth: AudioStreamPlayer) -> None:
        self.name = f"{microphone.name}, asked by {mouth.output.name}"
        self.rate = microphone.rate
        self._microphone = microphone
        self._mouth = mouth
        self._asking: SpokenQuestion | None = None
        self._onset = 0.0  # seconds in the question: the first sample that the mouth takes for sound
        self._ended = 0.0  # monotonic seconds: when the last sample of the question was in the air
        self._over: Over | None = None
        self._answered = asyncio.Event()
        self._finished = False

    @property
    def overflows(self) -> int:
        """Blocks of the microphone that were lost."""
        return self._microphone.overflows

    async def __aenter__(self) -> Self:
        await self._mouth.__aenter__()
        await self._microphone.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.finish()
        await self._microphone.__aexit__(*exc)
        await self._mouth.__aexit__(*exc)

    @property
    def position(self) -> float:
        """Seconds of the question that have left the mouth."""
        return self._mouth.heard() if self._asking is not None else 0.0

    async def ask(self, question: SpokenQuestion, over: Over) -> float | None:
        """Play it to its end, and wait."""
        samples = question.samples
        if self._mouth.rate != LISTENING_RATE:
            samples = resample(samples, LISTENING_RATE, self._mouth.rate, Quality.HQ)
        loud = np.flatnonzero(np.abs(samples) >= self._mouth.options.audible)
        self._onset = float(loud[0]) / self._mouth.rate if len(loud) else 0.0
        self._asking = question
        self._mouth.begin()
        await self._mouth.write(samples)
        self._ended, self._over = await self._mouth.stop(), over
        self._answered.clear()
        await self._answered.wait()
        first = self._mouth.first_sound
        return None if first is None else first - self._onset

    def finish(self) -> None:
        """Listen no longer."""
        self._finished = True

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield what the device hears."""
        self._finished = False
        async for block in self._microphone.blocks():
            if self._finished:
                return
            yield block
            beyond = time.monotonic() - self._ended
            if self._over is not None and beyond >= _AFTER and self._over(beyond):
                self._over = None
                self._answered.set()
