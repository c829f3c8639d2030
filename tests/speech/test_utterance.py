import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.speech.utterance import Utterance, UtteranceOptions
from voicecli.speech.vad import RATE

PIECES = st.lists(st.integers(0, 3000), min_size=1, max_size=40)


def ramp(start: int, length: int) -> np.ndarray:
    return np.arange(start, start + length, dtype=np.float32)


def fill(utterance: Utterance, lengths: list[int], start: int = 0) -> int:
    for length in lengths:
        utterance.push(ramp(start, length), start / RATE)
        start += length
    return start


@given(PIECES, PIECES, st.floats(0, 0.9), st.floats(0, 0.8), st.integers(1, 5))
def test_samples_are_exact(
    before: list[int], after: list[int], back: float, pre_roll: float, every: int
) -> None:
    """What is taken is every sample once, from the pre-roll to the end."""
    utterance = Utterance(UtteranceOptions(pre_roll=pre_roll))
    now = fill(utterance, before)
    started = max(0.0, now / RATE - back)  # not before the stream
    utterance.begin(started)
    taken, position = [utterance.take()], now
    for index, length in enumerate(after):
        position = fill(utterance, [length], position)
        if index % every == 0:
            taken.append(utterance.take())
    taken.append(utterance.take())
    first = min(now, max(0, round((started - pre_roll) * RATE)))
    expected = ramp(first, position - first)
    joined = np.concatenate(taken)
    assert abs(len(joined) - len(expected)) <= 1  # a rounding of the time
    assert np.array_equal(joined, ramp(position - len(joined), len(joined)))
    assert utterance.time == pytest.approx((position - len(joined)) / RATE if len(joined) else now / RATE)


@given(PIECES, PIECES, PIECES)
def test_no_sample_in_two_utterances(first: list[int], pause: list[int], second: list[int]) -> None:
    utterance = Utterance()
    utterance.begin(0.0)
    position = fill(utterance, first)
    one = utterance.take()
    utterance.end()
    position = fill(utterance, pause, position)
    utterance.begin(position / RATE)
    fill(utterance, second, position)
    two = utterance.take()
    assert not set(one.tolist()) & set(two.tolist())
    kept = min(sum(pause), round(0.4 * RATE))
    assert len(two) == pytest.approx(kept + sum(second), abs=1)


def test_past_is_bounded() -> None:
    utterance = Utterance()
    position = fill(utterance, [512] * 2000)
    utterance.begin(0.0)
    kept = utterance.take()
    assert len(kept) <= 1.4 * RATE + 512
    assert kept[-1] == position - 1


def test_longest_is_bounded() -> None:
    utterance = Utterance(UtteranceOptions(longest=1.0))
    utterance.begin(0.0)
    fill(utterance, [700] * 30)
    assert np.array_equal(utterance.take(), ramp(0, RATE))


def test_nothing_before_the_start() -> None:
    utterance = Utterance()
    fill(utterance, [512, 512])
    assert len(utterance.take()) == 0
    assert utterance.time is None


def test_second_start_changes_nothing() -> None:
    utterance = Utterance()
    utterance.begin(0.0)
    fill(utterance, [512, 512])
    utterance.begin(0.05)
    assert np.array_equal(utterance.take(), ramp(0, 1024))


def test_start_before_any_sound() -> None:
    utterance = Utterance()
    utterance.begin(3.0)
    assert utterance.time == 3.0
    utterance.push(ramp(0, 100), 3.0)
    assert len(utterance.take()) == 100


@pytest.mark.parametrize("wrong", [{"pre_roll": -0.1}, {"pre_roll": 2.0, "longest": 1.0}])
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        UtteranceOptions(**wrong)
