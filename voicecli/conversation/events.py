"""What a conversation reports while it goes on: for the screen, the JSON output and the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from voicecli.conversation.turntaking import State
from voicecli.errors import VoiceError
from voicecli.latency.budget import Verdict
from voicecli.latency.timeline import Span, Timeline
from voicecli.speech.gate import SpeechStarted, SpeechStopped

__all__ = [
    "ErrorRaised",
    "Event",
    "Ledger",
    "Listener",
    "Ready",
    "ReplyFinished",
    "SpeechStarted",
    "SpeechStopped",
    "StateChanged",
    "TokenCame",
    "TranscriptCame",
    "TurnFinished",
    "Warned",
]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What starting on trust has won and cost in a conversation; every method returns the new ledger."""

    hits: int = 0  # short silences at which work was begun that was used
    misses: int = 0  # those after which the speaker went on
    saved: float = 0.0  # seconds by which the used work was ahead of the end of its turn
    wasted_tokens: int = 0  # tokens of replies thrown away

    def hit(self, saved: float) -> Ledger:
        """Work begun `saved` seconds before its turn surely ended is used."""
        return replace(self, hits=self.hits + 1, saved=self.saved + max(0.0, saved))

    def miss(self, tokens: int) -> Ledger:
        """Work is thrown away, and with it a reply of `tokens` tokens so far."""
        return replace(self, misses=self.misses + 1, wasted_tokens=self.wasted_tokens + tokens)


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything is open and warm."""

    engines: Mapping[str, str]  # by stage
    reasons: Mapping[str, str]  # why each engine, by stage
    devices: Mapping[str, str]  # mic, speaker
    rates: Mapping[str, int]  # samples a second
    saved: str | None  # the folder that keeps the conversation


@dataclass(frozen=True, slots=True)
class StateChanged:
    before: State
    after: State
    time: float  # monotonic seconds
    turn: int


@dataclass(frozen=True, slots=True)
class TranscriptCame:
    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TokenCame:
    """More of the reply; what was made before the turn was certain comes as one."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The model has said everything."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """One frozen account of a turn, read by everything that reports."""

    turn: int
    transcript: str
    reply: str
    heard: str  # the part of the reply that left the loudspeaker
    interrupted: bool
    timeline: Timeline
    underruns: int
    silence: float  # seconds that the underruns put into the reply
    ledger: Ledger
    budget: Mapping[Span, Verdict]
    error: VoiceError | None = None
    dropped: bool = False  # a key cancelled it before anything of the reply was heard: the model forgets it


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know that stops nothing."""

    message: str
    kind: str | None = None  # "echo": the microphone hears the loudspeaker


@dataclass(frozen=True, slots=True)
class ErrorRaised:
    error: VoiceError
    turn: int


Event: TypeAlias = (
    Ready
    | StateChanged
    | SpeechStarted
    | SpeechStopped
    | TranscriptCame
    | TokenCame
    | ReplyFinished
    | TurnFinished
    | Warned
    | ErrorRaised
)

Listener: TypeAlias = Callable[[Event], None]
