"""A synthesizer under a stopwatch: what was waited for from it, and from when on its sound could be heard."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import CHUNK, open_decoder
from voicecli.audio.format import StreamFormat
from voicecli.bench.measure.relay import Relay
from voicecli.errors import VoiceError
from voicecli.flow.scope import scoped
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["Timed", "Took", "engine_time"]


@dataclass(frozen=True, slots=True)
class Took:
    """What the engine has to answer for."""

    seconds: float  # from its being asked to the earliest moment at which something could have been heard
    leading_silence: float  # seconds of its sound before that, which are among them as far as they count


class Timed(Relay):
    """Passes an engine's chunks on and notes when each came, and how long something was waited for.

    Phrases that are made at the same time are waited for at the same time. What the player holds up does not
    count; what an engine makes ahead of its reader does not either.
    """

    def __init__(self, engine: Synthesizer) -> None:
        super().__init__(engine)
        self.making = 0.0  # seconds
        self.asked: float | None = None  # when the first phrase was handed over (monotonic seconds)
        self.phrases: list[list[tuple[float, bytes]]] = []  # when each chunk came, and the chunk
        self._waiting = 0  # phrases
        self._since = 0.0

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        came: list[tuple[float, bytes]] = []
        self.phrases.append(came)
        if self.asked is None:
            self.asked = time.monotonic()
        async with scoped(self._engine.synthesize(text)) as chunks:
            while True:
                self._begin()
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
                finally:
                    self._end()
                came.append((time.monotonic(), chunk))
                yield chunk

    def _begin(self) -> None:
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += 1

    def _end(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self.making += time.monotonic() - self._since


def engine_time(engine: Timed, audible: float) -> Took | None:
    """What the fastest of players could not have spared the listener; None when nothing can be heard.

    Such a player begins with the first byte, and plays the silence that the sound begins with: so the first
    audible sample, one that reaches the amplitude `audible`, is heard when that silence has passed, or when
    the chunk that holds it comes, whichever is later. Decodes what came, so not while something is timed.
    """
    if engine.asked is None:
        return None
    first: float | None = None
    silence = 0.0
    for phrase in engine.phrases:
        try:
            for at, seconds, heard in _sounds(phrase, engine.format, audible):
                first = at if first is None else first
                silence += seconds
                if heard:
                    return Took(max(first + silence, at) - engine.asked, silence)
        except VoiceError:  # it ended the run, which says so
            return None
    return None


def _sounds(
    phrase: Sequence[tuple[float, bytes]], format: StreamFormat, audible: float
) -> Iterator[tuple[float, float, bool]]:
    """For each chunk: when it came, seconds of silence in it before any sound, and whether there is any."""
    decoder = open_decoder(format)
    at = 0.0
    for at, chunk in phrase:
        for start in range(0, len(chunk), CHUNK):
            yield at, *_silence(decoder.decode(chunk[start : start + CHUNK]), decoder.rate, audible)
    if phrase:
        yield at, *_silence(decoder.flush(), decoder.rate, audible)


def _silence(samples: Samples, rate: int | None, audible: float) -> tuple[float, bool]:
    if rate is None or not len(samples):
        return 0.0, False
    loud = np.abs(samples) >= audible
    first = int(np.argmax(loud))
    heard = bool(loud[first])
    return (first if heard else len(samples)) / rate, heard
