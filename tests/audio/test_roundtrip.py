"""The sweep that goes out through the loudspeaker, and whether it is found again."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.audio.block import Samples
from voicecli.audio.roundtrip import LEVEL, locate, round_trip, sweep
from voicecli.errors import DeviceLost


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_sweep_is_soft_and_faded(rate: int) -> None:
    sound = sweep(rate)
    assert len(sound) == round(0.25 * rate)
    assert np.abs(sound).max() <= LEVEL
    assert abs(sound[0]) < 1e-6
    assert abs(sound[-1]) < 0.01 * LEVEL


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30_000), st.integers(0, 2**32 - 1), st.floats(0.02, 1.0))
def test_found_to_the_sample_in_noise(position: int, seed: int, volume: float) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 0.2 * volume * LEVEL, 48_000)
    heard = noise.astype(np.float32)
    heard[position : position + 12_000] += volume * sweep(48_000)
    echo = locate(heard, 48_000)
    assert echo is not None
    assert abs(echo.position - position) <= 2
    assert echo.level == pytest.approx(20 * np.log10(volume), abs=1.0)


@pytest.mark.parametrize(
    "sound", [np.zeros(48_000), np.random.default_rng(1).normal(0, 0.1, 48_000), np.ones(100)]
)
def test_not_found_where_it_is_not(sound: Samples) -> None:
    assert locate(sound.astype(np.float32), 48_000) is None


def test_reversed_polarity_is_found() -> None:
    heard = np.zeros(16_000, np.float32)
    heard[3000:7000] -= sweep(16_000)
    echo = locate(heard, 16_000)
    assert echo is not None
    assert echo.position == 3000


BLOCK = 0.01  # seconds


class Room:
    """A loudspeaker and a microphone 50 ms apart, each of which states its times; the second one wrongly."""

    def __init__(self, wrong: float, deaf: bool = False, breaks: bool = False) -> None:
        self.name, self.rate = "room", 16_000
        self.wrong, self.deaf, self.breaks = wrong, deaf, breaks
        self._air: list[Samples] = [np.zeros(160, np.float32) for _ in range(5)]
        self._over = threading.Event()
        self._take: Callable[[Samples, float, bool], None] | None = None
        self.closed = 0

    def start(self, callback: Callable[..., object], lost: Callable[[str], None]) -> None:
        if self._take is None:
            self._take = callback  # the microphone is opened first
            return
        if self.breaks:
            lost("The loudspeaker has gone.")
        self._thread = threading.Thread(target=self._run, args=(callback,))
        self._thread.start()

    def _run(self, fill: Callable[[Samples, float], int]) -> None:
        begin = time.monotonic()
        count = 0
        while not self._over.is_set():
            now = begin + count * BLOCK
            time.sleep(max(0.0, now - time.monotonic()))
            out = np.empty(160, np.float32)
            fill(out, now + 0.02)
            self._air.append(out)
            heard = self._air.pop(0)
            assert self._take is not None
            self._take(np.zeros_like(heard) if self.deaf else heard, now - BLOCK + self.wrong, False)
            count += 1

    def close(self) -> None:
        self.closed += 1
        self._over.set()


def trip(room: Room) -> object:
    return round_trip(lambda: room, lambda: room, threading.Event())


def test_times_that_contradict_each_other() -> None:
    # The air delays by 50 ms; by its own account the loudspeaker took 20 of them, the microphone 10.
    room = Room(wrong=0.1)
    found = round_trip(lambda: room, lambda: room, threading.Event())
    assert found is not None
    assert found.error == pytest.approx(0.05 - 0.02 - BLOCK + 0.1, abs=0.03)
    assert found.level == pytest.approx(0.0, abs=1.0)
    assert room.closed == 2


def test_deaf_microphone() -> None:
    assert trip(Room(0.0, deaf=True)) is None


def test_device_that_goes_away() -> None:
    room = Room(0.0, breaks=True)
    with pytest.raises(DeviceLost):
        trip(room)
    assert room.closed == 2
