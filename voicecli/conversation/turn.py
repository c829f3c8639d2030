"""One turn: what is said, what is answered, and when."""

from __future__ import annotations

import asyncio

from voicecli.conversation.draft import Reply
from voicecli.conversation.transcription import Transcription
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.recognizer import Transcript

__all__ = ["Turn"]

_SAME = 0.001  # seconds: two moments that are one
_SHIFTED = 0.05  # seconds by which only sound that is not heard at its own pace shifts against the clock


class Turn:
    """The utterance first, the reply afterwards; what of it is under way is the floor's to know."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.stopwatch = Stopwatch()
        self.transcript = Transcript("")  # the latest
        self.transcription: Transcription | None = None  # of what is spoken
        self.speculations = 0
        self.reply: Reply | None = None
        self.heard = ""  # the part of the reply that left the loudspeaker, once it is silent
        self.alone = False  # nothing is to be heard while it speaks
        self.unheard = False  # it was spoken over before a word of it was in the air
        self.over = asyncio.Event()

    def stopped(self, at: float) -> bool:
        """Speech stopped at `at` (monotonic seconds); returns whether that is news."""
        marks = self.stopwatch
        if Mark.SPEECH_STOPPED in marks and abs(marks[Mark.SPEECH_STOPPED] - at) < _SAME:
            return False
        marks.move(Mark.SPEECH_STOPPED, at)
        return True

    def ended(self, at: float, began: float) -> None:
        """The end is certain; sound that is heard faster than it lasts is dated from there."""
        self.stopwatch.mark(Mark.TURN_ENDED, at)
        if abs(began - self.stopwatch[Mark.SPEECH_STARTED]) > _SHIFTED:
            self.stopwatch.move(Mark.SPEECH_STARTED, began)

    def drop_reply(self) -> None:
        """Nothing comes of the reply that was begun."""
        if self.reply is not None:
            self.reply.drop()
            self.reply = None

    def cut(self) -> None:
        """Nothing is to be recognised or made any more."""
        if self.transcription is not None:
            self.transcription.cancel()
        if self.reply is not None:
            self.reply.drop()
