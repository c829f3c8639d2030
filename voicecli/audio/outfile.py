"""A file that is written while its content is made, and never left worse than it was found."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from io import FileIO
from pathlib import Path

from voicecli.errors import SaveError

__all__ = ["OutFile", "save_failure"]


class OutFile:
    """A file by its name, or a stream that is open already, as standard output.

    What was in the file stays until the first `write`, and a file that was made for nothing goes again. A
    `write` reaches the operating system before it returns, whole or not at all: where the disk is full, the
    file ends with the one before, and nothing is tried again on closing.
    """

    def __init__(self, path: Path, descriptor: int | None = None, *, folders: bool = False) -> None:
        """Open `path`, with its `folders`; `descriptor` is a stream to write to instead. Raises SaveError."""
        self.path = path
        self.size = 0  # bytes that were written
        self._ours = descriptor is None
        self._made = False
        self._begun = False
        self._failure: SaveError | None = None
        try:
            if descriptor is None:
                if folders:
                    path.parent.mkdir(parents=True, exist_ok=True)
                self._made = not path.exists()
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._file = FileIO(descriptor, "wb", closefd=self._ours)
            self._start = _rewritable(self._file)  # None: nothing can be written twice
        except OSError as exc:
            raise save_failure(path, exc) from exc

    @property
    def rewinds(self) -> bool:
        """Whether what was written can be written again."""
        return self._start is not None

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes | bytearray) -> None:
        """Append `data`; even nothing makes the file. Raises SaveError.

        A stream whose reader has gone raises BrokenPipeError.
        """
        if self._file.closed:
            raise self._failure or SaveError(f"{self.path} is closed.")
        view = memoryview(data)
        try:
            if not self._begun:
                self._empty(0)
            while view:
                view = view[self._file.write(view) :]
        except OSError as exc:
            if isinstance(exc, BrokenPipeError) and not self._ours:
                raise
            self._empty(self.size)
            self._failure = save_failure(self.path, exc)
            raise self._failure from exc
        self._begun = True
        self.size += len(data)

    def rewrite(self, at: int, data: bytes) -> None:
        """Put `data` over what was written at `at`, where that is possible. Raises SaveError."""
        if self._start is None or not self._begun or self._file.closed:
            return
        try:
            os.pwrite(self._file.fileno(), data, self._start + at)  # others may go on writing behind the end
        except OSError as exc:
            raise save_failure(self.path, exc) from exc

    def close(self) -> None:
        """Close a file, not a stream; again does nothing. Raises SaveError."""
        if self._file.closed:
            return
        try:
            self._file.close()
            if self._made and not self._begun:
                self.path.unlink(missing_ok=True)
        except OSError as exc:
            raise save_failure(self.path, exc) from exc

    def _empty(self, size: int) -> None:
        """Drop what lies behind the first `size` bytes of a file; a pipe or a device has nothing to drop."""
        if self._ours and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(size)
            self._file.seek(size)


def save_failure(path: Path, exc: OSError) -> SaveError:
    """What the operating system's refusal means for who wanted to save `path`."""
    match exc.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return SaveError(f"Cannot save {path}: the disk is full.", "Free some space, or save elsewhere.")
        case errno.EFBIG:
            return SaveError(f"Cannot save {path}: it may not grow any larger.", "See `ulimit -f`.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return SaveError(f"Cannot save {path}: writing there is not allowed.", "Choose another folder.")
        case errno.EISDIR:
            return SaveError(f"Cannot save {path}: it is a folder.", "Name a file in it.")
        case errno.ENOTDIR | errno.EEXIST:
            return SaveError(f"Cannot save {path}: a part of that path is a file.", "Choose another folder.")
    return SaveError(f"Cannot save {path}: {exc.strerror or exc}.")


def _rewritable(file: FileIO) -> int | None:
    """Where it stands, if what is written now can be written again: standard output may be a file, too."""
    appends = fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND
    return None if appends or not file.seekable() else file.tell()
