"""Samples on a floor of noise."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import BadRequest
from voicecli.providers.sphinx.noise_floor import LEVEL, PERIOD, NoiseFloor


def _values(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<i2").astype(float)


@given(st.lists(st.integers(0, 30_000), max_size=5))
def test_cutting_changes_nothing(cuts: list[int]) -> None:
    samples = np.sin(np.arange(30_000) / 20).astype(np.float32) * 0.5
    floor = NoiseFloor()
    places = [0, *sorted(cuts), len(samples)]
    pieces = [floor.push(samples[a:b]) for a, b in pairwise(places)]
    assert b"".join(pieces) == NoiseFloor().push(samples)


def test_silence_is_faint_noise() -> None:
    noise = _values(NoiseFloor().push(np.zeros(2 * PERIOD, np.float32)))
    assert np.std(noise) == pytest.approx(LEVEL, rel=0.05)


def test_loud_samples_are_clipped() -> None:
    values = _values(NoiseFloor().push(np.array([9.0, -9.0], np.float32)))
    assert abs(values[0] - 32_767) < 10 * LEVEL
    assert abs(values[1] + 32_767) < 10 * LEVEL


@pytest.mark.parametrize(
    "samples",
    [np.zeros(10, np.int16), np.zeros((10, 2), np.float32), np.array([0.0, np.nan], np.float32)],
    ids=["integers", "stereo", "not numbers"],
)
def test_wrong_samples_are_refused(samples: np.ndarray) -> None:
    with pytest.raises(BadRequest):
        NoiseFloor().push(samples)
