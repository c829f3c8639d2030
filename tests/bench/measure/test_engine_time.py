"""What an engine has to answer for."""

from collections.abc import Sequence

import numpy as np
import pytest

from voicecli.audio.format import Codec, StreamFormat
from voicecli.bench.measure.engine_time import Took, engine_time, waited
from voicecli.bench.measure.stamps import EngineCall

RATE = 24_000
AUDIBLE = 0.002


def pcm(*parts: tuple[float, float]) -> bytes:
    """Seconds and amplitude of each part."""
    samples = [level * 32_767 * np.cos(np.arange(round(seconds * RATE))) for seconds, level in parts]
    return np.concatenate(samples).astype("<i2").tobytes()


def heard(*phrases: Sequence[tuple[float, bytes]], codec: Codec = Codec.PCM) -> Took | None:
    """As if the chunks had come at these moments, asked for at 10."""
    calls = [EngineCall(10.0, answers=list(phrase)) for phrase in phrases]
    return engine_time(calls, StreamFormat(codec, RATE, 1), AUDIBLE)


def took(found: Took | None) -> tuple[float, float]:
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
    assert heard([(10.1, pcm((0.5, 0.001)))]) is None
    assert heard([]) is None
    assert heard() is None


def test_broken_sound_is_no_sound() -> None:
    assert heard([(10.1, b"no flac at all, but text")], codec=Codec.FLAC) is None


def test_what_is_waited_for_at_once_is_waited_for_once() -> None:
    first = EngineCall(1.0, waits=[(1.0, 2.0), (5.0, 5.5)])
    second = EngineCall(1.5, waits=[(1.5, 3.0), (5.1, 5.2)])
    assert waited([first, second]) == pytest.approx(2.5)
    assert waited([]) == 0.0
