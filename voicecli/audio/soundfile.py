"""Files of sound, written while it is made; a WAV is whole at any moment, even if the program is killed."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from voicecli.audio.block import Samples
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import StreamFormat
from voicecli.audio.outfile import OutFile
from voicecli.audio.pcm import MULAW_RATE, s16_bytes
from voicecli.errors import SaveError
from voicecli.wire.riff import WavLayout, riff_header

__all__ = ["INTERVAL", "SoundFile", "WavFile", "WavWriter", "mulaw_file"]

INTERVAL: Final = 0.25  # seconds of sound after which the header of a WAV is brought up to date
_LARGEST: Final = (1 << 32) - 60  # bytes of sound: all that a WAV can state, some 12 hours at 48 kHz


class SoundFile:
    """Mono samples into a file of any codec; `WavWriter` knows more of WAV.

    Closed, it tells its length where the codec has words for it. Where the disk is full, it holds what fits.
    What cannot be rewound (a pipe) gets a stream.
    """

    def __init__(self, file: OutFile, format: StreamFormat) -> None:
        """Raises UsageError as `open_encoder`."""
        self._file = file
        self._encoder = open_encoder(format, rewinds=file.rewinds)

    def write(self, samples: Samples) -> None:
        """Append samples at the format's rate. Raises SaveError and closes the file."""
        self._put(self._encoder.encode(samples))

    def close(self) -> None:
        """Finish the file; again does nothing. Raises SaveError."""
        if self._file.closed:
            return
        try:
            self._put(self._encoder.flush())
        finally:
            self._file.close()

    def _put(self, data: bytes) -> None:
        try:
            if data:
                self._file.write(data)
        except SaveError:
            self._file.close()
            raise
        for at, patch in self._encoder.patches():
            self._file.rewrite(at, patch)


class WavFile:
    """Any layout. Every `write` reaches the operating system before it returns.

    The sizes in the header follow at least every `INTERVAL` seconds of sound, and at each `sync`: killed
    (SIGKILL included), the file is a valid WAV that lacks less than that. Where the disk is full, it holds
    what fitted. A loss of power is another matter. A path that cannot be rewound (a pipe) gets sizes that
    mean "to the end".
    """

    def __init__(self, path: Path, layout: WavLayout) -> None:
        """Create or overwrite `path`, with its folders. Raises SaveError."""
        self._layout = layout
        self._size = 0  # bytes of sound in the file
        self._stated = 0  # bytes of sound that the header tells of
        self._file = OutFile(path, folders=True)
        self._put(riff_header(layout, 0 if self._file.rewinds else None))

    def sync(self) -> None:
        """Make the header tell of everything written. Raises SaveError."""
        if self._file.closed or self._stated == self._size:
            return
        stated = min(self._size, _LARGEST - _LARGEST % self._layout.frame)
        self._file.rewrite(0, riff_header(self._layout, stated))
        self._stated = self._size

    def close(self) -> None:
        """Finish the file; again does nothing. Raises SaveError."""
        if self._file.closed:
            return
        try:
            if self._size % 2:
                self._put(b"\0")  # chunks are even
            self.sync()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def append(self, data: bytes | bytearray) -> None:
        """Append bytes of sound. Raises SaveError and closes the file."""
        self._put(data)
        self._size += len(data)
        if self._size - self._stated >= round(INTERVAL * self._layout.rate) * self._layout.frame:
            self.sync()

    def _put(self, data: bytes | bytearray) -> None:
        try:
            self._file.write(data)
        except SaveError:
            self._size -= self._size % 2  # there is no room to make it even
            self.close()  # what fitted is told of
            raise


class WavWriter(WavFile):
    """16-bit WAV of mono samples."""

    def __init__(self, path: Path, rate: int) -> None:
        """Create or overwrite `path`, with its folders. Raises SaveError."""
        super().__init__(path, WavLayout("integer", 16, 1, rate))

    def write(self, samples: Samples) -> None:
        """Append mono samples. Raises SaveError and closes the file."""
        self.append(s16_bytes(samples))


def mulaw_file(path: Path) -> WavFile:
    """Create or overwrite a WAV file of telephone sound, with its folders. Raises SaveError."""
    return WavFile(path, WavLayout("mu-law", 8, 1, MULAW_RATE))
