"""How long one step on an event loop keeps everybody else waiting."""

import asyncio
import time
from asyncio.events import Handle
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import patch

__all__ = ["cpu_time", "longest_step"]


def cpu_time(work: Callable[[], object], runs: int = 3) -> float:
    """Seconds that this thread computes for `work`: the least of some runs, as others use the machine too."""
    times = []
    for _ in range(runs):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)


def longest_step(scene: Callable[[], Coroutine[Any, Any, object]], runs: int = 3) -> float:
    """Seconds that the longest step on the loop computes while `scene` runs: the least of some runs."""
    run = Handle._run
    longest: list[float] = []

    def timed(handle: Handle) -> None:
        began = time.thread_time()
        run(handle)
        longest[-1] = max(longest[-1], time.thread_time() - began)

    for _ in range(runs):
        longest.append(0.0)
        with patch.object(Handle, "_run", timed):
            asyncio.run(scene())
    return min(longest)
