"""Events of a conversation by voice, as flows pass them on. Times are in seconds since the sound began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "CallEnded",
    "CallStarted",
    "SpeechEnd",
    "SpeechEvent",
    "SpeechPartialResult",
    "SpeechStart",
    "SpeechToTextResult",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStart:
    """Somebody begins to speak."""

    time_since_start: float
    event_name: str = "speech_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnd:
    """Nobody speaks any more."""

    time_since_start: float
    event_name: str = "speech_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPartialResult:
    """What was understood so far of an utterance; each replaces the one before."""

    text: str
    time_since_start: float  # of the sound that it is about
    event_name: str = "speech_partial_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechToTextResult:
    """What was understood of an utterance that is over."""

    text: str
    time_since_start: float  # of its last voiced sample
    event_name: str = "speech_to_text_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A telephone call has begun."""

    call_id: str
    stream_id: str | None = None  # of the sound that belongs to it
    event_name: str = "call_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The telephone call is over."""

    event_name: str = "call_ended"


SpeechEvent: TypeAlias = SpeechStart | SpeechEnd | SpeechPartialResult | SpeechToTextResult
"""What is told of the sound that comes in."""
