"""Lines that are typed or piped, one after another."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from io import BufferedReader, FileIO

__all__ = ["cleaned", "typed_lines"]

_PROMPT = "you    "


def cleaned(line: str) -> str:
    """The line without what a terminal or an engine would take for a command; "" is not worth saying."""
    return "".join(letter if letter.isprintable() else " " for letter in line).strip()


async def typed_lines() -> AsyncIterator[str]:
    """Yield the lines of standard input without their ends; where somebody types, a prompt is written."""
    # A daemon thread, not the loop's executor: a line that is never typed must not hold up the exit. It has
    # a reader of its own, for that of `sys.stdin` would still be locked when Python ends.
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue(1)
    asked = threading.Semaphore(0)
    typing = sys.stdin.isatty()
    source = BufferedReader(FileIO(sys.stdin.fileno(), closefd=False))

    def read() -> None:
        while True:
            asked.acquire()
            if typing:
                sys.stderr.write(_PROMPT)
                sys.stderr.flush()
            try:
                line = source.readline()
            except OSError:  # the terminal has gone
                line = b""
            try:
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
            except (RuntimeError, CancelledError):  # the loop has ended
                return
            if not line:
                return

    threading.Thread(target=read, name="typing", daemon=True).start()
    while True:
        asked.release()
        line = await lines.get()
        if not line:
            return
        yield line.decode(errors="replace").removesuffix("\n").rstrip("\r")
