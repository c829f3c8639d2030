"""How a command's work is run and ended: by itself, from outside, or by a defect."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["finish", "ignore_interrupts"]

T = TypeVar("T")


def finish(
    work: Coroutine[Any, Any, ExitStatus], loop: Callable[[], AbstractEventLoop] | None = None
) -> None:
    """Run the work of a command, on a loop that `loop` makes, and leave with its exit status."""
    import asyncio

    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            status = runner.run(_until_terminated(work))
    except asyncio.CancelledError:
        status = ExitStatus.INTERRUPTED
    if status == ExitStatus.INTERRUPTED:
        ignore_interrupts()
    if status:
        raise typer.Exit(int(status))


def ignore_interrupts() -> None:
    """Everything is closed and saved: a second Ctrl-C would only change the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


async def _until_terminated(work: Awaitable[T]) -> T:
    """Await `work`; SIGTERM and SIGHUP cancel it, as Ctrl-C does, so that everything is closed and saved.

    So does an exception in a callback (of a key, of a timer), which is then raised: the event loop alone
    would write it down and go on with what is broken.
    """
    import asyncio

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
