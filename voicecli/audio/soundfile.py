"""A file of encoded sound, written while it is made."""

from __future__ import annotations

from voicecli.audio.block import Samples
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import StreamFormat
from voicecli.audio.outfile import OutFile
from voicecli.errors import SaveError

__all__ = ["SoundFile"]


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
