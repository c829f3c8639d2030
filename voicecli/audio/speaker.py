"""Loudspeakers that are not devices: a file, a pipe, or nothing at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Protocol, TypeAlias

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import VoiceError

__all__ = ["FastSpeaker", "NullSink", "PacedSpeaker", "PcmSink", "Sink"]

Fill: TypeAlias = Callable[[Samples, float], int]

_BLOCK = 0.01  # seconds: what a sound card would ask for


class Sink(Protocol):
    """Where blocks go instead of into the air."""

    def write(self, samples: Samples) -> None: ...

    def close(self) -> None: ...


class NullSink:
    """Hears nothing."""

    def write(self, samples: Samples) -> None:
        pass

    def close(self) -> None:
        pass


class PcmSink:
    """Headerless s16le on a pipe."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def write(self, samples: Samples) -> None:
        self._pipe.write(s16_bytes(samples))
        self._pipe.flush()

    def close(self) -> None:
        pass


class PacedSpeaker:
    """Takes a block every 10 ms as a sound card would, on a thread of its own.

    With `silence` the sink gets the time between the sounds as well: a file is then in step with the
    conversation.
    """

    paced = True
    latency = _BLOCK

    def __init__(self, name: str, sink: Sink, rate: int, *, silence: bool = True) -> None:
        self.name = name
        self.rate = rate
        self._sink = sink
        self._silence = silence
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, fill: Fill, lost: Callable[[str], None]) -> None:
        """Begin to ask for blocks."""
        self._thread = threading.Thread(target=self._run, args=(fill, lost), name="speaker", daemon=True)
        self._thread.start()

    def _run(self, fill: Fill, lost: Callable[[str], None]) -> None:
        out = np.zeros(round(_BLOCK * self.rate), np.float32)
        began = time.monotonic()
        blocks = 0
        while not self._stopping.is_set():
            # A block is in the air while the next one is being asked for, as with a device.
            count = fill(out, began + (blocks + 1) * _BLOCK)
            blocks += 1
            if self._silence or count:
                try:
                    self._sink.write(out if self._silence else out[:count])
                except (OSError, VoiceError) as error:
                    lost(_reason(self.name, error))
                    return
            self._stopping.wait(max(0.0, began + blocks * _BLOCK - time.monotonic()))

    def nudge(self) -> None:
        """A paced speaker asks when it is time."""

    def close(self) -> None:
        """Stop asking, and close the sink."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._sink.close()


class FastSpeaker:
    """Takes sound as fast as it is made; only the order of things means anything, not their times."""

    paced = False
    latency = 0.0

    def __init__(self, name: str, sink: Sink, rate: int) -> None:
        self.name = name
        self.rate = rate
        self._sink = sink
        self._out = np.zeros(round(_BLOCK * rate), np.float32)
        self._fill: Fill | None = None
        self._lost: Callable[[str], None] | None = None

    def start(self, fill: Fill, lost: Callable[[str], None]) -> None:
        """From now on `nudge` takes what there is."""
        self._fill, self._lost = fill, lost

    def nudge(self) -> None:
        """Take everything that is waiting."""
        if self._fill is None or self._lost is None:
            return
        try:
            while count := self._fill(self._out, time.monotonic()):
                self._sink.write(self._out[:count])
        except (OSError, VoiceError) as error:
            self._lost(_reason(self.name, error))

    def close(self) -> None:
        """Close the sink."""
        self._fill = None
        self._sink.close()


def _reason(name: str, error: Exception) -> str:
    """Why a speaker of that name is no more."""
    gone = isinstance(error, BrokenPipeError)
    return f"The reader of {name} went away." if gone else f"{name} could not be written: {error}"
