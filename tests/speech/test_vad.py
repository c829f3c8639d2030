import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.block import Block
from voicecli.speech.vad import RATE, WINDOW, Windows

LENGTHS = st.lists(st.integers(0, 1700), max_size=30)


def ramp(length: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + length, dtype=np.float32)


@given(LENGTHS)
def test_windows_lose_nothing(lengths: list[int]) -> None:
    cutter, position, found = Windows(), 0, []
    for length in lengths:
        found += cutter.push(Block(ramp(length, position), RATE, position / RATE))
        position += length
    assert len(found) == position // WINDOW
    found += cutter.flush()
    joined = np.concatenate([window.samples for window in found]) if found else ramp(0)
    assert np.array_equal(joined[:position], ramp(position))
    assert not joined[position:].any()
    assert all(len(window.samples) == WINDOW for window in found)


@given(st.lists(st.tuples(st.integers(0, 1700), st.floats(0, 1)), max_size=30))
def test_windows_carry_block_times(blocks: list[tuple[int, float]]) -> None:
    """Each block comes some time late: every window has the time of the block in which it begins."""
    cutter, position, time, starts, found = Windows(), 0, 100.0, [], []
    for length, gap in blocks:
        time += gap
        starts += [time + index / RATE for index in range(length)]
        found += cutter.push(Block(ramp(length, position), RATE, time))
        position += length
        time += length / RATE
    for index, window in enumerate(found + cutter.flush()):
        assert window.time == pytest.approx(starts[index * WINDOW], abs=1e-9)


def test_windows_outlive_reused_blocks() -> None:
    cutter, samples = Windows(), ramp(WINDOW)
    (window,) = cutter.push(Block(samples, RATE, 0.0))
    samples.fill(-1)
    assert np.array_equal(window.samples, ramp(WINDOW))


def test_broken_samples_become_silence() -> None:
    samples = ramp(WINDOW)
    samples[[3, 70, 500]] = [np.nan, np.inf, -np.inf]
    (window,) = Windows().push(Block(samples, RATE, 0.0))
    expected = ramp(WINDOW)
    expected[[3, 70, 500]] = 0.0
    assert np.array_equal(window.samples, expected)


def test_reset_forgets_the_rest() -> None:
    cutter = Windows()
    cutter.push(Block(ramp(100), RATE, 1.0))
    cutter.reset()
    assert cutter.flush() == []
    (window,) = cutter.push(Block(ramp(WINDOW), RATE, 7.0))
    assert window.time == 7.0


def test_other_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="48000"):
        Windows().push(Block(ramp(512), 48_000, 0.0))


def test_importing_loads_no_library() -> None:
    code = """
import pkgutil, importlib, sys, voicecli.speech as room
for module in pkgutil.iter_modules(room.__path__):
    importlib.import_module(f"voicecli.speech.{module.name}")
print(sorted({"onnxruntime", "torch", "silero_vad"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
