"""The voice detector of all streams: the windows that are due are judged together, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self, TypeAlias, TypeVar

from voicecli.audio.block import Samples
from voicecli.errors import ProviderError, VoiceError
from voicecli.providers.choose import Choice
from voicecli.providers.registry import engine_class
from voicecli.speech.silero import SileroDetector, SileroModel, SileroState
from voicecli.speech.vad import WINDOW_SECONDS, VoiceDetector, Window
from voicecli.workers.pool import PoolObserver

__all__ = ["Judge", "VoiceBatch", "VoiceOptions", "VoiceStream", "judge_of"]

log = logging.getLogger(__name__)

T = TypeVar("T")

Judged: TypeAlias = float | VoiceError
Round: TypeAlias = list[tuple["VoiceStream", Any, Window]]
"""One window of each of some streams, with the state to judge it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceOptions:
    gather: float = 0.016  # seconds at most that a window waits for those of other streams
    share: float = 0.0004  # seconds of that for each open stream: few streams hardly wait
    windows: int = 128  # judged at most before the results are told
    rounds: int = 16  # windows of one stream among them at most

    def __post_init__(self) -> None:
        if self.gather < 0 or self.share < 0 or self.windows < 1 or self.rounds < 1:
            raise ValueError("gather and share must not be negative, windows and rounds at least 1")


class Judge(Protocol):
    """Judges windows of many streams; called in one thread at a time."""

    def state(self) -> Any:
        """What it remembers of a new stream."""
        ...

    def judge(self, windows: Sequence[Samples], states: Sequence[Any]) -> Sequence[Judged]:
        """The probability of each window, or why there is none. Never raises."""
        ...


def judge_of(choice: Choice[VoiceDetector], batched: bool = True) -> Judge:
    """The detector that was chosen, for many streams."""
    if batched and isinstance(choice.engine, SileroDetector):
        return _Together(SileroModel.shared(choice.engine.options.path))
    return _Apart(choice.name, choice.options)


class VoiceStream:
    """One stream's place among the others."""

    __slots__ = ("_batch", "_open", "_told", "due", "pending", "state")

    def __init__(self, batch: VoiceBatch, state: Any, told: Callable[[Window, Judged], None]) -> None:
        self.due: deque[Window] = deque()
        self.state = state
        self.pending = 0  # windows that were pushed and not yet judged
        self._batch = batch
        self._told = told
        self._open = True

    def push(self, windows: Sequence[Window]) -> None:
        """Let `windows` be judged in their order, after those before; the results come later, on the loop."""
        if windows and self._open:
            self.due.extend(windows)
            self.pending += len(windows)
            self._batch.wake(self)

    def close(self) -> None:
        """Forget it all; no result comes any more."""
        self._open = False
        self.due.clear()
        self.pending = 0
        self._batch.leave(self)

    def tell(self, window: Window, judged: Judged) -> None:
        """Hand on a result."""
        if self._open:
            self.pending -= 1
            self._told(window, judged)


class VoiceBatch:
    """Gathers what is due of all streams, judges it in one thread, and tells each stream in order.

    Streams with several windows due take rounds: a window's state needs the one before it. One task does it
    all, so a window costs no wake-up of its own.
    """

    def __init__(
        self, judge: Judge, options: VoiceOptions | None = None, observer: PoolObserver | None = None
    ) -> None:
        self._detector = judge
        self._options = options or VoiceOptions()
        self._observer = observer
        self._streams: set[VoiceStream] = set()
        self._waiting: dict[VoiceStream, None] = {}  # those with windows due, who waits longest first
        self._due = asyncio.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voice")
        self._task = asyncio.create_task(self._run(self._thread))
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def stream(self, told: Callable[[Window, Judged], None]) -> VoiceStream:
        """A new stream; `told` is given each window, in order. It must not raise."""
        stream = VoiceStream(self, self._detector.state(), told)
        self._streams.add(stream)
        return stream

    def wake(self, stream: VoiceStream) -> None:
        """`stream` has windows due."""
        self._waiting.setdefault(stream)
        self._due.set()

    def leave(self, stream: VoiceStream) -> None:
        """`stream` is closed."""
        self._streams.discard(stream)
        self._waiting.pop(stream, None)

    async def _run(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._due.clear()
                await self._due.wait()
                await self._gather()
            rounds = self._take()
            if not rounds:
                continue
            results, seconds = await loop.run_in_executor(thread, self._judge, rounds)
            for taken, judged in zip(rounds, results, strict=True):
                for (stream, _, window), result in zip(taken, judged, strict=True):
                    self._tell(stream, window, result)
            if self._observer is not None:
                count = sum(map(len, rounds))
                self._observer.processed("vad_processing", count * WINDOW_SECONDS, seconds)

    def _tell(self, stream: VoiceStream, window: Window, result: Judged) -> None:
        try:
            stream.tell(window, result)
        except Exception:  # a defect of one stream's listener, which may not make all the others deaf
            log.exception("a stream's listener failed")
            stream.close()

    async def _gather(self) -> None:
        """Wait for other streams' windows: the more streams there are, the more it saves."""
        wait = min(self._options.gather, self._options.share * (len(self._streams) - 1))
        if wait > 0 and len(self._waiting) < len(self._streams):
            await asyncio.sleep(wait)

    def _take(self) -> list[Round]:
        rounds: list[Round] = []
        left = self._options.windows
        streams = list(self._waiting)
        while streams and left and len(rounds) < self._options.rounds:
            chosen = streams[:left]
            rounds.append([(stream, stream.state, stream.due.popleft()) for stream in chosen])
            left -= len(chosen)
            if len(rounds) == 1:
                for stream in chosen:
                    del self._waiting[stream]
            streams = [stream for stream in chosen if stream.due]
        for stream, _, _ in rounds[0] if rounds else ():
            if stream.due:  # behind those who have had no turn yet
                self._waiting[stream] = None
        return rounds

    def _judge(self, rounds: list[Round]) -> tuple[list[Sequence[Judged]], float]:
        """In the thread."""
        began = time.perf_counter()
        results = [
            self._detector.judge([window.samples for _, _, window in taken], [state for _, state, _ in taken])
            for taken in rounds
        ]
        return results, time.perf_counter() - began


class _Together:
    """Silero: one call of the network for all windows."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model

    def state(self) -> SileroState:
        return SileroState()

    def judge(self, windows: Sequence[Samples], states: Sequence[SileroState]) -> Sequence[Judged]:
        found = _tried("silero", lambda: self._model.probabilities(windows, states))
        return [found] * len(windows) if isinstance(found, VoiceError) else found.tolist()


class _Apart:
    """Any other detector: one object and one call for each stream."""

    def __init__(self, name: str, options: object) -> None:
        self._name = name
        self._options = options

    def state(self) -> VoiceDetector:
        detector: VoiceDetector = engine_class("vad", self._name)(self._options)
        return detector

    def judge(self, windows: Sequence[Samples], states: Sequence[VoiceDetector]) -> Sequence[Judged]:
        return [
            _tried(self._name, partial(state.probability, window))
            for window, state in zip(windows, states, strict=True)
        ]


def _tried(name: str, judge: Callable[[], T]) -> T | VoiceError:
    """What a detector says, or why it does not: no stream may end the others."""
    try:
        return judge()
    except VoiceError as error:
        return error
    except Exception as exc:  # onnxruntime's errors have no other base, and a plug-in's may be anything
        log.exception("the voice detector %s failed", name)
        return ProviderError(f"The voice detector {name} failed: {str(exc) or type(exc).__name__}.")
