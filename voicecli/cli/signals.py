"""Requests to end that come from outside: `kill`, a closed terminal."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["until_terminated"]

T = TypeVar("T")


async def until_terminated(work: Awaitable[T]) -> T:
    """Await `work`; SIGTERM and SIGHUP cancel it, as Ctrl-C does, so that everything is closed and saved."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        for number in signals:
            loop.add_signal_handler(number, task.cancel)
    except NotImplementedError:  # Windows: it has no such requests
        signals = []
    try:
        return await work
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
