"""What `--mic` and `--speaker` name: a device, a file, a pipe, or nothing."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from voicecli.audio.block import Samples
from voicecli.audio.devices import DeviceInput, DeviceOutput
from voicecli.audio.microphone import DeviceMicrophone, Microphone, PacedMicrophone, pcm_pieces
from voicecli.audio.player import Output
from voicecli.audio.recording import open_recording
from voicecli.audio.speaker import FastSpeaker, NullSink, PacedSpeaker, PcmSink, Sink
from voicecli.audio.wavfile import WavWriter
from voicecli.errors import UsageError
from voicecli.providers.recognizer import HEARING_RATE

__all__ = ["NULL", "PIPE", "fast_nowhere", "is_file", "open_microphone", "open_speaker"]

PIPE = "-"
NULL = "null"
PIPE_RATE = 24_000  # samples a second of a loudspeaker that is not a device
_AUDIO = frozenset(
    {".wav", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".flac", ".aac", ".aiff", ".aif", ".webm"}
)


def is_file(name: str) -> bool:
    """Whether the name means a file rather than a device."""
    path = Path(name)
    return path.suffix.lower() in _AUDIO or path.is_file() or "/" in name


def open_microphone(
    name: str,
    *,
    real_time: bool,
    hold: Callable[[], Awaitable[object]] | None = None,
    linger: Callable[[], bool] | None = None,
) -> Microphone:
    """Raises NoDevice, DeviceError; UsageError or DecodeError for a file that is none or not audio."""
    if name == PIPE:
        pieces = pcm_pieces(sys.stdin.buffer)
        return PacedMicrophone(
            "standard input", HEARING_RATE, pieces, live=True, real_time=real_time, hold=hold, linger=linger
        )
    if is_file(name):
        recording = open_recording(Path(name))
        return PacedMicrophone(
            name, recording.rate, _pieces(recording), real_time=real_time, hold=hold, linger=linger
        )
    return DeviceMicrophone(DeviceInput(name))


def open_speaker(name: str, *, real_time: bool, silence: bool = True) -> Output:
    """`silence` says whether a file or pipe gets the time between the sounds too.

    Raises NoDevice, DeviceError; UsageError for a file that is not a WAV, SaveError for one that cannot be
    written.
    """
    sink: Sink
    if name == PIPE:
        title, sink = "standard output", PcmSink(sys.stdout.buffer)
    elif name == NULL:
        title, sink = "nowhere", NullSink()
    elif is_file(name):
        title, sink = name, WavWriter(_wav_path(name), PIPE_RATE)
    else:
        return DeviceOutput(name)
    if real_time:
        return PacedSpeaker(title, sink, PIPE_RATE, silence=silence)
    return FastSpeaker(title, sink, PIPE_RATE)


def _wav_path(name: str) -> Path:
    path = Path(name)
    if path.suffix.lower() not in (".wav", ""):
        raise UsageError(
            f"A loudspeaker's file is a WAV, and {name} is named otherwise.",
            f"Name it {path.with_suffix('.wav').name}; `voicecli tts --out` writes other formats.",
        )
    return path


def fast_nowhere(rate: int) -> Output:
    """A loudspeaker that nobody hears and that takes everything at once."""
    return FastSpeaker("nowhere", NullSink(), rate)


async def _pieces(recording: AsyncIterator[Samples]) -> AsyncIterator[Samples]:
    async for samples in recording:
        yield samples
