import asyncio
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.errors import SettingsError
from voicecli.speech.silero import BUNDLED, SileroDetector, SileroModel, SileroOptions, SileroState
from voicecli.speech.vad import RATE, WINDOW, Windows

pytestmark = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")


def cut(samples: Samples) -> list[Samples]:
    return [window.samples for window in Windows().push(samples)]


def buzz(seconds: float, seed: int = 1) -> Samples:
    """Something that the model answers with changing numbers."""
    noise = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 140 * (1 + seed / 10) * k * time) / k for k in range(1, 20))
    loud = np.abs(np.sin(2 * np.pi * 2.5 * time))
    return (0.1 * tone * loud + 0.002 * noise.standard_normal(len(time))).astype(np.float32)


def test_numbers_are_those_of_torch() -> None:
    """The reference, silero-vad 6.2.3 on torch, gave these; without the 64 samples of context they differ."""
    reference = [0.144, 0.0612, 0.0296, 0.0104, 0.0056, 0.0208, 0.0463, 0.1003]
    detector = SileroDetector()
    found = [detector.probability(window) for window in cut(buzz(0.5))]
    assert found[:8] == pytest.approx(reference, abs=1e-3)


def test_batch_equals_single_streams() -> None:
    model = SileroModel.shared(BUNDLED)
    streams = [cut(buzz(1.0, seed)) for seed in range(5)]
    states = [SileroState() for _ in streams]
    batched = np.array([model.probabilities(windows, states) for windows in zip(*streams, strict=True)]).T
    for windows, together in zip(streams, batched, strict=True):
        detector = SileroDetector()
        alone = [detector.probability(window) for window in windows]
        assert np.allclose(alone, together, atol=1e-5)
    assert batched.max() > 0.1 + batched.min()


def test_streams_join_and_leave() -> None:
    """A stream's numbers do not depend on who else is in the batch."""
    model, windows = SileroModel.shared(BUNDLED), cut(buzz(0.5))
    alone, shared, other = SileroState(), SileroState(), SileroState()
    for index, window in enumerate(windows):
        (expected,) = model.probabilities([window], [alone])
        if index % 2:
            _, found = model.probabilities([windows[0], window], [other, shared])
        else:
            (found,) = model.probabilities([window], [shared])
        assert found == pytest.approx(expected, abs=1e-5)


def test_reset_begins_again() -> None:
    detector, windows = SileroDetector(), cut(buzz(0.6))
    first = [detector.probability(window) for window in windows]
    carried = [detector.probability(window) for window in windows]
    detector.reset()
    again = [detector.probability(window) for window in windows]
    assert first == again
    assert first != carried


def test_broken_samples_pass_away() -> None:
    windows, found = cut(buzz(0.6)), []
    for broken in (0.0, np.nan, np.inf, 1e30):
        detector = SileroDetector()
        windows[5] = np.full(WINDOW, broken, np.float32)
        found.append([detector.probability(window) for window in windows])
    assert found[1:] == [found[0]] * 3


def test_wrong_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="512"):
        SileroDetector().probability(np.zeros(256, np.float32))
    with pytest.raises(ValueError, match="states"):
        SileroModel.shared(BUNDLED).probabilities([np.zeros(WINDOW, np.float32)], [])
    assert len(SileroModel.shared(BUNDLED).probabilities([], [])) == 0


def test_speech_tells_from_silence(recordings) -> None:
    for facts, samples in recordings("short"):
        detector = SileroDetector()
        heard = [detector.probability(window) for window in cut(samples)]
        assert max(heard) > 0.9, facts["file"]
    detector = SileroDetector()
    assert max(detector.probability(np.zeros(WINDOW, np.float32)) for _ in range(60)) < 0.1


def test_detectors_share_one_model() -> None:
    first, second = SileroDetector(), SileroDetector()
    assert first._model is second._model


def test_threads_share_one_model() -> None:
    windows, found = cut(buzz(0.5)), {}

    def listen(number: int) -> None:
        detector = SileroDetector()
        found[number] = [detector.probability(window) for window in windows]

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(4)] == [found[0]] * 4


def test_entering_loads_the_model() -> None:
    async def enter() -> float:
        async with SileroDetector() as detector:
            return detector.probability(np.zeros(WINDOW, np.float32))

    assert 0 <= asyncio.run(enter()) < 0.5


def test_bundled_engine_is_ready() -> None:
    assert SileroDetector.missing(SileroOptions()) is None
    assert SileroDetector.name == "silero"
    assert SileroDetector.Options is SileroOptions


def test_absent_model_is_named(tmp_path: Path) -> None:
    options = SileroOptions(model=str(tmp_path / "none.onnx"))
    assert "none.onnx" in (SileroDetector.missing(options) or "")
    with pytest.raises(SettingsError, match=r"none\.onnx"):
        SileroDetector(options).probability(np.zeros(WINDOW, np.float32))


def test_garbage_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "garbage.onnx"
    path.write_bytes(b"not a model at all" * 50)
    with pytest.raises(SettingsError, match=r"garbage\.onnx"):
        SileroDetector(SileroOptions(model=str(path))).probability(np.zeros(WINDOW, np.float32))


def test_model_may_be_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "copy.onnx"
    path.write_bytes(SileroModel.shared(BUNDLED).path.read_bytes())
    window = buzz(0.1)[:WINDOW]
    elsewhere = SileroDetector(SileroOptions(model=str(path)))
    assert elsewhere.probability(window) == SileroDetector().probability(window)


def test_licence_is_beside_the_model() -> None:
    notice = SileroModel.shared(BUNDLED).path.with_suffix(".LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in notice
    assert "Silero Team" in notice
