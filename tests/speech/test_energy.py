import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.speech.energy import EnergyDetector, EnergyOptions
from voicecli.speech.vad import RATE, WINDOW, Windows


def probabilities(samples: Samples, options: EnergyOptions | None = None) -> list[float]:
    detector = EnergyDetector(options)
    return [detector.probability(window.samples) for window in Windows().push(samples)]


def noise(seconds: float, level: float) -> Samples:
    """White, `level` in dBFS."""
    return (10 ** (level / 20) * np.random.default_rng(3).standard_normal(int(seconds * RATE))).astype(
        np.float32
    )


def tone(seconds: float, level: float, hertz: float = 400.0) -> Samples:
    time = np.arange(int(seconds * RATE)) / RATE
    return (np.sqrt(2) * 10 ** (level / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_silence_is_no_speech() -> None:
    assert max(probabilities(np.zeros(RATE, np.float32))) < 0.1


def test_noise_is_learned() -> None:
    heard = probabilities(noise(5.0, -30.0))
    assert heard[3] > 0.5
    assert max(heard[70:]) < 0.35


def test_voice_rises_above_noise() -> None:
    samples = noise(4.0, -45.0)
    samples[3 * RATE :] += tone(1.0, -25.0)
    heard = probabilities(samples)
    assert max(heard[65:93]) < 0.35
    assert min(heard[95:]) > 0.5


def test_hum_is_ignored() -> None:
    assert max(probabilities(tone(2.0, -20.0, hertz=50.0))) < 0.35
    assert max(probabilities(tone(2.0, -20.0, hertz=400.0))) > 0.9


def test_constant_offset_is_ignored() -> None:
    assert max(probabilities(np.full(RATE, 0.2, np.float32))) < 0.1


def test_reset_forgets_the_noise() -> None:
    detector, loud = EnergyDetector(), noise(0.032, -30.0)[:WINDOW]
    first = detector.probability(loud)
    for _ in range(100):
        detector.probability(loud)
    assert detector.probability(loud) < first
    detector.reset()
    assert detector.probability(loud) == first


def test_broken_samples_are_silence() -> None:
    assert EnergyDetector().probability(np.full(WINDOW, np.nan, np.float32)) < 0.1


def test_recorded_speech_is_heard(recordings) -> None:
    for facts, samples in recordings("assistant", "short", "read"):
        heard = np.array(probabilities(samples))
        first, last = (int(facts[edge] * RATE / WINDOW) for edge in ("speech_start", "speech_end"))
        assert (heard[first : last + 1] > 0.5).mean() > 0.35, facts["file"]


@pytest.mark.parametrize(
    "wrong", [{"slope": 0.0}, {"memory": 0.0}, {"low": 500.0, "high": 400.0}, {"high": 9e3}]
)
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        EnergyOptions(**wrong)


def test_wrong_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="512"):
        EnergyDetector().probability(np.zeros(100, np.float32))


def test_steep_slope_is_a_switch() -> None:
    heard = probabilities(noise(0.5, -60.0), EnergyOptions(slope=0.001))
    assert max(heard) < 1e-6


def test_energy_needs_nothing() -> None:
    assert EnergyDetector.missing(EnergyOptions()) is None
