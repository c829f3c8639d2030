"""When each engine was given work and answered: ten stamps a turn, taken by wrappers around the engines.

The conversation knows nothing of it. A turn may ask an engine several times, for speech may go on after it
was begun on trust; the stamps are those of the calls that the answer was made of.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any, TypeVar

from voicecli.audio.block import Block, Samples
from voicecli.bench.measure.relay import Relay
from voicecli.flow.scope import scoped
from voicecli.providers.language_model import LanguageModel, Message, Token
from voicecli.providers.recognizer import Recognizer, Transcript
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["EngineCall", "Observed", "Stamps", "Witness"]

T = TypeVar("T")

_KEPT = 60.0  # seconds for which the arrival of microphone blocks is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """Monotonic seconds; None for what was not reached."""

    audio_chunk_received: float | None = None  # the microphone gave the block with the first voiced sample
    asr_started: float | None = None
    asr_partial: float | None = None  # the first; some engines have none
    asr_complete: float | None = None  # the final transcript
    llm_started: float | None = None
    llm_first_token: float | None = None
    llm_complete: float | None = None
    tts_started: float | None = None  # the first phrase
    tts_first_chunk: float | None = None  # of the first phrase
    tts_complete: float | None = None  # the last byte of the last phrase

    def since(self, origin: float | None) -> dict[str, float | None]:
        """Every stamp in seconds after `origin`; all None without one."""
        return {
            name: None if origin is None or stamp is None else stamp - origin
            for name, stamp in asdict(self).items()
        }

    def disorder(self) -> list[str]:
        """What came before something that it follows from, in words; empty when all is in order.

        Speech may be begun before the model has said everything: that is no disorder.
        """
        found = []
        for chain in _CHAINS:
            reached = [(name, stamp) for name in chain if (stamp := getattr(self, name)) is not None]
            for (before, first), (after, second) in pairwise(reached):
                if second < first:
                    found.append(f"{after} is {(first - second) * 1000:.1f} ms before {before}")
        return found

    @property
    def overlapped(self) -> bool | None:
        """Whether speech was begun before the model had finished; None when one of them is unset."""
        if self.tts_started is None or self.llm_complete is None:
            return None
        return self.tts_started < self.llm_complete


_CHAINS = (
    (
        "audio_chunk_received",
        "asr_started",
        "asr_partial",
        "asr_complete",
        "llm_started",
        "llm_first_token",
        "llm_complete",
    ),
    ("llm_first_token", "tts_started", "tts_first_chunk", "tts_complete"),
)
assert {name for chain in _CHAINS for name in chain} == {one.name for one in fields(Stamps)}


@dataclass(slots=True)
class EngineCall:
    """One request to one engine; monotonic seconds."""

    started: float
    ended: float | None = None  # all of it was there; None: cancelled, failed, or still under way
    # When each partial transcript, token with words, or chunk came, and what it was.
    answers: list[tuple[float, Any]] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)  # from and to when it was waited for

    @property
    def first(self) -> float | None:
        """When its first answer came."""
        return self.answers[0][0] if self.answers else None


class Witness:
    """What the engines of one pipeline were asked, and when."""

    def __init__(self) -> None:
        self.asr: list[EngineCall] = []
        self.llm: list[EngineCall] = []
        self.tts: list[EngineCall] = []
        self._blocks: list[tuple[float, float]] = []  # when a block ended at the microphone, and when it came

    def listen(self, block: Block) -> None:
        """A block came from the microphone; a tap for the ears."""
        end = block.time + block.duration
        self._blocks.append((end, time.monotonic()))
        while self._blocks[0][0] < end - _KEPT:
            del self._blocks[: len(self._blocks) // 2 + 1]

    def forget(self) -> None:
        """The next turn begins."""
        for calls in (self.asr, self.llm, self.tts):
            calls.clear()

    @property
    def tokens(self) -> tuple[str, ...]:
        """Of the model's call that the reply was made of."""
        return tuple(token for _, token in self.llm[-1].answers) if self.llm else ()

    def stamps(self, speech_started: float | None) -> Stamps:
        """Of the turn that has just ended, whose first voiced sample was at `speech_started`."""
        asr = next((call for call in reversed(self.asr) if call.ended is not None), None)
        asr = asr or (self.asr[-1] if self.asr else None)
        llm = self.llm[-1] if self.llm else None
        tts = [call for call in self.tts if llm is None or call.started >= llm.started]
        whole = bool(tts) and all(call.ended is not None for call in tts)
        return Stamps(
            audio_chunk_received=self._received(speech_started),
            asr_started=asr.started if asr else None,
            asr_partial=asr.first if asr else None,
            asr_complete=asr.ended if asr else None,
            llm_started=llm.started if llm else None,
            llm_first_token=llm.first if llm else None,
            llm_complete=llm.ended if llm else None,
            tts_started=tts[0].started if tts else None,
            tts_first_chunk=tts[0].first if tts else None,
            tts_complete=max(call.ended or 0.0 for call in tts) if whole else None,
        )

    def _received(self, speech_started: float | None) -> float | None:
        if speech_started is None:
            return None
        return next((came for end, came in self._blocks if end > speech_started), None)


class Observed(Relay):
    """An engine of any stage whose calls are noted. What a language model announces by itself is left out."""

    def __init__(self, engine: Recognizer | LanguageModel | Synthesizer, observer: Witness) -> None:
        super().__init__(engine)
        self._observer = observer

    def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """As the engine does."""
        made = self._engine.transcribe(audio)
        return _noted(self._observer.asr, made, lambda transcript: not transcript.final)

    def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        """As the engine does."""
        made = self._engine.complete(messages)
        return _noted(self._observer.llm, made, lambda token: isinstance(token, str) and bool(token))

    def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """As the engine does."""
        return _noted(self._observer.tts, self._engine.synthesize(text), bool)


async def _noted(
    calls: list[EngineCall], made: AsyncIterator[T], answers: Callable[[T], bool]
) -> AsyncIterator[T]:
    call = EngineCall(time.monotonic())
    calls.append(call)
    async with scoped(made) as items:
        while True:
            begun = time.monotonic()
            try:
                item = await anext(items)
            except StopAsyncIteration:
                break
            finally:
                call.waits.append((begun, time.monotonic()))
            if answers(item):
                call.answers.append((time.monotonic(), item))
            elif isinstance(item, Transcript):  # the final one
                call.ended = time.monotonic()
            yield item
    call.ended = time.monotonic() if call.ended is None else call.ended
