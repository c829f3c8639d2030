"""Probes: a microphone and a loudspeaker, opened for a moment to see whether they do what they say."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.microphone import Input
from voicecli.audio.player import OutputDevice
from voicecli.audio.portaudio import DeviceInput, DeviceOutput
from voicecli.errors import DeviceLost

__all__ = ["Probed", "measure_input", "measure_output", "probe_microphone", "probe_speaker"]

_SECONDS = 0.5  # of sound that is measured
_SETTLING = 0.15  # seconds: at first a loudspeaker only fills its buffer, and a microphone's clock jumps
_PATIENCE = 3.0  # seconds until it has settled; PulseAudio's null sink may take two to start
_POLL = 0.02  # seconds between two looks at what has come

# PortAudio must not open or close two streams at once.
_opening = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a device did while it was open."""

    name: str
    rate: int  # samples a second that it was opened with
    blocks: int  # 0: it was open and did nothing, or filled its buffer and stopped
    block: float = 0.0  # seconds, the middle one of the blocks
    measured_rate: float | None = None  # samples a second by our clock; None for fewer than three blocks
    latency: float = 0.0  # seconds between the air and the program, the middle one of the blocks
    overflows: int = 0  # blocks before which sound was lost
    peak: float = 0.0  # of full scale 1.0; exactly 0 is no real microphone's silence


@dataclass(frozen=True, slots=True)
class _Moment:
    """One block as its callback saw it."""

    frames: int
    time: float  # monotonic seconds at which its first sample was, or will be, in the air
    now: float  # monotonic seconds
    overflowed: bool = False
    samples: Samples | None = None


def probe_microphone(wanted: str, stop: threading.Event) -> Probed:
    """Open the microphone and listen for a moment; blocks. Raises NoDevice, DeviceError, DeviceLost."""
    with _opening:
        device = DeviceInput(wanted)
    return measure_input(device, stop)


def probe_speaker(wanted: str, stop: threading.Event) -> Probed:
    """Open the loudspeaker and play a moment of silence; blocks. Raises NoDevice, DeviceError, DeviceLost."""
    with _opening:
        device = DeviceOutput(wanted)
    return measure_output(device, stop)


def measure_input(device: Input, stop: threading.Event) -> Probed:
    """What a device that gives blocks does until `stop` is set or enough is known."""
    moments: deque[_Moment] = deque()

    def take(samples: Samples, at: float, overflowed: bool) -> None:
        moments.append(_Moment(len(samples), at, time.monotonic(), overflowed, samples))

    return _measured(device, lambda lost: device.start(take, lost), moments, stop)


def measure_output(device: OutputDevice, stop: threading.Event) -> Probed:
    """What a device that asks for blocks does until `stop` is set or enough is known; it plays silence."""
    moments: deque[_Moment] = deque()

    def fill(out: Samples, at: float) -> int:
        out[:] = 0.0
        moments.append(_Moment(len(out), at, time.monotonic()))
        return 0

    return _measured(device, lambda lost: device.start(fill, lost), moments, stop)


def _measured(
    device: Input | OutputDevice,
    start: Callable[[Callable[[str], None]], None],
    moments: deque[_Moment],
    stop: threading.Event,
) -> Probed:
    lost: list[str] = []
    try:
        with _opening:
            start(lost.append)
        opened = time.monotonic()
        while not stop.wait(_POLL) and not lost:
            settled = _settled(list(moments))
            if settled and time.monotonic() - settled[0].now > _SECONDS:
                break
            if not settled and time.monotonic() - opened > _PATIENCE:
                break
    finally:
        with _opening:
            device.close()
    if lost:
        raise DeviceLost(lost[0], "Plug it in again, or choose another: `voicecli devices`.")
    return _summary(device, _settled(list(moments)))


def _settled(moments: list[_Moment]) -> list[_Moment]:
    """The blocks since the device has found its pace."""
    return [moment for moment in moments if moment.now - moments[0].now > _SETTLING]


def _summary(device: Input | OutputDevice, moments: list[_Moment]) -> Probed:
    if not moments:
        return Probed(name=device.name, rate=device.rate, blocks=0)
    heard = [moment.samples for moment in moments if moment.samples is not None and len(moment.samples)]
    return Probed(
        name=device.name,
        rate=device.rate,
        blocks=len(moments),
        block=median(moment.frames for moment in moments) / device.rate,
        measured_rate=_rate(moments),
        latency=median(abs(moment.now - moment.time) for moment in moments),
        overflows=sum(moment.overflowed for moment in moments),
        peak=max((float(np.abs(samples).max()) for samples in heard), default=0.0),
    )


def _rate(moments: list[_Moment]) -> float | None:
    """The slope of position over time, by least squares: a single late block moves it little."""
    times = np.array([moment.now for moment in moments])
    if len(moments) < 3 or times[-1] <= times[0]:
        return None
    positions = np.concatenate(([0], np.cumsum([moment.frames for moment in moments])[:-1]))
    times -= times.mean()
    return float(times @ (positions - positions.mean()) / (times @ times))
