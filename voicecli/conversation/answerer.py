"""The answerer: makes replies, remembers what they said aloud, and closes the account of each turn."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from voicecli.audio.loudness import Loudness
from voicecli.audio.player import AudioStreamPlayer
from voicecli.conversation import events
from voicecli.conversation.context import History
from voicecli.conversation.draft import Reply, ReplyOptions
from voicecli.conversation.echo import EchoGuard, Said, Verdict
from voicecli.conversation.turn import Turn
from voicecli.conversation.turntaking import Failed, Happening, Interrupted
from voicecli.latency.budget import judge
from voicecli.latency.timeline import Mark, Span
from voicecli.providers.delivery import Delivery
from voicecli.providers.language_model import Directs, LanguageModel, Token
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.utterer import Utterer, UttererOptions

__all__ = ["Answerer", "Engines"]


@dataclass(frozen=True, slots=True)
class Engines:
    """What a conversation thinks and speaks with, and hears with if it has ears."""

    llm: LanguageModel
    tts: Synthesizer
    asr: Recognizer | None = None
    asr_timeout: float = 10.0  # seconds without progress after the utterance has ended


class Answerer:
    """The voice of a conversation, and its memory."""

    def __init__(
        self,
        engines: Engines,
        player: AudioStreamPlayer,
        listener: events.Listener,
        *,
        history: History,
        reply: ReplyOptions,
        utterer: UttererOptions,
        budgets: Mapping[Span, float],
    ) -> None:
        self.engines = engines
        self.history = history
        self.tell = listener
        self.ledger = events.Ledger()
        self.cut_off: Reply | None = None  # the answer that was interrupted last, if nothing was said since
        self.number = 0  # of the last turn that was answered, interrupted or failed
        self.turns = 0  # that have come to their account
        self._player = player
        self._reply_options = reply
        self._utterer_options = utterer
        self._budgets = budgets
        self._loudness = Loudness()  # of the voice, over all replies
        self._delivery = Delivery(engines.tts)
        if isinstance(engines.llm, Directs):
            engines.llm.delivery = self._delivery
        self._echo = EchoGuard()

    def begin(self, turn: Turn, text: str = "") -> Reply:
        """A reply that waits until it is committed: what the model says to the words of `turn`, or `text`."""
        said = turn.transcript
        utterer = Utterer(
            self.engines.tts,
            self._player,
            self._utterer_options,
            loudness=self._loudness,
            delivery=self._delivery,
        )
        tokens = (
            _single(text)
            if text
            else self.engines.llm.complete(self.history.with_user(said.text, certain=said.certain))
        )
        turn.reply = Reply(tokens, utterer, self._reply_options, self.tell)
        return turn.reply

    def commit(self, turn: Turn, reply: Reply) -> None:
        """The turn is certain: it is answered."""
        said, marks = turn.transcript, turn.stopwatch
        if Mark.SOFT_END in marks:
            self.ledger = self.ledger.hit(marks[Mark.TURN_ENDED] - marks[Mark.SOFT_END])
        if said.text:
            self.history.add_user(said.text, certain=said.certain)
        self.number = turn.number
        reply.commit(turn.number)

    def discard(self, turn: Turn) -> None:
        """Throw away what was begun on trust."""
        if Mark.SOFT_END in turn.stopwatch:
            self.ledger = self.ledger.miss(turn.reply.tokens if turn.reply is not None else 0)
        turn.stopwatch.clear(Mark.SOFT_END, Mark.TRANSCRIPT)
        turn.drop_reply()

    def judge(self, turn: Turn) -> Verdict:
        """Who said the words of `turn`."""
        marks = turn.stopwatch
        if turn.transcription is None:
            return Verdict.USER
        stopped = Mark.SPEECH_STOPPED if Mark.SPEECH_STOPPED in marks else Mark.TURN_ENDED
        return self._echo.judge(turn.transcript.text, marks[Mark.SPEECH_STARTED], marks[stopped])

    def note(self, reply: Reply, ended: float, *, whole: bool) -> None:
        """Remember what was in the air until `ended` (monotonic seconds), for it may come back."""
        began = self._player.first_sound
        if self._player.output.paced and reply.utterer.began and began is not None:
            self._echo.said(Said(reply.utterer.said(), began, ended), whole=whole)

    def silence(self, turn: Turn, *, wanted: bool) -> None:
        """Of the reply only what was heard remains; it is said again if `wanted` and an echo cut it off."""
        reply = turn.reply
        if reply is not None:
            self.note(reply, time.monotonic() + self._player.output.latency, whole=False)
            turn.heard = reply.utterer.abort()
            # What rings and was not heard at all rings again by itself.
            self.cut_off = reply if wanted and (turn.transcript.text or turn.heard) else None

    def account(self, turn: Turn, event: Happening) -> None:
        """Freeze the turn into its one account, now that `event` has ended it."""
        reply, interrupted = turn.reply, isinstance(event, Interrupted)
        if reply is not None:
            turn.stopwatch.update(reply.stopwatch)
            turn.stopwatch.update(reply.utterer.stopwatch)
            if not interrupted:
                turn.heard = reply.utterer.heard()
        turn.heard = turn.heard.rstrip()
        turn.unheard = isinstance(event, Interrupted) and not (turn.heard or event.by_key)
        dropped = isinstance(event, Interrupted) and event.drop and not turn.heard
        if dropped:
            self.history.drop_question()
        else:
            self.history.add_assistant(turn.heard.strip(), interrupted=interrupted)
        timeline, underruns = turn.stopwatch.timeline(), self._player.underruns
        error = event.error if isinstance(event, Failed) else None
        self.number = turn.number
        self.turns += 1
        turn.over.set()
        self.tell(
            events.TurnFinished(
                turn=turn.number,
                transcript=turn.transcript.text,
                reply=reply.text if reply is not None else "",
                heard=turn.heard,
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
        if error is not None and error.recoverable:
            self.tell(events.ErrorRaised(error, turn.number))


async def _single(text: str) -> AsyncIterator[Token]:
    yield text
