"""What ends a command from outside its own course: `kill`, a closed terminal, a defect in a callback."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from typing import Any, TypeVar

__all__ = ["until_terminated"]

T = TypeVar("T")


async def until_terminated(work: Awaitable[T]) -> T:
    """Await `work`; SIGTERM and SIGHUP cancel it, as Ctrl-C does, so that everything is closed and saved.

    So does an exception in a callback (of a key, of a timer), which is then raised: the event loop alone
    would write it down and go on with what is broken.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    defects: list[BaseException] = []

    def on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None or "handle" not in context:
            loop.default_exception_handler(context)
            return
        defects.append(error)
        task.cancel()

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        for number in signals:
            loop.add_signal_handler(number, task.cancel)
    except NotImplementedError:  # Windows: it has no such requests
        signals = []
    loop.set_exception_handler(on_exception)
    try:
        result = await work
    except asyncio.CancelledError:
        if not defects:
            raise
    finally:
        loop.set_exception_handler(None)
        for number in signals:
            loop.remove_signal_handler(number)
    if defects:
        raise defects[0]
    return result
