import itertools
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.audio.block import Samples
from voicecli.audio.resample import OneRate, Quality, Resampler, _filter, _fits, resample
from voicecli.errors import UsageError

PAIRS = [
    (48_000, 16_000),
    (44_100, 16_000),
    (22_050, 24_000),
    (24_000, 48_000),
    (8000, 16_000),
    (48_000, 44_100),
]


def tone(rate: int, pitch: float, seconds: float = 0.5) -> Samples:
    return np.sin(2 * np.pi * pitch * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def decibels(samples: Samples) -> float:
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    return float(20 * np.log10(np.sqrt(np.mean(middle.astype(np.float64) ** 2)) * np.sqrt(2) + 1e-12))


@pytest.mark.parametrize("quality", [Quality.LIVE, Quality.HQ])
@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_tone_stays_where_it_was(from_rate: int, to_rate: int, quality: Quality) -> None:
    """Same pitch, same level, same moment."""
    pitch = min(from_rate, to_rate) * 0.3
    heard = resample(tone(from_rate, pitch), from_rate, to_rate, quality)
    assert decibels(heard) == pytest.approx(0.0, abs=0.1)
    assert decibels(heard - tone(to_rate, pitch)) < -50


@pytest.mark.parametrize("quality", [Quality.LIVE, Quality.HQ])
@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_nothing_folds_back(from_rate: int, to_rate: int, quality: Quality) -> None:
    heard = resample(tone(from_rate, to_rate * 0.52), from_rate, to_rate, quality)
    assert decibels(heard) < -65


@pytest.mark.parametrize("from_rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("to_rate", [16_000, 24_000, 48_000])
def test_live_sound_is_hardly_delayed(from_rate: int, to_rate: int) -> None:
    """Under 5 ms wait inside, at any moment and for any block size."""
    for block in (10, 160, 441, 2000):
        resampler = Resampler(from_rate, to_rate)
        given = taken = 0
        for part in np.array_split(np.ones(from_rate // 4, np.float32), from_rate // 4 // block):
            given += len(part)
            taken += len(resampler.push(part))
            assert given / from_rate - taken / to_rate < 0.005


@pytest.mark.parametrize("quality", list(Quality))
@given(
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    rates=st.sampled_from(
        [(a, b) for a, b in itertools.permutations((8000, 11_025, 16_000, 44_100, 48_000), 2)]
    ),
)
@settings(max_examples=15, deadline=None)
def test_any_split_gives_the_same(quality: Quality, cuts: list[int], rates: tuple[int, int]) -> None:
    sound = np.random.default_rng(5).standard_normal(3000).astype(np.float32)
    edges = [0, *sorted(cuts), len(sound)]
    resampler = Resampler(*rates, quality)
    pieces = [resampler.push(sound[begin:end]) for begin, end in itertools.pairwise(edges)]
    heard = np.concatenate([*pieces, resampler.flush()])
    assert heard.dtype == np.float32
    assert len(heard) == round(len(sound) * rates[1] / rates[0])
    np.testing.assert_allclose(heard, resample(sound, *rates, quality), atol=1e-5)


@pytest.mark.parametrize("quality", [Quality.LIVE, Quality.HQ])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 50, 441])
def test_length_is_exact(length: int, quality: Quality) -> None:
    for from_rate, to_rate in PAIRS:
        heard = resample(np.ones(length, np.float32), from_rate, to_rate, quality)
        assert len(heard) == (2 * length * to_rate + from_rate) // (2 * from_rate)


def test_equal_rates_pass_through() -> None:
    resampler = Resampler(16_000, 16_000)
    sound = tone(16_000, 100)
    assert resampler.push(sound) is sound
    assert len(resampler.flush()) == 0


def test_soxr_is_imported_only_when_needed() -> None:
    code = (
        "import sys, numpy as np\n"
        "from voicecli.audio.resample import Resampler\n"
        "for rates in ((16000, 16000), (48000, 16000)):\n"
        "    Resampler(*rates).push(np.zeros(100, np.float32))\n"
        "assert 'soxr' not in sys.modules and 'av' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_any_rate_is_cheap_to_begin_with() -> None:
    """Whatever a client says: the filters of all rates take little memory to make, and to keep."""
    common = (8000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
    assert all(_fits(rate, 16_000) for rate in common)
    for rate in (*common, 5512, 7999, 11_111, 15_999, 44_101, 383_999):
        _filter.cache_clear()
        tracemalloc.start()
        resampler = Resampler(rate, 16_000)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4e6
        assert kept < 1e6
        assert len(resampler.push(np.ones(rate, np.float32))) + len(resampler.flush()) == 16_000


def test_odd_rates_fall_back_to_soxr() -> None:
    assert not _fits(44_101, 47_999)
    heard = resample(tone(44_101, 1000), 44_101, 47_999, Quality.LIVE)
    assert len(heard) == round(44_101 * 0.5 // 1 * 47_999 / 44_101)
    assert decibels(heard) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, 0), (-1, 5)])
def test_impossible_rates(rates: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="Cannot resample"):
        Resampler(*rates)


def test_one_rate_keeps_the_first() -> None:
    steady = OneRate()
    pieces = [steady.push(tone(rate, 200), rate) for rate in (16_000, 48_000, 8000, 16_000, 16_000)]
    heard = np.concatenate([*pieces, steady.flush()])
    assert steady.rate == 16_000
    assert len(heard) == 5 * 8000
    assert decibels(heard) == pytest.approx(0.0, abs=0.1)
