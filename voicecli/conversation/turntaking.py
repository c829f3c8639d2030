"""Who has the floor: what may happen when, what follows and what is to be done: tables and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeAlias, TypeVar

from voicecli.errors import TurnError, VoiceError
from voicecli.speech.endpoint import SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted

__all__ = [
    "TURNS",
    "UTTERANCES",
    "Action",
    "Announced",
    "Dropped",
    "Failed",
    "Floor",
    "Happening",
    "Interrupted",
    "Misheard",
    "NothingHeard",
    "PlaybackFinished",
    "Rejoined",
    "Speech",
    "State",
    "Transcribed",
    "Typed",
    "Understood",
    "Voiced",
    "drawing",
]


class State(StrEnum):
    """What the conversation is doing."""

    LISTENING = "LISTENING"  # nobody speaks, or the user does
    PROCESSING = "PROCESSING"  # the utterance is being recognised
    THINKING = "THINKING"  # the reply is being made, and nothing of it can be heard yet
    SPEAKING = "SPEAKING"  # the reply is in the air
    INTERRUPTED = "INTERRUPTED"  # the user speaks over the reply


class Speech(StrEnum):
    """How far the utterance is that is being said, whatever is answered meanwhile."""

    SILENT = "SILENT"  # there is none
    SPOKEN = "SPOKEN"  # it goes on
    TRUSTED = "TRUSTED"  # a short silence: it is recognised on trust
    UNDERSTOOD = "UNDERSTOOD"  # and its words are known, and perhaps answered
    MISHEARD = "MISHEARD"  # or recognition failed


class Action(StrEnum):
    """What is to be done about it."""

    BEGIN = "begin to recognise"
    WRITE = "take the text as it is"
    ASK = "ask for the final transcript"
    DRAFT = "make a reply, unheard"
    DISCARD = "throw away what was begun on trust"
    RESUME = "recognise all of it again"
    REJOIN = "recognise it behind what was said before"
    DROP = "forget the utterance"
    TAKE = "the utterance becomes the turn"
    DECIDE = "decide whether its words are to be answered"
    ANSWER = "let the reply be heard"
    SILENCE = "end the sound and the reply"
    RELEASE = "forget the turn"
    ACCOUNT = "report the turn"


@dataclass(frozen=True, slots=True)
class _Timed:
    time: float  # monotonic seconds


class Dropped(_Timed):
    """What seemed to be an utterance was too short to be one."""


@dataclass(frozen=True, slots=True)
class Typed(_Timed):
    """The user typed it."""

    text: str


class Understood(_Timed):
    """The final transcript of what is being said is there, on trust."""


class Misheard(_Timed):
    """Recognition of what is being said failed; when the turn ends it gets a second chance."""


class Rejoined(_Timed):
    """The user goes on before what was said has been understood."""


@dataclass(frozen=True, slots=True)
class Announced(_Timed):
    """The assistant speaks first."""

    text: str
    alone: bool = False  # nothing is to be heard meanwhile


class Transcribed(_Timed):
    """The utterance of the turn has been understood."""


class NothingHeard(_Timed):
    """There were no words in it, or nobody speaks after all."""


class Voiced(_Timed):
    """The first of the reply goes to the loudspeaker."""


@dataclass(frozen=True, slots=True)
class Interrupted(_Timed):
    """The user speaks over the reply for long enough to mean it, or a key stops it."""

    by_key: bool = False  # what was not heard is not wanted
    drop: bool = False  # nor is the question to be gone on with, unless part of the answer was heard


class PlaybackFinished(_Timed):
    """The reply has been heard to its end, or there was nothing to say."""


@dataclass(frozen=True, slots=True)
class Failed(_Timed):
    """The turn ends without a reply, or in the middle of it."""

    error: VoiceError


Happening: TypeAlias = (
    SpeechStarted | SoftEnd | TurnEnded | Dropped | Typed | Understood | Misheard | Rejoined | Announced
    | Transcribed | NothingHeard | Voiced | Interrupted | PlaybackFinished | Failed
)  # fmt: skip

Part = TypeVar("Part", State, Speech)


@dataclass(frozen=True, slots=True)
class _Rule(Generic[Part]):
    after: Part
    when: str
    actions: tuple[Action, ...] = ()


_Table: TypeAlias = Mapping[Part, Mapping[type[Happening], _Rule[Part]]]

# Rules that hold in several states
_AGAIN: Final = _Rule(Speech.SPOKEN, "you go on after all", (Action.DISCARD, Action.RESUME))
_RECOGNISED: Final[dict[type[Happening], _Rule[Speech]]] = {
    Understood: _Rule(Speech.UNDERSTOOD, "the final transcript is there", (Action.DRAFT,)),
    Misheard: _Rule(Speech.MISHEARD, "recognition failed"),
}
_ENDED: Final[dict[type[Happening], _Rule[Speech]]] = {
    Rejoined: _Rule(Speech.SPOKEN, "the last turn was its beginning", (Action.DISCARD,)),
    Dropped: _Rule(Speech.SILENT, "it was too short to be speech", (Action.DISCARD, Action.DROP)),
    TurnEnded: _Rule(Speech.SILENT, "you have surely finished", (Action.ASK,)),
}
_CUT: Final = (Action.SILENCE, Action.ACCOUNT)
_TAKEN: Final = _Rule(State.PROCESSING, "you have surely finished", (Action.TAKE,))
_OVER: Final = _Rule(
    State.LISTENING, "the reply has been heard to its end, if there is one", (Action.ACCOUNT,)
)
_FAILED: Final = _Rule(State.LISTENING, "recognition, the model or the voice failed", (Action.ACCOUNT,))
_SPOKEN_OVER: Final = _Rule(State.INTERRUPTED, "you speak over it, or press Esc", _CUT)

UTTERANCES: Final[_Table[Speech]] = {
    Speech.SILENT: {
        SpeechStarted: _Rule(Speech.SPOKEN, "you speak", (Action.BEGIN,)),
        Typed: _Rule(Speech.UNDERSTOOD, "you type", (Action.WRITE,)),
        Announced: _Rule(Speech.SILENT, "the assistant speaks first"),
    },
    Speech.SPOKEN: {
        SpeechStarted: _Rule(Speech.SPOKEN, "you go on after a moment"),
        SoftEnd: _Rule(Speech.TRUSTED, "a short silence", (Action.ASK,)),
        **_RECOGNISED,
        **_ENDED,
    },
    Speech.TRUSTED: {SpeechStarted: _AGAIN, **_RECOGNISED, **_ENDED},
    Speech.UNDERSTOOD: {
        SpeechStarted: _AGAIN,
        **_ENDED,
        TurnEnded: _Rule(Speech.SILENT, "its words are known already", (Action.DECIDE,)),
    },
    Speech.MISHEARD: {
        SpeechStarted: _AGAIN,
        **_ENDED,
        TurnEnded: _Rule(Speech.SILENT, "it gets its second chance", (Action.RESUME, Action.ASK)),
    },
}
"""What is being said."""

TURNS: Final[_Table[State]] = {
    State.LISTENING: {
        TurnEnded: _TAKEN,
        Announced: _Rule(State.THINKING, "a timer rings", (Action.WRITE, Action.TAKE, Action.ANSWER)),
    },
    State.PROCESSING: {
        Transcribed: _Rule(State.THINKING, "the utterance has been understood", (Action.ANSWER,)),
        NothingHeard: _Rule(State.LISTENING, "there were no words in it", (Action.RELEASE,)),
        Rejoined: _Rule(State.INTERRUPTED, "both parts are one utterance", (Action.REJOIN, Action.RELEASE)),
        Interrupted: _Rule(State.INTERRUPTED, "you press Esc, or type on", _CUT),
        Failed: _FAILED,
    },
    State.THINKING: {
        Voiced: _Rule(State.SPEAKING, "the first of the reply goes to the loudspeaker"),
        PlaybackFinished: _OVER,
        Interrupted: _SPOKEN_OVER,
        Failed: _FAILED,
    },
    State.SPEAKING: {PlaybackFinished: _OVER, Interrupted: _SPOKEN_OVER, Failed: _FAILED},
    State.INTERRUPTED: {
        TurnEnded: _TAKEN,
        NothingHeard: _Rule(State.LISTENING, "it was no speech after all, or Esc ended the reply"),
    },
}
"""What is being answered; its actions are done first."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who has it, and how far the utterance is that is being said."""

    state: State = State.LISTENING
    speech: Speech = Speech.SILENT

    @property
    def in_utterance(self) -> bool:
        """Whether an utterance is under way."""
        return self.speech is not Speech.SILENT

    @property
    def answering(self) -> bool:
        """Whether an utterance is being recognised or answered."""
        return self.state not in (State.LISTENING, State.INTERRUPTED)

    @property
    def busy(self) -> bool:
        """Whether something is being said or answered."""
        return self.in_utterance or self.answering

    def after(self, event: Happening) -> tuple[Floor, tuple[Action, ...]]:
        """The floor after `event`, and what is to be done, in order. Raises TurnError."""
        said, answered = _rule(UTTERANCES, self.speech, event), _rule(TURNS, self.state, event)
        after = Floor(answered.after if answered else self.state, said.after if said else self.speech)
        return after, (answered.actions if answered else ()) + (said.actions if said else ())


def _rule(table: _Table[Part], part: Part, event: Happening) -> _Rule[Part] | None:
    """None where such events are nothing to the table."""
    kind = type(event)
    if kind not in table[part] and any(kind in row for row in table.values()):
        raise TurnError(f"{kind.__name__} is not allowed while {part}.")
    return table[part].get(kind)


def drawing() -> Iterator[str]:
    """Both tables as lines of Markdown: who has the floor as a picture, and each rule with what is done."""
    yield from ("```mermaid", "stateDiagram-v2", f"    [*] --> {State.LISTENING}")
    for state, row in TURNS.items():
        for following in dict.fromkeys(rule.after for rule in row.values() if rule.after is not state):
            events = [kind.__name__ for kind, rule in row.items() if rule.after is following]
            yield f"    {state} --> {following}: {', '.join(events)}"
    yield "```"
    for table in (TURNS, UTTERANCES):
        yield from ("", "| in state | on event | goes to | when | what is done |", "|---|---|---|---|---|")
        for part, rules in table.items():
            for kind, rule in rules.items():
                done = "; ".join(rule.actions) or "–"
                yield f"| `{part}` | `{kind.__name__}` | `{rule.after}` | {rule.when} | {done} |"


if __name__ == "__main__":
    print("\n".join(drawing()))
