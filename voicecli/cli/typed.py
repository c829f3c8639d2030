"""Lines that are typed or piped, one after another."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError

__all__ = ["cleaned", "typed_lines"]

_READ = 65_536  # bytes at once
_PROMPT = "you    "


def cleaned(line: str) -> str:
    """The line without what a terminal or an engine would take for a command; "" is not worth saying."""
    return "".join(letter if letter.isprintable() else " " for letter in line).strip()


async def typed_lines() -> AsyncIterator[str]:
    """Yield the lines of standard input without their ends; where somebody types, a prompt is written."""
    # A daemon thread, not the loop's executor: a line that is never typed must not hold up the exit. It reads
    # from the system, not from `sys.stdin`, whose lock a waiting reader would still hold when Python ends.
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue(1)
    asked = threading.Semaphore(0)
    typing = sys.stdin.isatty()
    source = _Lines(sys.stdin.fileno())

    def read() -> None:
        while True:
            asked.acquire()
            if typing:
                sys.stderr.write(_PROMPT)
                sys.stderr.flush()
            line = source.next()
            try:
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
            except (RuntimeError, CancelledError):  # the loop has ended
                return
            if line is None:
                return

    threading.Thread(target=read, name="typing", daemon=True).start()
    while True:
        asked.release()
        line = await lines.get()
        if line is None:
            return
        yield line


class _Lines:
    """Cuts what a file descriptor gives into lines."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting = b""
        self._ended = False

    def next(self) -> str | None:
        """The next line, None after the last; blocks until it is there."""
        while b"\n" not in self._waiting and not self._ended:
            try:
                data = os.read(self._number, _READ)
            except OSError:  # the terminal has gone
                data = b""
            self._waiting += data
            self._ended = not data
        if not self._waiting:
            return None
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")
