"""Tasks that end together, and waits that are ended from outside, the way `asyncio.timeout` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

__all__ = ["Interruption", "failure_of", "leaving", "stopped", "together", "watched"]

_AGAIN = 0.02  # seconds until a wait that was cancelled by others is looked at again


class Interruption:
    """`with interruption:` around an await; `fire()` ends that await and whatever it would wait for.

    The waiting task is cancelled and the cancellation taken back where it leaves the `with`, so that `fired`
    tells what happened. A cancellation from elsewhere passes. Once fired, it also ends every later wait.
    """

    __slots__ = ("_before", "_cancelled", "_task", "fired")

    def __init__(self) -> None:
        self.fired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelled = False
        self._before = 0  # cancellations of the task that were not ours

    @property
    def task(self) -> asyncio.Task[object] | None:
        """The task that is inside the `with`."""
        return self._task

    def fire(self) -> None:
        """End the wait."""
        self.fired = True
        task = self._task
        if task is None or self._cancelled:
            return
        if task is asyncio.current_task():  # not before it waits: it may leave without
            asyncio.get_running_loop().call_soon(self.fire)
        elif task.cancelling() > self._before:  # it leaves already; a second time would disturb it
            task.get_loop().call_later(_AGAIN, self.fire)
        else:
            self._cancelled = task.cancel()

    def fire_after(self, task: asyncio.Task[Any]) -> None:
        """End the wait when `task` fails."""
        task.add_done_callback(lambda task: None if failure_of(task) is None else self.fire())

    def __enter__(self) -> None:
        self._task = task = asyncio.current_task()
        self._before = 0 if task is None else task.cancelling()
        if self.fired:
            self.fire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        if task is None or not self._cancelled:
            return False
        self._cancelled = False
        left = task.uncancel()
        return kind is not None and issubclass(kind, asyncio.CancelledError) and left <= self._before


@asynccontextmanager
async def watched(event: asyncio.Event, interruption: Interruption) -> AsyncIterator[None]:
    """Fire the interruption when the event is set."""
    watch = asyncio.create_task(event.wait(), name="flow")
    watch.add_done_callback(lambda watch: None if watch.cancelled() else interruption.fire())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])


def leaving() -> bool:
    """Whether the running task was cancelled and its source would not have it.

    An end of the channel is no reason to leave: the cancellation that follows would disturb the cleaning up.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def together(*runs: Coroutine[Any, Any, None]) -> None:
    """Run all; the first failure cancels the others and is raised when they have ended."""
    if len(runs) == 1:
        await runs[0]
        return
    tasks = [asyncio.create_task(run, name="flow") for run in runs]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        running = [task for task in tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
    failures = [failure for task in tasks if (failure := failure_of(task)) is not None]
    if failures:
        raise failures[0]
    if any(task.cancelled() and task not in running for task in tasks):
        raise asyncio.CancelledError  # by what it awaited


async def stopped(task: asyncio.Task[Any]) -> bool:
    """Cancel a task and wait for its end; whether it was running. Raises what it raised."""
    running = not task.done()
    if running:
        if not task.cancelling():  # a second cancellation would disturb the cleaning up
            task.cancel()
        await asyncio.wait([task])
    if (error := failure_of(task)) is not None:
        raise error
    return running


def failure_of(task: asyncio.Task[Any]) -> BaseException | None:
    """What a task that has ended raised; a cancellation is none."""
    return None if task.cancelled() else task.exception()
