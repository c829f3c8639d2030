"""What all sessions of the recognition server share: the voice detector and the processes that recognise."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from voicecli.config.serving import ServerSettings
from voicecli.providers.choose import Choice, accepted
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.registry import engine_class
from voicecli.server.voice_batch import VoiceBatch, VoiceOptions, judge_of
from voicecli.speech.gate import GateOptions
from voicecli.speech.vad import VoiceDetector
from voicecli.workers.pipe import Recipe
from voicecli.workers.places import LATE
from voicecli.workers.pool import PoolObserver, WorkerOptions, Workers

__all__ = ["SharedRecognition", "SharedRecognitionOptions"]

_POLITENESS = 5  # of the processes that recognise: the server's event loop comes first on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRecognitionOptions:
    workers: WorkerOptions = field(default_factory=WorkerOptions)
    voice: VoiceOptions = field(default_factory=VoiceOptions)
    gate: GateOptions = field(default_factory=GateOptions)  # its min_silence is that of the segments


class SharedRecognition:
    """Opened with the server, closed after its last session."""

    def __init__(
        self,
        asr: Choice[Recognizer],
        vad: Choice[VoiceDetector],
        settings: ServerSettings,
        options: SharedRecognitionOptions | None = None,
        *,
        domain: str | None = None,
        observer: PoolObserver | None = None,
    ) -> None:
        """`asr` says which engine the processes open, each for itself: its own object stays closed."""
        options = options or SharedRecognitionOptions()
        self.segments, self.gate = settings.segments, options.gate
        self._vad = vad
        self.voice = VoiceBatch(judge_of(vad, settings.batched), options.voice, observer)
        engine: Any = engine_class("asr", asr.name)
        engine = getattr(engine, "Inside", engine)  # the process is there already
        recipe = Recipe(engine, asr.options, accepted(engine, {"domain": domain}), _POLITENESS)
        self.workers = Workers(recipe, settings.processes, options.workers, observer)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Load the detector and start the processes. Raises VoiceError, as the engines do."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._vad.engine)
            await stack.enter_async_context(self.voice)
            await stack.enter_async_context(self.workers)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def ready(self) -> bool:
        """Whether there is a process that can recognise."""
        return self.workers.alive > 0

    @property
    def keeps_up(self) -> bool:
        """Whether somebody is answered in time."""
        return not self.workers.behind

    def late(self, holder: str | None) -> float:
        """Seconds by which a new stream of the token's holder would be answered too late; 0: it would not."""
        return self.workers.late(holder) if self.ready else LATE
