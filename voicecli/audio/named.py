"""What the name of a microphone or a loudspeaker means: a device, or a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voicecli.errors import UsageError

if TYPE_CHECKING:
    from voicecli.audio.microphone import Microphone
    from voicecli.audio.player import Output

__all__ = ["is_file", "named_microphone", "named_speaker", "wav_path"]

_RATE: Final = 24_000  # samples a second of a file that stands in for a loudspeaker
_AUDIO: Final = frozenset(
    {".wav", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".flac", ".aac", ".aiff", ".aif", ".webm"}
)


def is_file(name: str) -> bool:
    """Whether the name means a file rather than a device."""
    path = Path(name)
    return path.suffix.lower() in _AUDIO or path.is_file() or "/" in name


async def named_microphone(
    name: str,
    *,
    real_time: bool = True,
    hold: Callable[[], Awaitable[object]] | None = None,
    linger: Callable[[], bool] | None = None,
) -> Microphone:
    """A device by its name, or a recording heard at its own pace.

    Of a recording `real_time`, `hold` and `linger` are as in PacedMicrophone. Raises NoDevice, DeviceError;
    UsageError or DecodeError for a file that is none or not audio.
    """
    import asyncio

    from voicecli.audio.microphone import DeviceMicrophone, PacedMicrophone
    from voicecli.audio.portaudio import DeviceInput
    from voicecli.audio.recording import open_recording

    if not is_file(name):
        return await asyncio.to_thread(lambda: DeviceMicrophone(DeviceInput(name)))
    recording = await open_recording(Path(name))
    return PacedMicrophone(name, recording.rate, recording, real_time=real_time, hold=hold, linger=linger)


def named_speaker(name: str) -> Output:
    """A device by its name, or a WAV file that takes sound as fast as it comes; blocks for a moment.

    Raises NoDevice, DeviceError; UsageError for a file that is not a WAV, SaveError for one that cannot be
    written.
    """
    from voicecli.audio.portaudio import DeviceOutput
    from voicecli.audio.soundfile import WavWriter
    from voicecli.audio.speaker import FastSpeaker

    if not is_file(name):
        return DeviceOutput(name)
    return FastSpeaker(name, WavWriter(wav_path(name), _RATE), _RATE)


def wav_path(name: str) -> Path:
    """The file that stands in for a loudspeaker. Raises UsageError for one that is not a WAV."""
    path = Path(name)
    if path.suffix.lower() not in (".wav", ""):
        raise UsageError(
            f"A loudspeaker's file is a WAV, and {name} is named otherwise.",
            f"Name it {path.with_suffix('.wav').name}; `voicecli tts --out` writes other formats.",
        )
    return path
