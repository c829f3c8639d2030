"""Keeps what passes by in a WAV file, without holding up whoever it passes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from voicecli.audio.block import Block, Samples
from voicecli.audio.player import Output
from voicecli.audio.ring import Ring
from voicecli.audio.soundfile import WavWriter
from voicecli.errors import SaveError

__all__ = ["RecordedOutput", "Recorder"]

_HELD = 10.0  # seconds that may wait for the disk
_EVERY = 0.25  # seconds between two visits to the disk


class Recorder:
    """`push` copies into a ring and returns; a thread brings the ring to the file."""

    def __init__(self, path: Path, rate: int, failed: Callable[[SaveError], None]) -> None:
        """`failed` is called once, from the thread, when the disk takes no more. Raises SaveError."""
        self.path = path
        self._writer = WavWriter(path, rate)
        self._ring = Ring(round(_HELD * rate))
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"record {path.name}", daemon=True)
        self._thread.start()

    def push(self, samples: Samples) -> None:
        """Keep mono samples; what does not fit because the disk hangs is lost."""
        self._ring.push(samples)

    def push_block(self, block: Block) -> None:
        """Keep a microphone's block."""
        self._ring.push(block.samples)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_EVERY):
                self._drain()
            self._drain()
            self._writer.close()
        except SaveError as error:
            self._failed(error)

    def _drain(self) -> None:
        waiting = self._ring.take()
        if len(waiting):
            self._writer.write(waiting)
            self._writer.sync()

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._stopping.set()
        self._thread.join()


class RecordedOutput:
    """An output whose every block is recorded too, silence included: the file is in step with the air."""

    def __init__(self, output: Output, recorder: Recorder) -> None:
        self._output = output
        self._recorder = recorder
        self.name = output.name
        self.rate = output.rate
        self.paced = output.paced

    @property
    def latency(self) -> float:
        """Of the output."""
        return self._output.latency

    def start(self, fill: Callable[[Samples, float], int], lost: Callable[[str], None]) -> None:
        """Start the output."""

        def recorded(out: Samples, time: float) -> int:
            count = fill(out, time)
            self._recorder.push(out)
            return count

        self._output.start(recorded, lost)

    def nudge(self) -> None:
        """Nudge the output."""
        self._output.nudge()

    def close(self) -> None:
        """Close the output."""
        self._output.close()
