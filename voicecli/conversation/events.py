"""What a conversation reports while it goes on: for the screen, the JSON output and the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from voicecli.conversation.speculation import Ledger
from voicecli.conversation.turn import State
from voicecli.errors import VoiceError
from voicecli.latency.budget import Verdict
from voicecli.latency.timeline import Span, Timeline

__all__ = [
    "ErrorRaised",
    "Event",
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
class SpeechStarted:
    time: float  # monotonic seconds of the first voiced sample at the microphone


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    time: float  # monotonic seconds of the last voiced sample at the microphone


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
