import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.speech.edges import EdgeOptions, Edges
from voicecli.speech.vad import RATE, WINDOW, Windows

START = 0.0


def burst(first: int, last: int, level: float = 0.1, floor: float = 0.001) -> np.ndarray:
    """Noise, and louder noise between two samples; 3 s."""
    samples = floor * np.random.default_rng(5).standard_normal(3 * RATE)
    samples[first:last] *= level / floor
    return samples.astype(np.float32)


def follow(edges: Edges, samples: np.ndarray) -> None:
    for window in Windows().push(samples):
        edges.push(window)


def windowed(sample: int) -> float:
    """The start of the window in which a sample lies, as a gate would date it."""
    return START + sample // WINDOW * WINDOW / RATE


@settings(deadline=None)
@given(st.integers(9000, 20_000), st.integers(6000, 20_000), st.sampled_from([0.01, 0.1, 0.5]))
def test_edges_within_a_frame(first: int, length: int, level: float) -> None:
    last, edges = first + length, Edges()
    samples = burst(first, last, level)
    follow(edges, samples[: first // WINDOW * WINDOW + 2 * WINDOW])
    assert edges.start(windowed(first)) == pytest.approx(START + first / RATE, abs=0.0161)
    edges = Edges()
    follow(edges, samples[: last + 2 * WINDOW])
    # A detector's stop is late by a window or two.
    assert edges.stop(windowed(last) + 0.064) == pytest.approx(START + last / RATE, abs=0.0161)


def test_unheard_times_stay() -> None:
    assert Edges().start(5.0) == 5.0
    assert Edges().stop(6.0) == 6.0


def test_edges_never_go_back() -> None:
    edges = Edges()
    follow(edges, burst(16_000, 30_000))
    onset = edges.start(windowed(16_000))
    assert edges.stop(START) == onset
    edges.reset()
    assert edges.stop(START) == START


def test_digital_silence_is_a_floor() -> None:
    edges, samples = Edges(), burst(16_000, 24_000, floor=0.001)
    samples[:16_000] = 0.0
    samples[24_000:] = 0.0
    follow(edges, samples[:25_600])
    assert edges.stop(windowed(24_000) + 0.064) == pytest.approx(START + 1.5, abs=0.0161)


def test_offset_is_no_sound() -> None:
    """A converter's constant offset must not sound at every seam between windows."""
    edges, samples = Edges(), burst(16_000, 24_000, level=0.05) + np.float32(0.5)
    follow(edges, samples[:25_600])
    assert edges.stop(windowed(24_000) + 0.064) == pytest.approx(START + 1.5, abs=0.0161)


def test_broken_samples_are_silence() -> None:
    edges, samples = Edges(), burst(16_000, 24_000)
    samples[26_000] = np.nan
    follow(edges, samples[:27_000])
    assert edges.stop(windowed(24_000) + 0.064) == pytest.approx(START + 1.5, abs=0.0161)


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.0}, {"early": -1.0}, {"memory": 0.1}])
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        EdgeOptions(**wrong)
