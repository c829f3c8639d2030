"""Who is conversed with: a pipeline, its engines, and the turns that it tells of."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.measure.lateness import Stated
from voicecli.bench.measure.mouth import AskingMicrophone, PlayedMicrophone
from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.bench.measure.stamps import Observed, Stamps, Witness
from voicecli.config import Settings
from voicecli.conversation import events
from voicecli.conversation.answerer import Answerer, Engines
from voicecli.conversation.context import History
from voicecli.conversation.listening import Listening
from voicecli.conversation.supervisor import Conversation
from voicecli.conversation.turntaking import State
from voicecli.errors import ProviderError, VoiceError
from voicecli.latency.timeline import Mark, Timeline
from voicecli.providers.language_model import LanguageModel
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer
from voicecli.speech.vad import VoiceDetector

__all__ = ["NAIVE", "Contender", "Partner", "SerialOptions", "ToldTurn", "VoicecliPartner"]

_UNHEARD = 4.0  # seconds after a question in which it must have been noticed
_LONGEST = 120.0  # seconds that an answer may take


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialOptions:
    """What a pipeline that does one thing after the other waits for before it goes on."""

    silence: float = 0.5  # seconds that end a turn, whatever was said
    whole_speech: bool = True  # play when all of the speech is there; False: from its first chunk
    streamed_recognition: bool = False  # recognise while it is spoken; False: the whole utterance at its end

    def __post_init__(self) -> None:
        if self.silence <= 0:
            raise ValueError("silence must be above 0 s")


NAIVE = SerialOptions()
"""Half a second of silence, whole recognition, whole answer, whole speech."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contender:
    """A pipeline with its engines, all of them open. Every one has a detector of its own."""

    label: Mapping[str, str]  # what tells it from the others: pipeline, network
    asr: Recognizer
    llm: LanguageModel
    tts: Synthesizer
    vad: VoiceDetector
    settings: Settings
    serial: SerialOptions | None = None  # one thing after the other; None: as voicecli converses
    stated: Stated | None = None  # the delays of its engines, where they say how long they take


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTurn:
    """One turn as its pipeline told it."""

    timeline: Timeline
    stamps: Stamps
    position: float  # seconds of the question that had been heard when the turn was taken to have ended
    transcript: str = ""
    reply: str = ""
    tokens: tuple[str, ...] = ()
    underruns: int = 0
    silence: float = 0.0  # seconds that these put into the reply
    hits: int = 0  # speculations of this turn that paid
    misses: int = 0
    error: VoiceError | None = None


class Partner(ABC):
    """Somebody to converse with, through a microphone: a task that listens, and the turns of a question."""

    def __init__(self, contender: Contender, microphone: AskingMicrophone, player: AudioStreamPlayer) -> None:
        self.observer = Witness()
        self._asr = Observed(contender.asr, self.observer)
        self._llm = Observed(contender.llm, self.observer)
        self._tts = Observed(contender.tts, self.observer)
        self._contender = contender
        self._microphone = microphone
        self._player = player
        self._history = History(contender.settings.conversation.history)
        self._turns: list[ToldTurn] = []
        self._task: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether something is being said or answered."""

    @abstractmethod
    async def _listen(self) -> None:
        """Hear and answer, until the microphone has nothing more or the partner said goodbye."""

    def _told(self, timeline: Timeline, **more: Any) -> None:
        """A turn is over."""
        stamps = self.observer.stamps(timeline.marks.get(Mark.SPEECH_STARTED))
        self._turns.append(ToldTurn(timeline=timeline, stamps=stamps, tokens=self.observer.tokens, **more))

    def _start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._listen(), name="conversation")
        return self._task

    def _over(self, beyond: float) -> bool:
        return not self.busy and (bool(self._turns) or beyond > _UNHEARD)

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._microphone.finish()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self, question: SpokenQuestion) -> tuple[float | None, list[ToldTurn]]:
        """Ask, and wait until the answer is over. Raises DeviceError, and ProviderError when it is stuck."""
        self._turns = []
        self.observer.forget()
        # It may have said goodbye.
        task = self._start() if self._task is None or self._task.done() else self._task
        asking = asyncio.create_task(self._microphone.ask(question, self._over))
        try:
            async with asyncio.timeout(question.duration + _LONGEST):
                await asyncio.wait({asking, task}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                task.result()  # raises what ended the conversation
                return None, self._turns  # goodbye
            return asking.result(), self._turns
        except TimeoutError:
            raise ProviderError(f"The question {question.name} was not over after {_LONGEST:g} s.") from None
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


class VoicecliPartner(Partner):
    """The conversation as `talk` has it."""

    def __init__(self, contender: Contender, microphone: AskingMicrophone, player: AudioStreamPlayer) -> None:
        super().__init__(contender, microphone, player)
        self._position = 0.0
        self._hits = self._misses = 0
        self._conversation = self._converse()

    def _converse(self) -> Conversation:
        settings = self._contender.settings
        self._hits = self._misses = 0
        return Conversation(
            Answerer(
                Engines(self._llm, self._tts, self._asr, settings.asr.timeout),
                self._player,
                self._note,
                history=self._history,
                reply=settings.reply(),
                utterer=settings.utterer(),
                budgets={},
            ),
            settings.conversation,
        )

    @property
    def busy(self) -> bool:
        return self._conversation.floor.busy

    async def _listen(self) -> None:
        if self._conversation.over:
            self._conversation = self._converse()
        settings, conversation = self._contender.settings, self._conversation
        if isinstance(self._microphone, PlayedMicrophone):
            self._microphone.hold = conversation.caught_up
        ears = settings.ears(self._contender.vad)
        moderator = conversation.moderator
        listening = Listening(
            self._microphone, ears, moderator, settings.listening(), tap=self.observer.listen
        )
        await conversation.run(listening.run())

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.StateChanged) and event.after is State.PROCESSING:
            self._position = self._microphone.position
        elif isinstance(event, events.TurnFinished):
            ledger = event.ledger
            self._told(
                event.timeline,
                position=self._position,
                transcript=event.transcript,
                reply=event.reply,
                underruns=event.underruns,
                silence=event.silence,
                hits=ledger.hits - self._hits,
                misses=ledger.misses - self._misses,
                error=event.error,
            )
            self._hits, self._misses = ledger.hits, ledger.misses
