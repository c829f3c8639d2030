"""The microphone, the loudspeaker and the sound server, tried out."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from voicecli.audio.portaudio import DeviceInput, DeviceOutput, devices
from voicecli.audio.probe import Probed, probe_microphone, probe_speaker
from voicecli.audio.roundtrip import RoundTrip, round_trip
from voicecli.cli import ends
from voicecli.cli.check import Check, Level, failure, in_background, note, ok, problem
from voicecli.cli.machine import install
from voicecli.config import Settings
from voicecli.errors import ExitStatus, NoDevice, SaveError, VoiceError

__all__ = [
    "device_checks",
    "judge_microphone",
    "judge_round_trip",
    "judge_speaker",
    "needs_devices",
    "server_check",
]

T = TypeVar("T")

_LIMIT = 8.0  # seconds for a device, from opening it to closing it
_LISTENED = 10.0  # seconds of a file in which there should be something
_LATE = 0.3  # seconds of latency that make themselves felt
_DRIFT = 0.1  # of the rate; what remains is the unevenness of a short measurement
_WRONG = 0.05  # seconds by which the devices' times may contradict each other: a large room is 30 ms
_SLOW = 0.4  # seconds from the program to the air and back
_ECHO = -50.0  # dB from which the loudspeaker is loud enough at the microphone to be taken for speech
_TRIP = "round trip"
_CONNECT = 0.3  # seconds for a sound server to take a connection
# Where a sound server's socket may be: below the folder that a variable names.
_PLACES = (
    ("PulseAudio", "PULSE_RUNTIME_PATH", "native"),
    ("PulseAudio", "XDG_RUNTIME_DIR", "pulse/native"),
    ("PipeWire", "PIPEWIRE_RUNTIME_DIR", "pipewire-0"),
    ("PipeWire", "XDG_RUNTIME_DIR", "pipewire-0"),
)
_START = (
    "Start a sound server: `systemctl --user start pipewire pipewire-pulse wireplumber`, "
    "or `pulseaudio --start`."
)
_FILES = "Or give files: --mic question.wav --speaker answer.wav, or type: `voicecli talk --text`."


def needs_devices(settings: Settings) -> bool:
    """Whether a conversation opens a microphone or a loudspeaker."""
    return _is_device(str(settings.mic.device)) or _is_device(str(settings.speaker.device))


async def device_checks(settings: Settings, quiet: bool = False) -> list[Check]:
    """Try out the microphone and the loudspeaker that a conversation would use; unless `quiet`, together."""
    mic, speaker = str(settings.mic.device), str(settings.speaker.device)
    found = list(await asyncio.gather(_microphone(mic), _speaker(speaker)))
    if _is_device(mic) and _is_device(speaker) and all(check.level is not Level.PROBLEM for check in found):
        found.append(note(_TRIP, "not tried: no sound is wanted") if quiet else await _trip(mic, speaker))
    return found


async def _tried(name: str, probe: Callable[[threading.Event], T], judge: Callable[[T], Check]) -> Check:
    """What `judge` says of what `probe` finds, or of why it finds nothing."""
    try:
        return judge(await in_background(probe, _LIMIT))
    except TimeoutError:
        detail = f"opening it did not end within {_LIMIT:.0f} seconds"
        return problem(name, detail, f"Restart the sound server. {_FILES}", ExitStatus.NO_DEVICE)
    except ImportError as error:
        return problem(name, f"the sound card cannot be reached: {error}")
    except NoDevice as error:
        hint = error.hint
        if sys.platform == "linux" and not _cards() and "PortAudio" not in error.message:
            hint = f"Start a sound server, as above. {_FILES}"
        return problem(name, error.message.rstrip("."), hint, ExitStatus.NO_DEVICE)
    except VoiceError as error:
        return failure(name, error)


async def _trip(mic: str, speaker: str) -> Check:
    both = partial(DeviceInput, mic), partial(DeviceOutput, speaker)
    return await _tried(_TRIP, partial(round_trip, *both), judge_round_trip)


def judge_round_trip(trip: RoundTrip | None) -> Check:
    """What a sweep that came back, or did not, says."""
    if trip is None:
        return note(
            _TRIP,
            "the microphone does not hear the loudspeaker",
            "With headphones that is as it should be. Otherwise look at the volume of both.",
        )
    detail = (
        f"{trip.whole * 1000:.0f} ms from the program to the air and back, heard at {trip.level:+.0f} dB; "
        f"the stated times are right to {abs(trip.error) * 1000:.0f} ms"
    )
    if abs(trip.error) > _WRONG:
        return note(
            _TRIP,
            detail,
            "What is reported as voice_to_voice is wrong by as much: restart the sound server, or choose "
            "devices of one card, not of Bluetooth.",
        )
    if trip.whole > _SLOW:
        return note(_TRIP, f"{detail}; that is slow", "Bluetooth and busy machines do that: try a cable.")
    if trip.level > _ECHO:
        return note(
            _TRIP,
            f"{detail}; the microphone hears your loudspeaker, and answers may be taken for you",
            "Use headphones, turn it down, or talk with --no-barge-in.",
        )
    return ok(_TRIP, detail)


async def _microphone(name: str) -> Check:
    if name == ends.PIPE:
        return ok("microphone", "standard input")
    if _is_device(name):
        return await _tried("microphone", partial(probe_microphone, name), judge_microphone)
    try:
        silent = await asyncio.to_thread(_is_silent, name)
    except VoiceError as error:
        return failure("microphone", error)
    if silent:
        detail = f"the file {name} begins with {_LISTENED:.0f} seconds of zeros, or holds nothing else"
        return note("microphone", detail, "Nothing can be heard in that: listen to it.")
    return ok("microphone", f"the file {name}")


async def _speaker(name: str) -> Check:
    match ends.kind(name):
        case "pipe":
            return ok("loudspeaker", "standard output")
        case "null":
            return ok("loudspeaker", "nowhere")
        case "device":
            return await _tried("loudspeaker", partial(probe_speaker, name), judge_speaker)
    return await asyncio.to_thread(_file_to_write, name)


def judge_microphone(probed: Probed) -> Check:
    """What half a second of listening says."""
    if not probed.blocks:
        detail = f"{probed.name} was opened and sends nothing"
        return problem("microphone", detail, f"{_allow()} {_FILES}", ExitStatus.NO_DEVICE)
    detail = _described(probed)
    if probed.peak == 0.0:
        return note("microphone", f"{detail}; nothing but zeros: muted, or not permitted?", _allow())
    detail += f", loudest {20 * math.log10(probed.peak):.0f} dBFS"
    if probed.overflows:
        lost = f"{detail}; {probed.overflows} times sound was lost"
        return note("microphone", lost, "Something keeps this machine busy: look at its load.")
    return _steady("microphone", probed, detail)


def judge_speaker(probed: Probed) -> Check:
    """What half a second of silence says."""
    if not probed.blocks:
        detail = f"{probed.name} was opened and plays nothing"
        remedy = f"Choose another: `voicecli devices`. {_FILES}"
        return problem("loudspeaker", detail, remedy, ExitStatus.NO_DEVICE)
    return _steady("loudspeaker", probed, _described(probed))


def server_check(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Check:
    """Which sound server takes connections, and what stands in for one."""
    if platform == "darwin":
        return ok("sound server", "Core Audio")
    answering: list[str] = []
    silent: list[str] = []
    for path, server in _sockets(environ).items():
        if path.exists():
            (answering if _takes_connections(path) else silent).append(f"{server} at {path}")
    if answering:
        return _plugged(" and ".join(answering))
    remote = environ.get("PULSE_SERVER", "")
    if remote and not _unix_path(remote):
        return ok("sound server", f"PulseAudio at {remote} (PULSE_SERVER)")
    if silent:
        detail = f"{' and '.join(silent)} has gone: its socket answers no more"
        return note("sound server", detail, _START)
    cards = _cards()
    if cards:
        return ok("sound server", f"none; ALSA speaks to {', '.join(cards)} itself")
    lacking = "" if environ.get("XDG_RUNTIME_DIR") else " (XDG_RUNTIME_DIR is not set)"
    return note("sound server", f"none runs{lacking}, and there is no sound card", _START)


def _is_device(name: str) -> bool:
    return ends.kind(name) == "device"


def _is_silent(name: str) -> bool:
    """Whether there is nothing but zeros where the file begins. Raises UsageError, DecodeError."""
    from voicecli.audio.fifo import is_fifo
    from voicecli.audio.recording import Recording

    if is_fifo(Path(name)):  # a look would take what its writer writes
        return False
    with Recording(Path(name)) as recording:
        listened = 0
        for samples in recording:
            listened += len(samples)
            if samples.any():
                return False
            if listened >= _LISTENED * recording.rate:
                break
    return True


def _file_to_write(name: str) -> Check:
    folder = Path(name).expanduser().parent
    if folder.is_dir():
        return ok("loudspeaker", f"the file {name}")
    return failure("loudspeaker", SaveError(f"There is no folder {folder}.", "Make it, or name another."))


def _described(probed: Probed) -> str:
    measured = "" if probed.measured_rate is None else f" ({probed.measured_rate / 1000:.1f} kHz measured)"
    return (
        f"{probed.name}: {probed.rate} Hz{measured}, blocks of {probed.block * 1000:.0f} ms, "
        f"latency {probed.latency * 1000:.0f} ms"
    )


def _steady(name: str, probed: Probed, detail: str) -> Check:
    measured = probed.measured_rate
    if measured is not None and abs(measured / probed.rate - 1) > _DRIFT:
        remedy = "If it persists, sound will stutter: restart the sound server, or choose another device."
        return note(name, f"{detail}; it does not keep its rate", remedy)
    if probed.latency > _LATE:
        remedy = "Every answer waits for it: restart the sound server, or choose another device."
        return note(name, f"{detail}; that is late", remedy)
    return ok(name, detail)


def _sockets(environ: Mapping[str, str]) -> dict[Path, str]:
    """Which sound server each socket is of."""
    named = _unix_path(environ.get("PULSE_SERVER", ""))
    found = {Path(named): "PulseAudio"} if named else {}
    for server, variable, below in _PLACES:
        if folder := environ.get(variable):
            found.setdefault(Path(folder) / below, server)
    return found


def _unix_path(server: str) -> str:
    """The socket that PULSE_SERVER names: `unix:/path`, `/path`, or either after `{machine}`."""
    server = server.split(" ")[0].rpartition("}")[2]
    path = server.removeprefix("unix:")
    return path if path.startswith("/") else ""


def _takes_connections(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_CONNECT)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _plugged(servers: str) -> Check:
    """The server is there; ALSA, through which PortAudio goes, must know it."""
    try:
        found = devices()
    except (VoiceError, ImportError):
        found = None
    if found is None or found:
        return ok("sound server", servers)
    detail = f"{servers}; but ALSA, which PortAudio uses, does not lead there"
    return note("sound server", detail, f"{install('alsa plug-ins')} (with PipeWire: pipewire-alsa)")


def _cards(listing: Path = Path("/proc/asound/cards")) -> list[str]:
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition("]:")[2].strip() for line in lines if "]:" in line]


def _allow() -> str:
    if sys.platform == "darwin":
        return "Allow the terminal in System Settings, Privacy & Security, Microphone."
    return "Unmute it (`pactl set-source-mute @DEFAULT_SOURCE@ 0`), or choose another: `voicecli devices`."
