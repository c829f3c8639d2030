"""What an engine has to answer for."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from voicecli.audio.format import Codec, StreamFormat
from voicecli.bench.measure.timed_synthesizer import Timed, engine_time
from voicecli.providers.simulated import SimulatedSynthesizer

RATE = 24_000
AUDIBLE = 0.002


def pcm(*parts: tuple[float, float]) -> bytes:
    """Seconds and amplitude of each part."""
    samples = [level * 32_767 * np.cos(np.arange(round(seconds * RATE))) for seconds, level in parts]
    return np.concatenate(samples).astype("<i2").tobytes()


class Scripted(SimulatedSynthesizer):
    """Says what it is given, whatever the text."""

    def __init__(self, chunks: Sequence[bytes], codec: Codec = Codec.PCM) -> None:
        super().__init__()
        self._chunks = chunks
        self._format = StreamFormat(codec, RATE, 1)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def heard(*phrases: Sequence[tuple[float, bytes]], codec: Codec = Codec.PCM) -> Timed:
    """As if the chunks had come at these moments, asked for at 10."""
    timed = Timed(Scripted([], codec))
    timed.asked = 10.0
    timed.phrases = [list(phrase) for phrase in phrases]
    return timed


def took(timed: Timed) -> tuple[float, float]:
    found = engine_time(timed, AUDIBLE)
    assert found is not None
    return found.seconds, found.leading_silence


def test_sound_in_the_first_chunk() -> None:
    assert took(heard([(10.2, pcm((0.1, 0.3)))])) == pytest.approx((0.2, 0.0))


def test_silence_is_played_from_the_first_byte_on() -> None:
    chunks = [(10.2, pcm((0.1, 0.0))), (10.25, pcm((0.1, 0.0), (0.1, 0.3)))]
    assert took(heard(chunks)) == pytest.approx((0.4, 0.2))


def test_sound_that_comes_late_is_late() -> None:
    chunks = [(10.2, pcm((0.1, 0.0))), (11.0, pcm((0.1, 0.3)))]
    assert took(heard(chunks)) == pytest.approx((1.0, 0.1))


def test_silent_phrase_counts_as_silence() -> None:
    found = took(heard([(10.1, pcm((0.5, 0.0)))], [(10.2, pcm((0.1, 0.0), (0.1, 0.3)))]))
    assert found == pytest.approx((0.7, 0.6))


def test_nothing_audible() -> None:
    assert engine_time(heard([(10.1, pcm((0.5, 0.001)))]), AUDIBLE) is None
    assert engine_time(heard([]), AUDIBLE) is None
    assert engine_time(Timed(Scripted([])), AUDIBLE) is None


def test_broken_sound_is_no_sound() -> None:
    assert engine_time(heard([(10.1, b"no flac at all, but text")], codec=Codec.FLAC), AUDIBLE) is None


def test_chunks_pass_through() -> None:
    timed = Timed(Scripted([b"a", b"", b"b"]))

    async def gathered() -> list[bytes]:
        return [chunk async for chunk in timed.synthesize("Hi.")]

    assert asyncio.run(gathered()) == [b"a", b"", b"b"]
    assert [chunk for _, chunk in timed.phrases[0]] == [b"a", b"", b"b"]
    assert timed.asked is not None
    assert timed.making >= 0
