"""The moderator: takes what happens, moves the floor, and does what the tables then say.

What changes anything is synchronous, so each event is one step that nothing interleaves with; tasks only
carry audio, text and sound between these steps.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Final

from voicecli.audio.block import Samples
from voicecli.conversation import events, turntaking
from voicecli.conversation.answerer import Answerer
from voicecli.conversation.draft import Reply
from voicecli.conversation.echo import Verdict
from voicecli.conversation.transcription import Transcription
from voicecli.conversation.turn import Turn
from voicecli.conversation.turntaking import (
    Action,
    Floor,
    Happening,
    Interrupted,
    NothingHeard,
    Speech,
    State,
)
from voicecli.errors import VoiceError
from voicecli.latency.timeline import Mark
from voicecli.providers.recognizer import Transcript
from voicecli.speech.clause import Completeness, completeness
from voicecli.speech.endpoint import SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted, SpeechStopped

__all__ = ["ConversationOptions", "Moderator"]

_OF_TURN: Final = frozenset(
    {Action.DECIDE, Action.ANSWER, Action.RELEASE, Action.SILENCE, Action.ACCOUNT}
)  # the others are about what is being said, or was until just now
_ECHO: Final = (
    "The microphone hears the loudspeaker, and the answer interrupted itself: from now on nothing is heard "
    "while an answer plays. With headphones you can speak over it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationOptions:
    """How turns are taken."""

    speculation: bool = True  # recognise and answer at a short silence, before the turn has surely ended
    max_speculations: int = 4  # for one utterance; each may cost a request to every stage
    language: str = "en"  # BCP 47: what both sides speak

    def __post_init__(self) -> None:
        if self.max_speculations < 0:
            raise ValueError("max_speculations must not be negative")


class Moderator:
    """Holds the floor, the utterance that is being said, and the turn that is being answered."""

    def __init__(self, answerer: Answerer, options: ConversationOptions, turns: int | None) -> None:
        """`turns` is how many there may be; None goes on."""
        self.floor = Floor()
        self.said: Turn | None = None  # what is being said
        self.turn: Turn | None = None  # what is being answered
        self.half_duplex = False  # nothing is to be heard while a reply plays
        self.over = asyncio.Event()  # the conversation has come to its end
        self.tasks = asyncio.TaskGroup()  # that make replies
        self._answerer = answerer
        self._tell = answerer.tell
        self._options = options
        self._turns = turns

    @property
    def words(self) -> Transcript | None:
        """What was recognised last of the utterance that is under way."""
        return None if self.said is None else self.said.transcript

    @property
    def alone(self) -> bool:
        """Whether a reply is in the air and nothing is to be heard meanwhile."""
        alone = self.half_duplex or (self.turn is not None and self.turn.alone)
        return alone and self.floor.state is State.SPEAKING

    def listen(self, samples: Samples) -> None:
        """More of the utterance."""
        if self.said is not None and self.said.transcription is not None:
            self.said.transcription.push(samples)

    def push(self, event: Happening | SpeechStopped) -> None:
        """Take what has happened. Raises TurnError where that cannot happen now, and changes nothing then."""
        happening = self._noted(event)
        if happening is None:
            return
        before = self.floor
        self.floor, actions = before.after(happening)
        if self.floor.state is not before.state:
            number = self._answerer.number + (Action.TAKE in actions)
            if self.turn is not None:
                number = self.turn.number
            self._tell(events.StateChanged(before.state, self.floor.state, happening.time, number))
        for action in actions:
            self._do(action, happening)

    def _noted(self, event: Happening | SpeechStopped) -> Happening | None:
        """Set the marks of what was noticed; returns what it is to the floor, None where it is nothing."""
        said, options = self.said, self._options
        if isinstance(event, Interrupted):
            if self.turn is None:
                return None
            if self.floor.state is State.PROCESSING and not event.by_key and said and said.transcription:
                return turntaking.Rejoined(event.time)
            return event
        if isinstance(event, SpeechStarted):
            self._tell(event)
        if said is None:
            if isinstance(event, SpeechStopped | SoftEnd | TurnEnded | turntaking.Dropped):
                return None
            return event
        match event:
            case SpeechStarted():
                said.stopwatch.clear(Mark.SPEECH_STOPPED)
            case SpeechStopped(at):
                if said.stopped(at):
                    self._tell(event)
                return None
            case SoftEnd(at):
                wanted = options.speculation and said.speculations < options.max_speculations
                if not wanted or said.transcription is None or self.floor.speech is not Speech.SPOKEN:
                    return None
                said.speculations += 1
                said.stopwatch.mark(Mark.SOFT_END, at)
            case TurnEnded(at, stopped):
                self.push(SpeechStopped(stopped))
                self.push(Interrupted(at))
                said.ended(at, event.started)
        return event

    def _do(self, action: Action, event: Happening) -> None:
        if action in (Action.BEGIN, Action.WRITE):
            self.said = self._opened(event)
        turn = self.turn if action in _OF_TURN else self.said or self.turn
        assert turn is not None  # as the tables have it, which is tested
        match action:
            case Action.ASK if turn.transcription is not None:
                turn.transcription.finish()
            case Action.RESUME if turn.transcription is not None:
                turn.transcription.resume()
            case Action.REJOIN if turn.transcription and self.turn and self.turn.transcription:
                self.turn.transcription.cancel()
                turn.transcription.prepend(self.turn.transcription)
            case Action.DRAFT:
                text = turn.transcript.text
                if text and completeness(text, self._options.language) is not Completeness.UNFINISHED:
                    self._begin(turn)
            case Action.DISCARD:
                self._answerer.discard(turn)
            case Action.DROP:
                self.said = None
                turn.cut()
                turn.over.set()
                if self.floor.state is State.INTERRUPTED:
                    self.push(NothingHeard(event.time))
            case Action.TAKE:
                turn.number = self._answerer.number + 1
                self.turn, self.said = turn, None
            case Action.DECIDE:
                self._decide(turn)
            case Action.ANSWER:
                self._answerer.commit(turn, turn.reply or self._begin(turn))
            case Action.SILENCE:
                self._answerer.silence(turn, wanted=not (isinstance(event, Interrupted) and event.drop))
                turn.cut()
            case Action.ACCOUNT:
                self.turn = None
                self._answerer.account(turn, event)
                left = turn.reply is not None and turn.reply.goodbye and not isinstance(event, Interrupted)
                if left or self._answerer.turns == self._turns:
                    self.over.set()
                if isinstance(event, Interrupted) and event.by_key and not self.floor.in_utterance:
                    self.push(NothingHeard(event.time))
            case Action.RELEASE:
                self.turn = None
                turn.over.set()

    def _opened(self, event: Happening) -> Turn:
        """A new turn, with what it begins with."""
        turn = Turn(self._answerer.number + 1)
        match event:
            case turntaking.Typed(at, text):
                for mark in (Mark.SPEECH_STARTED, Mark.SPEECH_STOPPED, Mark.TRANSCRIPT):
                    turn.stopwatch.mark(mark, at)
                turn.transcript = Transcript(text, final=True)
                self._tell(events.TranscriptCame(turn.number, text, True))
            case turntaking.Announced(_, text, alone):
                turn.alone = alone
                self._begin(turn, text)
            case SpeechStarted(at):
                turn.stopwatch.mark(Mark.SPEECH_STARTED, at)
                engines = self._answerer.engines
                if engines.asr is not None:
                    turn.transcription = Transcription(
                        engines.asr,
                        engines.asr_timeout,
                        lambda transcript: self._recognised(turn, transcript),
                        lambda error: self._recognised(turn, error),
                    )
                    turn.transcription.start()
        return turn

    def _recognised(self, turn: Turn, result: Transcript | VoiceError) -> None:
        now, said = time.monotonic(), turn is self.said
        waiting = self.floor.speech in (Speech.SPOKEN, Speech.TRUSTED) if said else turn is self.turn
        if not waiting or not (said or self.floor.state is State.PROCESSING):
            return
        if isinstance(result, VoiceError):
            self.push(turntaking.Misheard(now) if said else turntaking.Failed(now, result))
        elif result.final or result.text != turn.transcript.text:
            turn.transcript = result
            self._tell(events.TranscriptCame(turn.number, result.text, result.final))
            if result.final:
                turn.stopwatch.mark(Mark.TRANSCRIPT, now)
            if result.final and said:
                self.push(turntaking.Understood(now))
            elif result.final:
                self._decide(turn)

    def _decide(self, turn: Turn) -> None:
        """The turn is certain and its words are known: are they the user's, and are there any?"""
        answerer, text, now = self._answerer, turn.transcript.text, time.monotonic()
        verdict = answerer.judge(turn)
        cut_off, answerer.cut_off = answerer.cut_off, None
        if verdict is Verdict.USER:
            self.push(turntaking.Transcribed(now) if text else NothingHeard(now))
            return
        # What the loudspeaker said is dropped, and what it cut off is said again, this time undisturbed.
        answerer.discard(turn)
        if text:
            self._tell(events.TranscriptCame(turn.number, "", True))
        self.push(NothingHeard(now))
        answerer.history.keep_question()
        if verdict is Verdict.ECHO and not self.half_duplex:
            self.half_duplex = True
            self._tell(events.Warned(_ECHO, "echo"))
        if cut_off is not None and cut_off.over and cut_off.text and not self.floor.busy:
            self.push(turntaking.Announced(now, cut_off.text, alone=True))

    def _begin(self, turn: Turn, text: str = "") -> Reply:
        """Begin to answer the turn, or to say `text`."""
        reply = self._answerer.begin(turn, text)
        reply.making = self.tasks.create_task(self._play(turn, reply))
        return reply

    async def _play(self, turn: Turn, reply: Reply) -> None:
        try:
            finished = await reply.run(lambda: self.push(turntaking.Voiced(time.monotonic())))
        except VoiceError as error:
            failed = turntaking.Failed(time.monotonic(), error)
            if turn.reply is reply and turn is self.turn and error.recoverable:
                self.push(failed)
            elif turn is self.turn and not error.recoverable:
                self.floor = replace(self.floor, state=State.LISTENING)
                self._do(Action.ACCOUNT, failed)
            elif turn.reply is reply:
                turn.reply = None  # begun on trust; it is tried again when it counts
            if not error.recoverable:
                raise
            return
        if finished is not None:
            self._answerer.note(reply, finished, whole=not turn.alone)
        self.push(turntaking.PlaybackFinished(time.monotonic() if finished is None else finished))
