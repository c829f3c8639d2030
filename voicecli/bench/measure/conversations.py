"""Whole conversations from recorded questions, timed: the real pipeline, and others beside it.

Every pipeline is asked the same question in turn, over a microphone and a loudspeaker of the same kind, so
that whatever drifts hits all alike. A turn's times are those that the conversation itself marks; the engines
are wrapped to note when each was asked and answered.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol, Self

from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.measure.mouth import AskingMicrophone, PlayedMicrophone
from voicecli.bench.measure.recordings import Question
from voicecli.bench.measure.serial import SerialOptions, SerialPipeline
from voicecli.bench.measure.stamps import (
    ObservedLanguageModel,
    ObservedRecognizer,
    ObservedSynthesizer,
    Observer,
    Stamps,
)
from voicecli.config import Settings
from voicecli.conversation import events
from voicecli.conversation.context import History
from voicecli.conversation.hearing import Hearing
from voicecli.conversation.supervisor import Conversation, Engines
from voicecli.conversation.turntaking import State
from voicecli.errors import ProviderError, VoiceError
from voicecli.latency.timeline import Mark, Timeline
from voicecli.providers.language_model import LanguageModel
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer
from voicecli.speech.vad import VoiceDetector

__all__ = ["Asked", "Contender", "Partner", "TalkOptions", "Turn", "conversed"]

_UNHEARD = 4.0  # seconds after a question in which it must have been noticed
_LONGEST = 120.0  # seconds that an answer may take
_SURE = 0.1  # seconds by which a label may be wrong


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn as its pipeline told it."""

    timeline: Timeline
    stamps: Stamps
    position: float  # seconds of the question that had been heard when the turn was taken to have ended
    transcript: str = ""
    reply: str = ""
    tokens: tuple[str, ...] = ()
    interrupted: bool = False
    underruns: int = 0
    silence: float = 0.0  # seconds that these put into the reply
    hits: int = 0  # speculations of this turn that paid
    misses: int = 0
    error: VoiceError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question and what came of it."""

    contender: Contender
    question: Question
    number: int  # 0 is the warm-up, which does not count
    began: float | None  # monotonic seconds: the question's first sample at the microphone
    turns: Sequence[Turn]
    latency: float  # seconds of the loudspeaker

    @property
    def turn(self) -> Turn | None:
        """The turn that answered the whole question: the last one, unless it ended before the speaker did."""
        last = self.turns[-1] if self.turns else None
        return None if last is None or self._early(last) else last

    @property
    def cut_off(self) -> bool:
        """Whether the turn was taken before the speaker had finished."""
        return len(self.turns) > 1 or any(self._early(turn) for turn in self.turns)

    @property
    def dating(self) -> float | None:
        """Seconds by which the end of speech was dated after the label's; None where nobody knows."""
        turn, end = self.turn, self.question.end
        if turn is None or end is None or self.began is None:
            return None
        stopped = turn.timeline.marks.get(Mark.SPEECH_STOPPED)
        return None if stopped is None else stopped - (self.began + end)

    @property
    def error(self) -> VoiceError | None:
        """Why there are no numbers."""
        if not self.turns:
            return VoiceError("No speech was noticed in the question.", "`bench turn` looks closer.")
        failed = next((turn.error for turn in reversed(self.turns) if turn.error is not None), None)
        return failed if self.turn is None or self.turn.error is not None else None

    @property
    def transcript(self) -> str:
        """Everything that was understood of the question."""
        return " ".join(turn.transcript for turn in self.turns if turn.transcript)

    def _early(self, turn: Turn) -> bool:
        end = self.question.end
        return end is not None and turn.position < end - _SURE


class Partner(Protocol):
    """Somebody to converse with, through a microphone."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def ask(self, question: Question) -> tuple[float | None, list[Turn]]:
        """Ask, and wait until the answer is over. Raises DeviceError, and ProviderError when it is stuck."""
        ...


class _Listening:
    """What all partners have: a task that listens, and the turns of the question under way."""

    def __init__(self, microphone: AskingMicrophone) -> None:
        self.observer = Observer()
        self._microphone = microphone
        self._turns: list[Turn] = []
        self._task: asyncio.Task[None] | None = None

    def _start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="conversation")

    async def _listen(self) -> None:
        raise NotImplementedError

    def _busy(self) -> bool:
        raise NotImplementedError

    def _over(self, beyond: float) -> bool:
        return not self._busy() and (bool(self._turns) or beyond > _UNHEARD)

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._microphone.finish()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def ask(self, question: Question) -> tuple[float | None, list[Turn]]:
        """Ask, and wait until the answer is over."""
        self._turns = []
        self.observer.forget()
        if self._task is None or self._task.done():
            self._start()  # it said goodbye
        assert self._task is not None
        asking = asyncio.create_task(self._microphone.ask(question, self._over))
        try:
            async with asyncio.timeout(question.duration + _LONGEST):
                await asyncio.wait({asking, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                self._task.result()  # raises what ended the conversation
                return None, self._turns  # goodbye
            return asking.result(), self._turns
        except TimeoutError:
            raise ProviderError(f"The question {question.name} was not over after {_LONGEST:g} s.") from None
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


class VoicecliPartner(_Listening):
    """The conversation as `talk` has it."""

    def __init__(self, contender: Contender, microphone: AskingMicrophone, player: AudioStreamPlayer) -> None:
        super().__init__(microphone)
        settings = contender.settings
        self._contender = contender
        self._player = player
        self._position = 0.0
        self._hits = self._misses = 0
        self._history = History(settings.conversation.history)
        self._conversation = self._converse()

    def _converse(self) -> Conversation:
        contender, settings = self._contender, self._contender.settings
        engines = Engines(
            ObservedLanguageModel(contender.llm, self.observer),
            ObservedSynthesizer(contender.tts, self.observer),
            ObservedRecognizer(contender.asr, self.observer),
            settings.asr.timeout,
        )
        self._hits = self._misses = 0
        return Conversation(
            engines,
            self._player,
            self._note,
            settings.conversation,
            history=self._history,
            reply=settings.reply(),
            utterer=settings.utterer(),
            budgets={},
        )

    def _busy(self) -> bool:
        return self._conversation.busy

    async def _listen(self) -> None:
        if self._conversation.over:
            self._conversation = self._converse()
        settings, conversation = self._contender.settings, self._conversation
        if isinstance(self._microphone, PlayedMicrophone):
            self._microphone.hold = conversation.caught_up
        ears = settings.ears(self._contender.vad)
        hearing = Hearing(self._microphone, ears, conversation, settings.hearing(), tap=self.observer.hear)
        await conversation.run(hearing.run())

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.StateChanged) and event.after is State.PROCESSING:
            self._position = self._microphone.position
        elif isinstance(event, events.TurnFinished):
            call = self.observer.answer
            ledger = event.ledger
            self._turns.append(
                Turn(
                    timeline=event.timeline,
                    stamps=self.observer.stamps(event.timeline.marks.get(Mark.SPEECH_STARTED)),
                    position=self._position,
                    transcript=event.transcript,
                    reply=event.reply,
                    tokens=tuple(call.tokens) if call else (),
                    interrupted=event.interrupted,
                    underruns=event.underruns,
                    silence=event.silence,
                    hits=ledger.hits - self._hits,
                    misses=ledger.misses - self._misses,
                    error=event.error,
                )
            )
            self._hits, self._misses = ledger.hits, ledger.misses


class SerialPartner(_Listening):
    """One thing after the other."""

    def __init__(
        self,
        contender: Contender,
        options: SerialOptions,
        microphone: AskingMicrophone,
        player: AudioStreamPlayer,
    ) -> None:
        super().__init__(microphone)
        self._pipeline = SerialPipeline(
            ObservedRecognizer(contender.asr, self.observer),
            ObservedLanguageModel(contender.llm, self.observer),
            ObservedSynthesizer(contender.tts, self.observer),
            contender.vad,
            player,
            contender.settings,
            options,
        )

    def _busy(self) -> bool:
        return self._pipeline.busy

    async def _listen(self) -> None:
        async for answer in self._pipeline.run(self._microphone, self.observer.hear):
            call = self.observer.answer
            self._turns.append(
                Turn(
                    timeline=answer.timeline,
                    stamps=self.observer.stamps(answer.timeline.marks.get(Mark.SPEECH_STARTED)),
                    position=answer.position,
                    transcript=answer.transcript,
                    reply=answer.reply,
                    tokens=tuple(call.tokens) if call else (),
                    underruns=answer.underruns,
                    silence=answer.silence,
                    error=answer.error,
                )
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkOptions:
    """How often, and how questions are asked."""

    runs: int = 1  # conversations
    warm_up: bool = True  # one question before all others, which does not count
    real_time: bool = True
    seed: int = 0
    microphones: Sequence[AskingMicrophone] = field(default_factory=tuple)  # empty: recordings are played

    def __post_init__(self) -> None:
        if self.runs < 1:
            raise ValueError("runs must be at least 1")


async def conversed(
    contenders: Sequence[Contender],
    questions: Sequence[Question],
    player: AudioStreamPlayer,
    options: TalkOptions,
) -> AsyncIterator[Asked]:
    """Yield every question with its answer: `runs` conversations of all questions with every contender.

    Within a conversation the contenders take turns, each question in another order. `player` is open and
    shared: no two speak at once. Raises DeviceError, and ProviderError when a conversation is stuck.
    """
    chance = random.Random(options.seed)
    number = 0 if options.warm_up else 1
    for run in range(options.runs):
        async with AsyncExitStack() as stack:
            partners = [
                (one, await stack.enter_async_context(_partner(one, player, options, index, run)))
                for index, one in enumerate(contenders)
            ]
            first = [questions[0]] if not number else []
            for question in (*first, *questions):
                for contender, partner in partners:
                    began, turns = await partner.ask(question)
                    yield Asked(
                        contender=contender,
                        question=question,
                        number=number,
                        began=began,
                        turns=tuple(turns),
                        latency=player.output.latency,
                    )
                chance.shuffle(partners)
                number += 1


def _partner(
    contender: Contender, player: AudioStreamPlayer, options: TalkOptions, index: int, run: int
) -> Partner:
    microphone: AskingMicrophone
    if options.microphones:
        microphone = options.microphones[index]
    else:
        seed = options.seed + 1000 * run  # the same room for all of them, and another one the next time
        microphone = PlayedMicrophone(real_time=options.real_time, seed=seed)
    if contender.serial is not None:
        return SerialPartner(contender, contender.serial, microphone, player)
    return VoicecliPartner(contender, microphone, player)
