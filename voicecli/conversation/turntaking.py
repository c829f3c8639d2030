"""Who has the floor: the turn machine, a table and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from voicecli.errors import TurnError
from voicecli.speech.endpoint import TurnEnded

__all__ = [
    "TRANSITIONS",
    "Announced",
    "Dropped",
    "Failed",
    "Interrupted",
    "NothingHeard",
    "PlaybackFinished",
    "State",
    "Transcribed",
    "TurnEvent",
    "TurnMachine",
    "Voiced",
]


class State(StrEnum):
    """What the conversation is doing."""

    LISTENING = "LISTENING"  # nobody speaks, or the user does
    PROCESSING = "PROCESSING"  # the utterance is being recognised
    THINKING = "THINKING"  # the reply is being made, and nothing of it can be heard yet
    SPEAKING = "SPEAKING"  # the reply is in the air
    INTERRUPTED = "INTERRUPTED"  # the user speaks over the reply


@dataclass(frozen=True, slots=True)
class Dropped:
    """What seemed to be an utterance was too short to be one."""

    time: float  # monotonic seconds, as in every event


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The utterance has been understood."""

    time: float
    text: str


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """There were no words in the utterance."""

    time: float


@dataclass(frozen=True, slots=True)
class Announced:
    """The assistant speaks first."""

    time: float


@dataclass(frozen=True, slots=True)
class Voiced:
    """The first of the reply goes to the loudspeaker."""

    time: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The user speaks while the reply is made or played, or stops it with a key."""

    time: float


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """The reply has been heard to its end, or there was nothing to say."""

    time: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn ends without a reply."""

    time: float


TurnEvent: TypeAlias = (
    TurnEnded | Transcribed | NothingHeard | Announced | Voiced | Interrupted | PlaybackFinished | Failed
)

TRANSITIONS: Mapping[State, Mapping[type[TurnEvent], State]] = MappingProxyType(
    {
        State.LISTENING: {TurnEnded: State.PROCESSING, Announced: State.THINKING},
        State.PROCESSING: {
            Transcribed: State.THINKING,
            NothingHeard: State.LISTENING,
            Interrupted: State.INTERRUPTED,
            Failed: State.LISTENING,
        },
        State.THINKING: {
            Voiced: State.SPEAKING,
            PlaybackFinished: State.LISTENING,
            Interrupted: State.INTERRUPTED,
            Failed: State.LISTENING,
        },
        State.SPEAKING: {
            PlaybackFinished: State.LISTENING,
            Interrupted: State.INTERRUPTED,
            Failed: State.LISTENING,
        },
        State.INTERRUPTED: {
            TurnEnded: State.PROCESSING,
            NothingHeard: State.LISTENING,
            Failed: State.LISTENING,
        },
    }
)


class TurnMachine:
    """Holds the state; what the table does not allow raises TurnError and changes nothing."""

    def __init__(self) -> None:
        self.state = State.LISTENING

    def push(self, event: TurnEvent) -> State:
        """Apply an event and return the new state. Raises TurnError."""
        following = TRANSITIONS[self.state].get(type(event))
        if following is None:
            raise TurnError(f"{type(event).__name__} is not allowed while {self.state}.")
        self.state = following
        return following
