"""Single keys from a terminal, while the screen is being drawn."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ESCAPE", "pressed_keys"]

ESCAPE = "\x1b"


@contextmanager
def pressed_keys(on_key: Callable[[str], None]) -> Iterator[bool]:
    """Call `on_key` for every key pressed inside; the terminal is as it was before on every way out.

    Gives whether there is a terminal to press keys on. Arrow keys and the like are left out.
    """
    try:
        import termios
        import tty
    except ImportError:  # no such terminals on this system
        yield False
        return
    if not sys.stdin.isatty():
        yield False
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    loop = asyncio.get_running_loop()

    def read() -> None:
        typed = os.read(number, 64).decode(errors="ignore")
        if typed.startswith(ESCAPE) and len(typed) > 1:
            return  # a key that sends a sequence
        for key in typed:
            on_key(key)

    try:
        tty.setcbreak(number)
        loop.add_reader(number, read)
        yield True
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)
