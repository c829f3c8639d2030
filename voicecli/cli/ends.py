"""What `--mic` and `--speaker` name: a device, a file, a pipe, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.audio.fifo import is_fifo
from voicecli.audio.named import is_file, named_microphone, wav_path
from voicecli.cli.console import warn

if TYPE_CHECKING:
    from voicecli.audio.microphone import Microphone
    from voicecli.audio.player import Output
    from voicecli.audio.speaker import Sink

__all__ = ["NULL", "PIPE", "fast_nowhere", "is_file", "kind", "open_microphone", "open_speaker"]

PIPE = "-"
NULL = "null"
PIPE_RATE = 24_000  # samples a second of a loudspeaker that is not a device


async def open_microphone(
    name: str,
    *,
    real_time: bool,
    hold: Callable[[], Awaitable[object]] | None = None,
    linger: Callable[[], bool] | None = None,
) -> Microphone:
    """Raises NoDevice, DeviceError; UsageError or DecodeError for a file that is none or not audio."""
    if name == PIPE:
        from voicecli.audio.microphone import PacedMicrophone, pcm_pieces
        from voicecli.providers.recognizer import LISTENING_RATE

        pieces = pcm_pieces(sys.stdin.buffer)
        return PacedMicrophone(
            "standard input", LISTENING_RATE, pieces, live=True, real_time=real_time, hold=hold, linger=linger
        )
    if is_file(name) and is_fifo(Path(name)):
        warn(f"{name} is a pipe: listening begins when something writes to it.")
    return await named_microphone(name, real_time=real_time, hold=hold, linger=linger)


def open_speaker(name: str, *, real_time: bool, silence: bool = True) -> Output:
    """`silence` says whether a file or pipe gets the time between the sounds too.

    Raises NoDevice, DeviceError; UsageError for a file that is not a WAV, SaveError for one that cannot be
    written.
    """
    from voicecli.audio.portaudio import DeviceOutput
    from voicecli.audio.soundfile import WavWriter
    from voicecli.audio.speaker import FastSpeaker, NullSink, PacedSpeaker, PcmSink

    sink: Sink
    if name == PIPE:
        title, sink = "standard output", PcmSink(sys.stdout.buffer)
    elif name == NULL:
        title, sink = "nowhere", NullSink()
    elif is_file(name):
        title, sink = name, WavWriter(wav_path(name), PIPE_RATE)
    else:
        return DeviceOutput(name)
    if real_time:
        return PacedSpeaker(title, sink, PIPE_RATE, silence=silence)
    return FastSpeaker(title, sink, PIPE_RATE)


def kind(name: str) -> str:
    """What `name` is as a loudspeaker: null, pipe, file or device."""
    return {NULL: NULL, PIPE: "pipe"}.get(name) or ("file" if is_file(name) else "device")


def fast_nowhere(rate: int) -> Output:
    """A loudspeaker that nobody hears and that takes everything at once."""
    from voicecli.audio.speaker import FastSpeaker, NullSink

    return FastSpeaker("nowhere", NullSink(), rate)
