import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.speech.vad import RATE, WINDOW, Windows

LENGTHS = st.lists(st.integers(0, 1700), max_size=30)


def ramp(length: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + length, dtype=np.float32)


@given(LENGTHS)
def test_windows_lose_nothing(lengths: list[int]) -> None:
    cutter, position, found = Windows(), 0, []
    for length in lengths:
        found += cutter.push(ramp(length, position))
        position += length
    assert len(found) == position // WINDOW
    found += cutter.flush()
    joined = np.concatenate([window.samples for window in found]) if found else ramp(0)
    assert np.array_equal(joined[:position], ramp(position))
    assert not joined[position:].any()
    assert all(len(window.samples) == WINDOW for window in found)


@given(LENGTHS, st.integers(0, 3000))
def test_windows_are_dated_by_the_samples_before_them(lengths: list[int], skipped: int) -> None:
    cutter = Windows()
    cutter.push(ramp(100))
    cutter.skip(skipped)
    found = [window for length in lengths for window in cutter.push(ramp(length))] + cutter.flush()
    for index, window in enumerate(found):
        assert window.time == pytest.approx((100 + skipped + index * WINDOW) / RATE, abs=1e-9)
    assert cutter.count == 100 + skipped + sum(lengths)


def test_windows_outlive_reused_blocks() -> None:
    cutter, samples = Windows(), ramp(WINDOW)
    (window,) = cutter.push(samples)
    samples.fill(-1)
    assert np.array_equal(window.samples, ramp(WINDOW))


def test_broken_samples_become_silence() -> None:
    samples = ramp(WINDOW)
    samples[[3, 70, 500]] = [np.nan, np.inf, -np.inf]
    (window,) = Windows().push(samples)
    expected = ramp(WINDOW)
    expected[[3, 70, 500]] = 0.0
    assert np.array_equal(window.samples, expected)


def test_skipping_drops_the_rest() -> None:
    cutter = Windows()
    cutter.push(ramp(100))
    cutter.skip(0)
    assert cutter.flush() == []


def test_importing_loads_no_library() -> None:
    code = """
import pkgutil, importlib, sys, voicecli.speech as room
for module in pkgutil.iter_modules(room.__path__):
    importlib.import_module(f"voicecli.speech.{module.name}")
print(sorted({"onnxruntime", "torch", "silero_vad"} & set(sys.modules)))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
