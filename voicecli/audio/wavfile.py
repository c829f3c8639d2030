"""A WAV file written while it happens, whole at any moment even if the program is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from voicecli.audio.block import Samples
from voicecli.audio.outfile import OutFile
from voicecli.audio.pcm import s16_bytes
from voicecli.audio.wav import UNKNOWN, wav_header
from voicecli.errors import SaveError

__all__ = ["INTERVAL", "WavWriter"]

INTERVAL: Final = 0.25  # seconds of sound after which the header is brought up to date
_HEADER: Final = 44  # bytes


class WavWriter:
    """16-bit WAV. Every `write` reaches the operating system before it returns.

    The sizes in the header follow at least every `INTERVAL` seconds of sound, and at each `sync`: killed
    (SIGKILL included), the file is a valid WAV that lacks less than that. Where the disk is full, it holds
    what fitted. A loss of power is another matter. A path that cannot be rewound (a pipe) gets sizes that
    mean "to the end".
    """

    def __init__(self, path: Path, rate: int, channels: int = 1) -> None:
        """Create or overwrite `path`, with its folders. Raises SaveError."""
        self.path = path
        self.rate = rate
        self.channels = channels
        self._stated = 0  # bytes of sound that the header tells of
        self._step = round(INTERVAL * rate) * channels * 2
        self._file = OutFile(path, folders=True)
        self._put(wav_header(rate, channels, 0 if self._file.rewinds else UNKNOWN))

    @property
    def duration(self) -> float:
        """Seconds of sound written."""
        return self._size / (2 * self.channels * self.rate)

    @property
    def _size(self) -> int:
        """Bytes of sound in the file."""
        return max(self._file.size - _HEADER, 0)

    def write(self, samples: Samples) -> None:
        """Append mono samples, the same in every channel. Raises SaveError and closes the file."""
        self._put(s16_bytes(samples, self.channels))
        if self._size - self._stated >= self._step:
            self.sync()

    def sync(self) -> None:
        """Make the header tell of everything written. Raises SaveError."""
        if self._file.closed or self._stated == self._size:
            return
        # Four gigabytes are all that a WAV can state: some 12 hours at 48 kHz.
        width = 2 * self.channels
        stated = min(self._size, (UNKNOWN - _HEADER) // width * width)
        self._file.rewrite(0, wav_header(self.rate, self.channels, stated))
        self._stated = self._size

    def close(self) -> None:
        """Finish the file; again does nothing. Raises SaveError."""
        try:
            self.sync()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except SaveError:
            self.close()  # what fitted is told of
            raise
