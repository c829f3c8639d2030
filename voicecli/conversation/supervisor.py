"""The conversation: drives the turn machine with what is heard, and answers.

Everything runs on one event loop. The methods that change anything are synchronous, so each of them is one
step that nothing interleaves with; tasks only carry audio, text and sound between these steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field

from voicecli.audio.block import Samples
from voicecli.audio.loudness import Loudness
from voicecli.audio.player import AudioStreamPlayer
from voicecli.conversation import events
from voicecli.conversation.context import History
from voicecli.conversation.draft import Reply, ReplyOptions
from voicecli.conversation.echo import EchoGuard, Said, Verdict
from voicecli.conversation.events import Ledger
from voicecli.conversation.transcription import Transcription
from voicecli.conversation.turntaking import (
    Announced,
    Dropped,
    Failed,
    Interrupted,
    NothingHeard,
    PlaybackFinished,
    State,
    Transcribed,
    TurnEvent,
    TurnMachine,
    Voiced,
)
from voicecli.errors import VoiceError
from voicecli.latency.budget import judge
from voicecli.latency.timeline import Mark, Span, Stopwatch
from voicecli.providers.delivery import Delivery
from voicecli.providers.language_model import Announcer, Directs, HasPending, LanguageModel, Token
from voicecli.providers.recognizer import Recognizer, Transcript
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.utterer import Utterer, UttererOptions
from voicecli.speech.clause import Completeness, completeness
from voicecli.speech.endpoint import EndReason, SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted, SpeechStopped

__all__ = ["Conversation", "ConversationOptions", "Engines"]

_SAME = 0.001  # seconds: two moments that are one
_ECHO = (
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


@dataclass(frozen=True, slots=True)
class Engines:
    """What a conversation thinks and speaks with, and hears with if it has ears."""

    llm: LanguageModel
    tts: Synthesizer
    asr: Recognizer | None = None
    asr_timeout: float = 10.0  # seconds without progress after the utterance has ended


@dataclass(slots=True)
class _Turn:
    """One turn while it lasts: the utterance first, the reply afterwards."""

    number: int
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    recognition: Transcription | None = None
    text: str = ""
    words: Transcript | None = None  # the latest
    certain: bool = True  # the recogniser is sure of `text`
    final: bool = False  # `text` is all that was said
    ended: bool = False  # the end of the turn is certain
    speculations: int = 0
    reply: Reply | None = None
    playing: asyncio.Task[None] | None = None
    failure: VoiceError | None = None  # of recognition
    unheard: bool = False  # it was spoken over before a word of it was in the air
    alone: bool = False  # nothing is to be heard while it speaks


class Conversation:
    """One conversation from its opening to its end."""

    def __init__(
        self,
        engines: Engines,
        player: AudioStreamPlayer,
        listener: events.Listener,
        options: ConversationOptions,
        *,
        history: History,
        reply: ReplyOptions,
        utterer: UttererOptions,
        budgets: Mapping[Span, float],
    ) -> None:
        self.engines = engines
        self._loudness = Loudness()  # of the voice, over all replies
        self._delivery = Delivery(engines.tts)
        if isinstance(engines.llm, Directs):
            engines.llm.delivery = self._delivery
        self.player = player
        self.history = history
        self.options = options
        self.ledger = Ledger()
        self.turns: int | None = None  # end after so many; None goes on
        self.half_duplex = False  # nothing is to be heard while a reply plays
        self._tell = listener
        self._reply_options = reply
        self._utterer_options = utterer
        self._budgets = budgets
        self._machine = TurnMachine()
        self._utterance: _Turn | None = None  # what is being said
        self._turn: _Turn | None = None  # what is being answered
        self._cut_off: Reply | None = None  # the answer that was interrupted last, if nothing was said since
        self._echo = EchoGuard()
        self._number = 0
        self._replies = 0
        self._finished = 0
        self._quiet = asyncio.Event()  # nothing is being answered
        self._free = asyncio.Event()  # and nothing is being said
        self._quiet.set()
        self._free.set()
        self._over = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # What others see

    @property
    def state(self) -> State:
        """Who has the floor."""
        return self._machine.state

    @property
    def busy(self) -> bool:
        """Whether something is being said or answered."""
        return self._utterance is not None or self._turn is not None

    @property
    def hearing(self) -> bool:
        """Whether an utterance is under way."""
        return self._utterance is not None

    @property
    def answering(self) -> bool:
        """Whether an utterance is being recognised or answered."""
        return self._turn is not None

    @property
    def over(self) -> bool:
        """Whether the conversation has ended."""
        return self._over.is_set()

    @property
    def alone(self) -> bool:
        """Whether a reply is in the air and nothing is to be heard meanwhile."""
        turn = self._turn
        return self.state is State.SPEAKING and (self.half_duplex or (turn is not None and turn.alone))

    async def quiet(self) -> None:
        """Wait until nothing is being answered."""
        await self._quiet.wait()

    async def caught_up(self) -> None:
        """Wait until nothing is being answered, nor recognised on trust.

        Sound that comes faster than it lasts would go on before its words are known.
        """
        await self._quiet.wait()
        turn = self._utterance
        if turn is not None and turn.recognition is not None and turn.recognition.finished:
            await turn.recognition.settled.wait()

    @property
    def pending(self) -> Sequence[str]:
        """What the model would still announce, and cannot any more once the conversation is over."""
        return self.engines.llm.pending() if isinstance(self.engines.llm, HasPending) else ()

    @property
    def words(self) -> Transcript | None:
        """What was recognised last of the utterance that is under way."""
        return None if self._utterance is None else self._utterance.words

    def heard(self) -> str:
        """The part of the reply under way that has left the loudspeaker."""
        turn = self._turn
        return turn.reply.utterer.heard() if turn is not None and turn.reply is not None else ""

    # Its life

    async def run(self, source: Coroutine[object, object, None]) -> None:
        """Converse until `source` (what brings utterances) ends, the turns are used up, or goodbye is said.

        Raises what `source` raises, and DeviceLost when the loudspeaker goes away; what was under way is
        ended and reported first.
        """
        self._spawn(self._listen(source))
        if isinstance(self.engines.llm, Announcer):
            self._spawn(self._announce(self.engines.llm))
        try:
            await self._over.wait()
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure

    async def _listen(self, source: Coroutine[object, object, None]) -> None:
        await source
        await self._free.wait()
        self.end()

    async def _announce(self, llm: Announcer) -> None:
        async for text in llm.announcements():
            unheard = True
            while unheard:  # what rings is not lost because somebody spoke at that moment
                while self.busy:
                    await self._free.wait()
                turn = self.announce(text)
                await self._quiet.wait()
                unheard = turn.unheard

    def end(self) -> None:
        """Come to the end: `run` returns."""
        self._over.set()

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self.end()

    async def _close(self) -> None:
        self._drop_utterance()
        if self._turn is not None:
            self._interrupt(time.monotonic())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What the ears and the keys do

    def push(self, sign: SpeechStarted | SpeechStopped | SoftEnd | TurnEnded | Dropped | Interrupted) -> None:
        """Take what the ears have noticed. Times are monotonic seconds at the microphone."""
        match sign:
            case SpeechStarted(at) if self.hearing:
                self._speech_resumed(at)
            case SpeechStarted(at):
                self._speech_started(at)
            case SpeechStopped(at):
                self._speech_stopped(at)
            case SoftEnd(at):
                self._soft_end(at)
            case TurnEnded(at, stopped):
                self._speech_stopped(stopped)
                self._turn_ended(at)
            case Dropped():
                self._drop_utterance()
            case Interrupted(at):
                self._barge_in(at)

    def _speech_started(self, at: float) -> None:
        """An utterance begins; `at` is its first voiced sample."""
        turn = self._utterance = _Turn(self._number + 1)
        self._settle()
        turn.stopwatch.mark(Mark.SPEECH_STARTED, at)
        self._tell(events.SpeechStarted(at))
        if self.engines.asr is not None:
            turn.recognition = Transcription(
                self.engines.asr,
                self.engines.asr_timeout,
                lambda transcript: self._transcribed(turn, transcript),
                lambda error: self._unrecognised(turn, error),
            )
            turn.recognition.start()

    def hear(self, samples: Samples) -> None:
        """More of the utterance."""
        if self._utterance is not None and self._utterance.recognition is not None:
            self._utterance.recognition.push(samples)

    def _speech_stopped(self, at: float) -> None:
        """A silence began; `at` is the last voiced sample."""
        turn = self._utterance
        if turn is None:
            return
        if Mark.SPEECH_STOPPED in turn.stopwatch and abs(turn.stopwatch[Mark.SPEECH_STOPPED] - at) < _SAME:
            return  # told already
        turn.stopwatch.move(Mark.SPEECH_STOPPED, at)
        self._tell(events.SpeechStopped(at))

    def date(self, at: float) -> None:
        """The utterance began at `at`: sound that is heard faster than it lasts is dated from its end."""
        if self._utterance is not None:
            self._utterance.stopwatch.move(Mark.SPEECH_STARTED, at)

    def _speech_resumed(self, at: float) -> None:
        """The utterance goes on: whatever was begun on trust was in vain."""
        turn = self._utterance
        if turn is None:
            return
        self._tell(events.SpeechStarted(at))
        self._discard(turn)
        turn.stopwatch.clear(Mark.SOFT_END, Mark.TRANSCRIPT, Mark.SPEECH_STOPPED)
        turn.final = False
        if turn.recognition is not None and turn.recognition.finished:
            turn.recognition.resume()

    def _soft_end(self, at: float) -> None:
        """A short silence: recognise and answer on trust."""
        turn = self._utterance
        if turn is None or not self.options.speculation or turn.recognition is None:
            return
        if turn.speculations < self.options.max_speculations:
            turn.speculations += 1
            turn.stopwatch.mark(Mark.SOFT_END, at)
            turn.recognition.finish()

    def _turn_ended(self, at: float) -> None:
        """The speaker has surely finished."""
        turn, self._utterance = self._utterance, None
        if turn is None:
            return
        if self._turn is not None:
            self._interrupt(at)
        turn.ended = True
        turn.stopwatch.mark(Mark.TURN_ENDED, at)
        self._take_floor(turn)
        self._push(TurnEnded(at, at, EndReason.FINISHED))
        if turn.recognition is not None and turn.failure is not None:
            turn.failure = None  # it failed on trust; now it counts, and gets its second chance
            turn.recognition.resume()
        if turn.recognition is not None:
            turn.recognition.finish()
        if turn.final:
            self._answer(turn)

    def _barge_in(self, at: float) -> None:
        """The user has spoken over the reply for long enough to mean it."""
        if self._turn is not None and self._turn is not self._utterance:
            self._interrupt(at)

    def say(self, text: str) -> None:
        """The user typed `text`."""
        now = time.monotonic()
        turn = self._utterance = _Turn(self._number + 1)
        for mark in (Mark.SPEECH_STARTED, Mark.SPEECH_STOPPED, Mark.TRANSCRIPT):
            turn.stopwatch.mark(mark, now)
        turn.text, turn.final = text, True
        self._tell(events.TranscriptCame(turn.number, text, True))
        self._turn_ended(now)

    def announce(self, text: str) -> _Turn:
        """Say something that nobody asked for just now."""
        return self._announce_now(text)

    def _announce_now(self, text: str, *, alone: bool = False) -> _Turn:
        turn = _Turn(self._number + 1, ended=True, final=True, alone=alone)
        self._take_floor(turn)
        self._push(Announced(time.monotonic()))
        self._commit(turn, self._start_reply(turn, _single(text)))
        return turn

    def stop(self, *, drop: bool = True) -> None:
        """Stop the answer, as a key does: a question of whose answer nothing was heard is dropped.

        Without `drop` it goes on in what is said next, as one that is spoken over does.
        """
        turn = self._turn
        if turn is not None:
            self._interrupt(time.monotonic(), dropped=drop)
            turn.unheard = False  # it is not wanted
            if self._utterance is None:
                self._push(NothingHeard(time.monotonic()))

    # Recognition

    def _transcribed(self, turn: _Turn, transcript: Transcript) -> None:
        if turn is not self._utterance and turn is not self._turn:
            return
        if not transcript.final and transcript.text == turn.text:
            return
        turn.text, turn.certain = transcript.text, transcript.certain
        turn.final = transcript.final
        turn.words = transcript
        self._tell(events.TranscriptCame(turn.number, transcript.text, transcript.final))
        if not transcript.final:
            return
        turn.stopwatch.mark(Mark.TRANSCRIPT, time.monotonic())
        if turn.ended:
            self._answer(turn)
        elif transcript.text and self._is_worth_answering(transcript.text):
            self._start_reply(turn, self._complete(turn))

    def _unrecognised(self, turn: _Turn, error: VoiceError) -> None:
        turn.failure = error
        if turn is self._turn and turn.ended:
            self._fail(turn, error)

    # Answering

    def _answer(self, turn: _Turn) -> None:
        """The turn is certain and its words are known."""
        if turn.recognition is not None and self._is_echo(turn):
            return
        self._cut_off = None
        if not turn.text:
            self._push(NothingHeard(time.monotonic()))
            self._forget(turn)
            return
        self._push(Transcribed(time.monotonic(), turn.text))
        reply = turn.reply
        if reply is None:
            reply = self._start_reply(turn, self._complete(turn))
        if Mark.SOFT_END in turn.stopwatch:
            self.ledger = self.ledger.hit(turn.stopwatch[Mark.TURN_ENDED] - turn.stopwatch[Mark.SOFT_END])
        self.history.add_user(turn.text, certain=turn.certain)
        self._commit(turn, reply)

    def _is_echo(self, turn: _Turn) -> bool:
        """Drop what the loudspeaker said, and say what it cut off again, this time undisturbed."""
        marks = turn.stopwatch
        stopped = Mark.SPEECH_STOPPED if Mark.SPEECH_STOPPED in marks else Mark.TURN_ENDED
        verdict = self._echo.judge(turn.text, marks[Mark.SPEECH_STARTED], marks[stopped])
        if verdict is Verdict.USER:
            return False
        self._discard(turn)
        if turn.text:
            self._tell(events.TranscriptCame(turn.number, "", True))
        self._push(NothingHeard(time.monotonic()))
        self._forget(turn)
        self.history.keep_question()
        if verdict is Verdict.ECHO and not self.half_duplex:
            self.half_duplex = True
            self._tell(events.Warned(_ECHO, "echo"))
        reply, self._cut_off = self._cut_off, None
        if reply is not None and reply.complete and reply.text and not self.busy:
            self._announce_now(reply.text, alone=True)
        return True

    def _complete(self, turn: _Turn) -> AsyncIterator[Token]:
        return self.engines.llm.complete(self.history.with_user(turn.text, certain=turn.certain))

    def _commit(self, turn: _Turn, reply: Reply) -> None:
        """Let the reply be heard, and show what of it there is already."""
        self._number = turn.number
        reply.commit()
        if reply.text:
            self._tell(events.TokenCame(turn.number, reply.text))
        if reply.complete:
            self._tell(events.ReplyFinished(turn.number, reply.text))

    def _start_reply(self, turn: _Turn, tokens: AsyncIterator[Token]) -> Reply:
        self._replies += 1
        turn.reply = reply = Reply(
            self._replies,
            tokens,
            Utterer(
                self.engines.tts,
                self.player,
                self._utterer_options,
                loudness=self._loudness,
                delivery=self._delivery,
            ),
            self._reply_options,
            on_token=lambda text: self._token(turn, reply, text),
            on_complete=lambda: self._completed(turn, reply),
            on_voice=lambda: self._voiced(turn, reply),
        )
        turn.playing = self._spawn(self._play(turn, reply))
        return reply

    async def _play(self, turn: _Turn, reply: Reply) -> None:
        try:
            finished = await reply.run()
        except VoiceError as error:
            if not error.recoverable:
                if turn is self._turn:
                    self._finish(turn, error=error)
                raise
            if turn.reply is reply and not turn.ended:
                turn.failure, turn.reply = None, None  # begun on trust; it is tried again when it counts
                return
            self._fail(turn, error)
            return
        if turn is self._turn and turn.reply is reply:
            if finished is not None:
                self._note_said(reply, finished, whole=not turn.alone)
            self._push(PlaybackFinished(time.monotonic() if finished is None else finished))
            self._finish(turn)

    def _note_said(self, reply: Reply, ended: float, *, whole: bool) -> None:
        """Remember what was in the air until `ended`, for it may come back."""
        began = self.player.first_sound
        if self.player.output.paced and reply.utterer.began and began is not None:
            self._echo.said(Said(reply.utterer.said(), began, ended), whole=whole)

    def _token(self, turn: _Turn, reply: Reply, text: str) -> None:
        if turn.reply is reply and reply.committed:
            self._tell(events.TokenCame(turn.number, text))

    def _completed(self, turn: _Turn, reply: Reply) -> None:
        if turn.reply is reply and reply.committed:
            self._tell(events.ReplyFinished(turn.number, reply.text))

    def _voiced(self, turn: _Turn, reply: Reply) -> None:
        if turn is self._turn and turn.reply is reply and self.state is State.THINKING:
            self._push(Voiced(time.monotonic()))

    def _discard(self, turn: _Turn) -> None:
        """Throw away what was begun on trust."""
        if Mark.SOFT_END in turn.stopwatch:
            self.ledger = self.ledger.miss(turn.reply.tokens if turn.reply is not None else 0)
        turn.reply = None
        if turn.playing is not None:
            turn.playing.cancel()
            turn.playing = None

    def _interrupt(self, at: float, *, dropped: bool = False) -> None:
        """End the turn that is being answered; of its reply only what was heard remains.

        `dropped` says that the question, unless part of an answer was heard, is not to be gone on with.
        """
        turn = self._turn
        if turn is None:
            return
        if self.state is not State.INTERRUPTED:
            self._push(Interrupted(at))
        if turn.recognition is not None:
            turn.recognition.cancel()
            going_on = None if dropped or self._utterance is None else self._utterance.recognition
            if not turn.final and going_on is not None:
                # Cut off before it was understood: it is the beginning of what is being said now.
                going_on.prepend(turn.recognition)
                self._forget(turn)
                return
        heard = ""
        if turn.reply is not None:
            self._note_said(turn.reply, time.monotonic() + self.player.output.latency, whole=False)
            heard = turn.reply.utterer.abort()
            # What rings and was not heard at all rings again by itself.
            self._cut_off = turn.reply if (turn.text or heard) and not dropped else None
        if turn.playing is not None:
            turn.playing.cancel()
        self._finish(turn, heard=heard, interrupted=True, dropped=dropped)

    def _fail(self, turn: _Turn, error: VoiceError) -> None:
        self._number = turn.number
        if turn is self._turn:
            self._push(Failed(time.monotonic()))
            self._finish(turn, error=error)
        self._tell(events.ErrorRaised(error, turn.number))

    def _finish(
        self,
        turn: _Turn,
        *,
        heard: str | None = None,
        interrupted: bool = False,
        dropped: bool = False,
        error: VoiceError | None = None,
    ) -> None:
        """Freeze the turn into its one account, and go on."""
        reply = turn.reply
        if reply is not None:
            turn.stopwatch.update(reply.stopwatch)
            turn.stopwatch.update(reply.utterer.stopwatch)
            heard = reply.utterer.heard() if heard is None else heard
        heard = (heard or "").rstrip()
        turn.unheard = interrupted and not heard
        dropped = dropped and not heard
        if dropped:
            self.history.drop_question()
        else:
            self.history.add_assistant(heard.strip(), interrupted=interrupted)
        timeline = turn.stopwatch.timeline()
        underruns = self.player.underruns
        self._forget(turn)
        self._finished += 1
        self._tell(
            events.TurnFinished(
                turn=turn.number,
                transcript=turn.text,
                reply=reply.text if reply is not None else "",
                heard=heard,
                interrupted=interrupted,
                dropped=dropped,
                timeline=timeline,
                underruns=underruns.count,
                silence=underruns.seconds,
                ledger=self.ledger,
                budget=judge(timeline, self._budgets),
                error=error,
            )
        )
        if (reply is not None and reply.goodbye and not interrupted) or self._finished == self.turns:
            self.end()

    # Small steps

    def _take_floor(self, turn: _Turn) -> None:
        self._turn = turn
        self._settle()

    def _forget(self, turn: _Turn) -> None:
        if turn is self._turn:
            self._turn = None
            self._settle()

    def _settle(self) -> None:
        """Tell those who wait whether there is anything left to wait for."""
        for event, calm in ((self._quiet, self._turn is None), (self._free, not self.busy)):
            if calm:
                event.set()
            else:
                event.clear()

    def _drop_utterance(self) -> None:
        turn, self._utterance = self._utterance, None
        if turn is None:
            return
        if turn.recognition is not None:
            turn.recognition.cancel()
        self._discard(turn)
        self._settle()
        if self.state is State.INTERRUPTED:
            self._push(NothingHeard(time.monotonic()))

    def _push(self, event: TurnEvent) -> None:
        before = self._machine.state
        after = self._machine.push(event)
        number = self._number if self._turn is None else self._turn.number
        self._tell(events.StateChanged(before, after, event.time, number))

    def _is_worth_answering(self, text: str) -> bool:
        return completeness(text, self.options.language) is not Completeness.UNFINISHED


async def _single(text: str) -> AsyncIterator[Token]:
    yield text
