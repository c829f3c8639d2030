"""What a voice has to answer for: what was waited for from it, and from when on its sound could be heard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import CHUNK, open_decoder
from voicecli.audio.format import StreamFormat
from voicecli.bench.measure.stamps import EngineCall
from voicecli.errors import VoiceError

__all__ = ["Took", "engine_time", "waited"]


@dataclass(frozen=True, slots=True)
class Took:
    """What the engine has to answer for."""

    seconds: float  # from its being asked to the earliest moment at which something could have been heard
    leading_silence: float  # seconds of its sound before that, which are among them as far as they count


def waited(calls: Iterable[EngineCall]) -> float:
    """Seconds in which something was waited for: what the player holds up or nobody reads yet does not count.

    Phrases that are made at the same time are waited for at the same time.
    """
    total, reached = 0.0, -math.inf
    for begun, ended in sorted(wait for call in calls for wait in call.waits):
        total += max(0.0, ended - max(begun, reached))
        reached = max(reached, ended)
    return total


def engine_time(calls: Sequence[EngineCall], format: StreamFormat, audible: float) -> Took | None:
    """What the fastest of players could not have spared the listener; None when nothing can be heard.

    Such a player begins with the first byte, and plays the silence that the sound begins with: so the first
    audible sample, one that reaches the amplitude `audible`, is heard when that silence has passed, or when
    the chunk that holds it comes, whichever is later. Decodes what came, so not while something is timed.
    """
    first: float | None = None
    silence = 0.0
    for call in calls:
        try:
            for at, seconds, heard in _sounds(call.answers, format, audible):
                first = at if first is None else first
                silence += seconds
                if heard:
                    return Took(max(first + silence, at) - calls[0].started, silence)
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
