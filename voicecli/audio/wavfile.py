"""A WAV file written while it happens, whole at any moment even if the program is killed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import IO, Final, Self

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.audio.wav import UNKNOWN, wav_header
from voicecli.errors import SaveError

__all__ = ["INTERVAL", "WavWriter", "save_failure"]

INTERVAL: Final = 0.25  # seconds of sound after which the header is brought up to date
_HEADER: Final = 44  # bytes


class WavWriter:
    """16-bit WAV. Every `write` reaches the operating system before it returns.

    The sizes in the header follow at least every `INTERVAL` seconds of sound, and at each `sync`: killed
    (SIGKILL included), the file is a valid WAV that lacks less than that. A loss of power is another matter.
    A path that cannot be rewound (a pipe) gets sizes that mean "to the end".
    """

    def __init__(self, path: Path, rate: int, channels: int = 1) -> None:
        """Create or overwrite `path`, with its folders. Raises SaveError."""
        self.path = path
        self.rate = rate
        self.channels = channels
        self._size = 0  # bytes of sound in the file
        self._stated = 0  # bytes of sound that the header tells of
        self._step = round(INTERVAL * rate) * channels * 2
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] | None = path.open("wb", buffering=0)
            self._rewinds = self._file.seekable() and not path.is_fifo()
        except OSError as exc:
            raise save_failure(path, exc) from exc
        self._put(wav_header(rate, channels, 0 if self._rewinds else UNKNOWN))

    @property
    def duration(self) -> float:
        """Seconds of sound written."""
        return self._size / (2 * self.channels * self.rate)

    def write(self, samples: Samples) -> None:
        """Append mono samples, the same in every channel. Raises SaveError and closes the file."""
        data = s16_bytes(samples, self.channels)
        self._put(data)
        self._size += len(data)
        if self._size - self._stated >= self._step:
            self.sync()

    def sync(self) -> None:
        """Make the header tell of everything written. Raises SaveError."""
        if self._file is None or not self._rewinds or self._stated == self._size:
            return
        # Four gigabytes are all that a WAV can state: some 12 hours at 48 kHz.
        width = 2 * self.channels
        stated = min(self._size, (UNKNOWN - _HEADER) // width * width)
        try:
            self._file.seek(0)
            self._file.write(wav_header(self.rate, self.channels, stated))
            self._file.seek(0, 2)
        except OSError as exc:
            raise self._broken(exc) from exc
        self._stated = self._size

    def close(self) -> None:
        """Finish the file; again does nothing. Raises SaveError."""
        if self._file is None:
            return
        self.sync()
        file, self._file = self._file, None
        try:
            file.close()
        except OSError as exc:
            raise save_failure(self.path, exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _put(self, data: bytes) -> None:
        if self._file is None:
            raise SaveError(f"{self.path} is closed.")
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as exc:
            raise self._broken(exc) from exc

    def _broken(self, exc: OSError) -> SaveError:
        """Close what can no longer be written; what is in the file stays."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as again:
                return save_failure(self.path, again)
        return save_failure(self.path, exc)


def save_failure(path: Path, exc: OSError) -> SaveError:
    """What the operating system's refusal means for who wanted to save `path`."""
    match exc.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return SaveError(f"Cannot save {path}: the disk is full.", "Free some space, or save elsewhere.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return SaveError(f"Cannot save {path}: writing there is not allowed.", "Choose another folder.")
        case errno.EISDIR:
            return SaveError(f"Cannot save {path}: it is a folder.", "Name a file in it.")
        case errno.ENOTDIR | errno.EEXIST:
            return SaveError(f"Cannot save {path}: a part of that path is a file.", "Choose another folder.")
    return SaveError(f"Cannot save {path}: {exc.strerror or exc}.")
