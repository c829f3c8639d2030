"""The sound card, through PortAudio: the one file that imports sounddevice."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np

from voicecli.audio.block import Samples
from voicecli.errors import DeviceError, NoDevice
from voicecli.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

__all__ = [
    "NO_DEVICES_HINT",
    "Device",
    "DeviceInput",
    "DeviceOutput",
    "devices",
    "find_device",
    "portaudio_version",
]

Direction = Literal["input", "output"]
_NOUNS: Final[dict[Direction, str]] = {"input": "microphone", "output": "loudspeaker"}

_PREFERRED_RATE = 48_000  # what sound servers and cards run at; another rate costs a resampler inside them
_LATENCY = 0.02  # seconds of buffer asked for; PortAudio's own "low" (8 ms) breaks off over a sound server

_BLOCK = 0.01  # seconds of a block of the microphone; left alone, sound servers call twice as often

_INSTALL = (
    "Install PortAudio: `apt install libportaudio2` (Debian, Ubuntu), `dnf install portaudio` (Fedora), "
    "`brew install portaudio` (macOS). Or give files: --mic question.wav, --speaker answer.wav."
)
_LOOK = "Plug one in or start a sound server, and look with `voicecli devices`."
NO_DEVICES_HINT = f"{_LOOK} Or give files: --mic question.wav, --speaker answer.wav."


@dataclass(frozen=True, slots=True)
class Device:
    """What PortAudio says of a device; it counts as input, output or both by its channels."""

    index: int
    name: str
    host: str  # ALSA, Core Audio, WASAPI, …
    inputs: int  # channels
    outputs: int  # channels
    rate: int  # samples a second that it prefers
    input_latency: float  # seconds, the lowest that it reports
    output_latency: float  # seconds, the lowest that it reports
    default_input: bool
    default_output: bool


@cache
def _sounddevice() -> ModuleType:
    _quiet_alsa()
    _quiet_portaudio()
    try:
        import sounddevice
    except OSError as error:  # it raises this when it finds no PortAudio
        raise NoDevice(f"PortAudio is not installed ({error}).", _INSTALL) from error
    module: ModuleType = sounddevice
    return module


_text, _number = ctypes.c_char_p, ctypes.c_int
_alsa_handler = ctypes.CFUNCTYPE(None, _text, _number, _text, _number, _text)(lambda *_: None)


def _quiet_alsa() -> None:
    """Keep ALSA from writing about every device that it tries into the middle of the screen.

    It holds on to the handler, which is therefore a module's variable.
    """
    if sys.platform != "linux":
        return
    try:
        alsa = ctypes.CDLL("libasound.so.2")
    except OSError:
        return
    alsa.snd_lib_error_set_handler(_alsa_handler)


def _quiet_portaudio() -> None:
    """Keep PortAudio from reporting every failed call by source file and line on C's error output.

    It has no switch for that, and returns what matters. Python's own error output does not go that way. Only
    the GNU library lets its stream be replaced; in musl it is a constant.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    nothing = library.fopen(os.devnull.encode(), b"w")
    if nothing:
        ctypes.c_void_p.in_dll(library, "stderr").value = nothing


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn PortAudio's errors into ours."""
    sounddevice = _sounddevice()
    try:
        yield
    except sounddevice.PortAudioError as error:
        text = str(error.args[0]) if error.args else "unknown error"
        raise DeviceError(f"{what}: {text}.", NO_DEVICES_HINT) from error


def portaudio_version() -> str:
    """As PortAudio gives it. Raises NoDevice when it is not installed."""
    return str(_sounddevice().get_portaudio_version()[1])


def devices() -> list[Device]:
    """Every device there is. Raises NoDevice when PortAudio is not installed."""
    sounddevice = _sounddevice()
    with _translated("The devices could not be listed"):
        hosts = [str(host["name"]) for host in sounddevice.query_hostapis()]
        default_input, default_output = sounddevice.default.device
        if default_input < 0 and default_output < 0 and len(hosts):
            first = sounddevice.query_hostapis(0)
            default_input = first["default_input_device"]
            default_output = first["default_output_device"]
        return [
            Device(
                index=int(entry["index"]),
                name=str(entry["name"]),
                host=hosts[entry["hostapi"]],
                inputs=int(entry["max_input_channels"]),
                outputs=int(entry["max_output_channels"]),
                rate=round(entry["default_samplerate"]),
                input_latency=float(entry["default_low_input_latency"]),
                output_latency=float(entry["default_low_output_latency"]),
                default_input=entry["index"] == default_input,
                default_output=entry["index"] == default_output,
            )
            for entry in sounddevice.query_devices()
        ]


def find_device(wanted: str, direction: Direction) -> Device:
    """Find a device by index, name or part of its name; "" is the default one.

    Raises NoDevice naming those there are.
    """
    noun = _NOUNS[direction]
    usable = [d for d in devices() if (d.inputs if direction == "input" else d.outputs) > 0]
    if not usable:
        instead = "--mic question.wav" if direction == "input" else "--speaker answer.wav"
        raise NoDevice(f"There is no {noun} on this machine.", f"{_LOOK} Or give a file: {instead}.")
    if not wanted or wanted == "default":
        chosen = [d for d in usable if (d.default_input if direction == "input" else d.default_output)]
        return chosen[0] if chosen else usable[0]
    if wanted.isdecimal():
        chosen = [d for d in usable if d.index == int(wanted)]
    else:
        low = wanted.lower()
        chosen = [d for d in usable if d.name.lower() == low] or [d for d in usable if low in d.name.lower()]
    if chosen:
        return chosen[0]
    names = [d.name for d in usable]
    near = nearest(wanted, names)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise NoDevice(
        f"There is no {noun} {wanted!r}.",
        meant + "There are: " + ", ".join(f"{d.index} {d.name!r}" for d in usable) + ".",
    )


class _Stream:
    """A device, and the stream that is opened to it."""

    _direction: ClassVar[Direction]
    _noun: ClassVar[str]

    def __init__(self, wanted: str = "", rate: int | None = None, latency: float = _LATENCY) -> None:
        """Raises NoDevice, DeviceError."""
        self._device = find_device(wanted, self._direction)
        self.name = self._device.name
        self._asked = latency
        self._stream: Any = None
        self._closing = False
        if rate is not None:
            with _translated(f"{self.name} refuses {rate} samples a second"):
                self._check(1, rate)
        self.rate = rate or (_PREFERRED_RATE if self._accepts(1, _PREFERRED_RATE) else self._device.rate)

    def _check(self, channels: int, rate: int) -> None:
        check = getattr(_sounddevice(), f"check_{self._direction}_settings")
        check(device=self._device.index, channels=channels, dtype="float32", samplerate=rate)

    def _accepts(self, channels: int, rate: int) -> bool:
        try:
            self._check(channels, rate)
        except _sounddevice().PortAudioError:
            return False
        return True

    def _open(self, callback: Callable[..., None], lost: Callable[[str], None], **layout: int) -> None:
        def finished() -> None:
            if not self._closing:
                lost(f"The {self._noun} {self.name} went away.")

        with _translated(f"The {self._noun} {self.name} could not be opened"):
            kind = getattr(_sounddevice(), f"{self._direction.title()}Stream")
            self._stream = kind(
                samplerate=self.rate,
                device=self._device.index,
                dtype="float32",
                latency=self._asked,
                callback=callback,
                finished_callback=finished,
                **layout,
            )
            self._stream.start()

    def close(self) -> None:
        """Let go of the device; what it holds is not played."""
        self._closing = True
        if self._stream is not None:
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)


class DeviceOutput(_Stream):
    """A loudspeaker; implements the player's `Output`."""

    _direction, _noun = "output", _NOUNS["output"]
    paced = True

    @property
    def latency(self) -> float:
        """Seconds from a block being filled to its first sample being heard."""
        return self._asked if self._stream is None else float(self._stream.latency)

    def start(self, fill: Callable[[Samples, float], int], lost: Callable[[str], None]) -> None:
        """Open the device. Raises DeviceError."""
        monotonic = time.monotonic

        def callback(out: Samples, frames: int, times: Any, status: object) -> None:
            # PortAudio's clock is its own; only the distance from its "now" means anything here.
            fill(out[:, 0], monotonic() + (times.outputBufferDacTime - times.currentTime))
            if out.shape[1] > 1:
                out[:, 1:] = out[:, :1]

        self._open(callback, lost, channels=1 if self._accepts(1, self.rate) else 2)

    def nudge(self) -> None:
        """A device asks when it is time."""


class DeviceInput(_Stream):
    """A microphone: calls `take(samples, time, overflowed)` from the sound card's thread for every block."""

    _direction, _noun = "input", _NOUNS["input"]

    def start(self, take: Callable[[Samples, float, bool], None], lost: Callable[[str], None]) -> None:
        """Open the device; `time` is when a block's first sample was in the air. Raises DeviceError."""
        monotonic = time.monotonic

        def callback(block: Samples, frames: int, times: Any, status: Any) -> None:
            adc = monotonic() - (times.currentTime - times.inputBufferAdcTime)
            # PortAudio uses the buffer again: what is kept must be a copy.
            take(np.array(block[:, 0]), adc, bool(status.input_overflow))

        self._open(callback, lost, channels=1, blocksize=round(_BLOCK * self.rate))
