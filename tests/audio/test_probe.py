"""Devices opened for a moment."""

import threading
import time

import numpy as np
import pytest

from voicecli.audio.probe import Probed, measure_input, measure_output
from voicecli.errors import DeviceLost

RATE = 16_000
FRAMES = 320


class Device:
    """Calls back from a thread of its own, as a sound card does."""

    name, rate = "pretended", RATE

    def __init__(
        self, level: float = 0.5, blocks: int = 10_000, loses: bool = False, overflow: int = -1
    ) -> None:
        self.level, self.blocks, self.loses, self.overflow = level, blocks, loses, overflow
        self.closed = threading.Event()
        self.played: list[np.ndarray] = []

    def start(self, callback, lost) -> None:
        threading.Thread(target=self._run, args=(callback, lost), daemon=True).start()

    def close(self) -> None:
        self.closed.set()

    def _run(self, callback, lost) -> None:
        began = time.monotonic()
        for number in range(self.blocks):
            if self.closed.wait(max(0.0, began + (number + 1) * FRAMES / RATE - time.monotonic())):
                return
            self.call(callback, number)
        if self.loses:
            lost("It went away.")

    def call(self, callback, number: int) -> None:
        samples = np.full(FRAMES, self.level, np.float32)
        callback(samples, time.monotonic() - FRAMES / RATE, number == self.overflow)


class Loudspeaker(Device):
    def call(self, callback, number: int) -> None:
        out = np.full(FRAMES, 7.0, np.float32)
        callback(out, time.monotonic() + 0.03)
        self.played.append(out)


def listen(device: Device) -> Probed:
    return measure_input(device, threading.Event())


def test_microphone_that_hears() -> None:
    device = Device(overflow=15)
    probed = listen(device)
    assert device.closed.is_set()
    assert probed.name == "pretended"
    assert probed.blocks > 3
    assert probed.block == FRAMES / RATE
    assert probed.peak == 0.5
    assert probed.overflows == 1
    assert probed.measured_rate is not None
    assert probed.measured_rate == pytest.approx(RATE, rel=0.3)


def test_zeros_have_no_peak() -> None:
    assert listen(Device(level=0.0)).peak == 0.0


def test_silent_device_has_no_blocks() -> None:
    device = Device(blocks=0)
    assert listen(device) == Probed(name="pretended", rate=RATE, blocks=0)
    assert device.closed.is_set()


def test_device_that_goes_away() -> None:
    device = Device(blocks=3, loses=True)
    with pytest.raises(DeviceLost, match="went away"):
        listen(device)
    assert device.closed.is_set()


def test_stop_ends_the_probe() -> None:
    stop = threading.Event()
    stop.set()
    device = Device(blocks=0)
    measure_input(device, stop)
    assert device.closed.is_set()


def test_loudspeaker_plays_silence() -> None:
    device = Loudspeaker()
    probed = measure_output(device, threading.Event())
    assert probed.blocks > 3
    assert probed.latency > 0
    assert device.played
    assert not any(block.any() for block in device.played)


def test_full_buffer_is_no_playing() -> None:
    class Stuck(Loudspeaker):
        def _run(self, callback, lost) -> None:
            for number in range(5):
                self.call(callback, number)

    assert measure_output(Stuck(), threading.Event()).blocks == 0
