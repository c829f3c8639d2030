"""Named pipes: reading that waits for a writer, and that closing ends."""

from __future__ import annotations

import io
import os
import select
import stat
import threading
from pathlib import Path

__all__ = ["Fifo", "is_fifo"]


def is_fifo(path: Path) -> bool:
    """Whether there is a named pipe of this name."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


class Fifo(io.RawIOBase):
    """A named pipe for one reading thread; `close`, from any other, ends what it waits for.

    An ordinary file object cannot be closed while it is read, nor opened before there is a writer.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._woken, self._wake = os.pipe()
        self._over = False
        self._reading = threading.Lock()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, fewer only at the end; waits for them, and before the first for a writer."""
        data = bytearray()
        with self._reading:
            while size < 0 or len(data) < size:
                piece = self._next(io.DEFAULT_BUFFER_SIZE if size < 0 else size - len(data))
                if not piece:
                    break
                data += piece
        return bytes(data)

    def _next(self, size: int) -> bytes:
        waiting = select.poll()
        waiting.register(self._pipe, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        if not self._over:
            waiting.poll()
        return b"" if self._over else os.read(self._pipe, size)

    def close(self) -> None:
        """End it; a `read` under way returns what it has."""
        if not self._over:
            self._over = True
            os.write(self._wake, b"-")
            with self._reading:
                for number in (self._pipe, self._woken, self._wake):
                    os.close(number)
        super().close()
