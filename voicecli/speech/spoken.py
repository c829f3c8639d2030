"""Utterances as they are spoken: blocks cut where speech begins and ends, pulled by whoever reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import TypeAlias

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.flow.scope import scoped
from voicecli.speech.ears import Ears
from voicecli.speech.endpoint import EndpointOptions, TurnEnded
from voicecli.speech.gate import GateOptions, SpeechStarted, SpeechStopped
from voicecli.speech.segmenter import Segmenter, SpeechSign
from voicecli.speech.silero import SileroDetector
from voicecli.speech.vad import VoiceDetector

__all__ = ["SpokenUtterance", "Utterances", "utterance_step"]

Told: TypeAlias = Callable[[SpeechStarted | SpeechStopped], None]


class SpokenUtterance(AsyncIterator[Samples]):
    """One utterance: an iterator of its samples, mono at 16 kHz, that ends when the speaker has finished.

    It begins before anybody knows where it ends. Whoever pulls it pulls the microphone. What nobody has read
    by the time the next one is asked for stays in it: at most the longest utterance there can be, 30 seconds.
    Times are seconds since the first block.
    """

    def __init__(self, source: Utterances, started: float) -> None:
        self.started = started  # its first voiced sample
        self.stopped: float | None = None  # its last voiced sample, once that is known
        self.over = False  # all of it is here
        self._source = source
        self._waiting: deque[Samples] = deque()

    async def __anext__(self) -> Samples:
        while not self._waiting:
            if self.over or not await self._source.listen():
                raise StopAsyncIteration
        return self._waiting.popleft()

    @property
    def now(self) -> float:
        """The end of its sound: its last voiced sample, or as much as came so far."""
        return self._source.ears.now if self.stopped is None else self.stopped

    async def whole(self) -> Samples:
        """All of it that was not read yet, once it is over."""
        return np.concatenate([np.zeros(0, np.float32), *[samples async for samples in self]])

    def recognised(self, text: str) -> None:
        """Tell what was recognised so far: after a whole sentence the end comes sooner."""
        if not self.over:
            self._source.ears.recognised(text)

    def push(self, samples: Samples) -> None:
        """More of it was spoken."""
        if len(samples):
            self._waiting.append(samples)

    def end(self, stopped: float | None) -> None:
        """It is over."""
        self.over, self.stopped = True, self.stopped if stopped is None else stopped


class Utterances(AsyncIterator[SpokenUtterance]):
    """Each utterance when it begins; the ears are given one block for each `listen`."""

    def __init__(self, blocks: AsyncIterator[Block], ears: Ears, told: Told | None = None) -> None:
        """`told` is given the beginnings and ends of speech as they are noticed."""
        self.ears = ears
        self._blocks = blocks
        self._told = told
        self._begun: deque[SpokenUtterance] = deque()  # that nobody has asked for yet
        self._current: SpokenUtterance | None = None
        self._pulling = asyncio.Lock()  # the next utterance and the rest of this one may be asked for at once
        self._listened = 0  # blocks
        self._over = False
        self._failure: Exception | None = None

    async def __anext__(self) -> SpokenUtterance:
        while not self._begun:
            if not await self.listen():
                raise StopAsyncIteration
        return self._begun.popleft()

    def begun(self) -> list[SpokenUtterance]:
        """The utterances that have begun and that nobody has asked for yet."""
        begun = list(self._begun)
        self._begun.clear()
        return begun

    async def listen(self) -> bool:
        """Listen to one more block; False at the end. Raises what the source raises, to all who ask."""
        before = self._listened
        async with self._pulling:
            if self._listened != before:
                return True  # somebody else has pulled meanwhile
            if self._over:
                if self._failure is not None:
                    raise self._failure
                return False
            try:
                block = await anext(self._blocks, None)
            except Exception as failure:
                self._failure = failure
                self.close()
                raise
            self._listened += 1
            if block is None:
                self._tell(self.ears.close())
                self.close()
            else:
                self._tell(self.ears.push(block))
            return True

    def close(self) -> None:
        """No more sound comes: whoever reads an utterance comes to its end."""
        self._over = True
        self._end(None)

    def _end(self, stopped: float | None) -> None:
        if self._current is not None:
            self._current.push(self.ears.take())
            self._current.end(stopped)
            self._current = None

    def _tell(self, signs: Iterator[SpeechSign]) -> None:
        for sign in signs:
            if isinstance(sign, SpeechStarted | SpeechStopped) and self._told is not None:
                self._told(sign)
            if isinstance(sign, SpeechStarted) and self._current is None:
                self._current = SpokenUtterance(self, sign.time)
                self._begun.append(self._current)
            elif isinstance(sign, TurnEnded):
                self._end(sign.stopped)
        if self._current is not None:
            self._current.push(self.ears.take())


async def utterance_step(
    async_iter: AsyncIterator[Block],
    detector: VoiceDetector | None = None,
    *,
    gate: GateOptions | None = None,
    endpoint: EndpointOptions | None = None,
) -> AsyncIterator[SpokenUtterance]:
    """Blocks of any rate to utterances, each given out when it begins and to be read while it is spoken.

    `detector` tells speech from other sound (the bundled Silero model unless given); a turn ends after a
    silence as `endpoint` says. Raises LibraryMissing when the detector cannot be loaded.
    """
    async with scoped(async_iter) as blocks, AsyncExitStack() as stack:
        if detector is None:
            detector = await stack.enter_async_context(SileroDetector())
        utterances = Utterances(blocks, Ears(detector, Segmenter(gate=gate, endpoint=endpoint)))
        stack.callback(utterances.close)
        async for spoken in utterances:
            yield spoken
