"""Models that run in this process: the thread that loads and runs one, and the engine around it."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self, TypeVar

from voicecli.errors import Unavailable, VoiceError
from voicecli.providers.engine import OwnEngine
from voicecli.providers.fetch import Reporter

__all__ = ["Inference", "LocalEngine", "LocalVoice"]

T = TypeVar("T")
Options = TypeVar("Options", bound=Any)

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


class LocalEngine(OwnEngine[Options]):
    """An engine whose model is loaded into this process when it is entered, or first used."""

    _library: ClassVar[str]  # the module that has to be there

    def __init__(self, options: Options | None = None, report: Reporter | None = None) -> None:
        """`report` is told how far the download of a model is."""
        super().__init__(options)
        self._report = report
        self._inference = Inference(self.name)
        self._model: Any = None  # the library's object

    @classmethod
    def missing(cls, options: Options) -> str | None:
        """Say what keeps it from working here, or None; a model that is not here yet is fetched."""
        if importlib.util.find_spec(cls._library) is None:
            return "not installed: pip install 'voicecli[local]'"
        return None

    async def __aenter__(self) -> Self:
        """Fetch and load the model, and run it once, for the first time is slow.

        Raises NotFound, Refused, Unavailable, SaveError.
        """
        try:
            await self._load()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._inference.close()
        self._model = None

    async def _load(self) -> None:
        raise NotImplementedError


class LocalVoice(LocalEngine[Options]):
    """One that speaks, a sentence at a time."""

    def __init__(self, options: Options | None = None, report: Reporter | None = None) -> None:
        super().__init__(options, report)
        self.speed: float = self._options.speed

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield s16le mono, a sentence at a time; nothing for text without anything to say."""
        if not any(character.isalnum() for character in text):
            return
        if self._model is None:
            await self.__aenter__()
        sentences = self._sentences(text)
        while (sound := await self._inference.run(lambda: next(sentences, None))) is not None:
            if sound:
                yield sound

    def _sentences(self, text: str) -> Iterator[bytes]:
        """Run in the model's thread, a step at a time."""
        raise NotImplementedError
