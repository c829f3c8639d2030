import asyncio
from importlib.util import find_spec

import numpy as np
import pytest

from voicecli.errors import LibraryMissing
from voicecli.speech.silero import SileroDetector
from voicecli.speech.silero_torch import SileroTorchDetector, SileroTorchOptions
from voicecli.speech.vad import WINDOW, Windows

ABSENT = find_spec("torch") is None or find_spec("silero_vad") is None


@pytest.mark.skipif(ABSENT, reason="needs torch and silero-vad")
@pytest.mark.filterwarnings("default")  # torch warns about itself on new Pythons
def test_bundled_model_equals_reference(recordings) -> None:
    worst, windows = 0.0, 0
    for _facts, samples in recordings("assistant", "short", "negative", "nonenglish"):
        ours, reference = SileroDetector(), SileroTorchDetector()
        for window in Windows().push(samples):
            gap = abs(ours.probability(window.samples) - reference.probability(window.samples))
            worst, windows = max(worst, gap), windows + 1
    print(f"\n{windows} windows, largest difference {worst:.2e}")
    assert windows > 1000
    assert worst < 1e-3


@pytest.mark.skipif(ABSENT, reason="needs torch and silero-vad")
@pytest.mark.filterwarnings("default")
def test_reference_resets() -> None:
    async def listen() -> list[float]:
        tone = (0.1 * np.sin(np.arange(WINDOW) / 20)).astype(np.float32)
        async with SileroTorchDetector() as detector:
            first = detector.probability(tone)
            detector.probability(tone)
            detector.reset()
            return [first, detector.probability(tone)]

    first, again = asyncio.run(listen())
    assert first == again


@pytest.mark.skipif(not ABSENT, reason="torch and silero-vad are there")
def test_missing_torch_is_explained() -> None:
    async def enter() -> None:
        async with SileroTorchDetector():
            pass

    assert "voicecli[silero]" in (SileroTorchDetector.missing(SileroTorchOptions()) or "")
    with pytest.raises(LibraryMissing) as raised:
        asyncio.run(enter())
    assert "pip install 'voicecli[silero]'" in raised.value.hint


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="threads"):
        SileroTorchOptions(threads=0)
