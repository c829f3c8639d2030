"""A model that runs in this process: one thread that loads it and runs it, first come first served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from voicecli.errors import Unavailable, VoiceError

__all__ = ["Inference"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Inference:
    """Two calls at once would only slow each other: who came first is served, and heard, first."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, function: Callable[[], T]) -> T:
        """The result of `function`, which nothing on the event loop waits for.

        Cancelling abandons a call that waits for its turn; one that runs goes on to its end unheard.
        Raises Unavailable for whatever the engine's library raises.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix=self._engine)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._translated, function)

    def _translated(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except VoiceError:
            raise
        except Exception as exc:  # onnxruntime's errors, for one, have no other base
            _log.debug("%s failed", self._engine, exc_info=True)
            raise Unavailable(f"{self._engine} failed: {exc or type(exc).__name__}.") from exc

    def close(self) -> None:
        """Give up what waits; the thread ends after what runs."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None
