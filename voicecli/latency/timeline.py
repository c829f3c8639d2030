"""A turn's marks on one monotonic clock, and the spans between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

__all__ = ["SPANS", "STAGE_SPANS", "Mark", "Span", "Stopwatch", "Timeline"]


class Mark(StrEnum):
    """A named moment, in the order in which a turn usually reaches it."""

    SPEECH_STARTED = "speech_started"  # first voiced sample at the microphone
    SPEECH_STOPPED = "speech_stopped"  # last voiced sample at the microphone
    SOFT_END = "soft_end"  # a short silence: recognition and the model start on trust
    TURN_ENDED = "turn_ended"  # the end of the turn is certain
    TRANSCRIPT = "transcript"  # the final transcript is there
    FIRST_TOKEN = "first_token"  # of the reply
    FIRST_PHRASE = "first_phrase"  # text handed to synthesis
    FIRST_CHUNK = "first_chunk"  # first encoded byte of speech
    FIRST_SOUND = "first_sound"  # first audible sample at the loudspeaker
    REPLY_ENDED = "reply_ended"  # the last sample of the reply is made
    PLAYBACK_FINISHED = "playback_finished"  # the last sample left the loudspeaker


class Span(StrEnum):
    """What lies between two marks."""

    ENDPOINT = "endpoint"
    ASR = "asr"
    TTFT = "ttft"
    PHRASE = "phrase"
    TTFB = "ttfb"
    PLAYOUT = "playout"
    TTFA = "ttfa"
    VOICE_TO_VOICE = "voice_to_voice"


SPANS: Mapping[Span, tuple[Mark, Mark]] = MappingProxyType(
    {
        Span.ENDPOINT: (Mark.SPEECH_STOPPED, Mark.TURN_ENDED),
        Span.ASR: (Mark.TURN_ENDED, Mark.TRANSCRIPT),
        Span.TTFT: (Mark.TRANSCRIPT, Mark.FIRST_TOKEN),
        Span.PHRASE: (Mark.FIRST_TOKEN, Mark.FIRST_PHRASE),
        Span.TTFB: (Mark.FIRST_PHRASE, Mark.FIRST_CHUNK),
        Span.PLAYOUT: (Mark.FIRST_CHUNK, Mark.FIRST_SOUND),
        Span.TTFA: (Mark.FIRST_PHRASE, Mark.FIRST_SOUND),
        Span.VOICE_TO_VOICE: (Mark.SPEECH_STOPPED, Mark.FIRST_SOUND),
    }
)

_WAITS = (
    ("endpoint", Mark.TURN_ENDED),
    ("asr", Mark.TRANSCRIPT),
    ("llm", Mark.FIRST_PHRASE),
    ("tts", Mark.FIRST_CHUNK),
    ("playout", Mark.FIRST_SOUND),
)

STAGE_SPANS: Mapping[str, tuple[Span, ...]] = MappingProxyType(
    {
        "endpoint": (Span.ENDPOINT,),
        "asr": (Span.ASR,),
        "llm": (Span.TTFT, Span.PHRASE),
        "tts": (Span.TTFB,),
        "playout": (Span.PLAYOUT,),
    }
)
"""Whose budgets what is waited for from a stage is held to."""

# A transcript that speculation had before the turn ended cost the listener nothing.
_NEVER_NEGATIVE = frozenset({Span.ASR})


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every mark that a turn reached, in monotonic seconds; a mark it did not reach is absent."""

    marks: Mapping[Mark, float] = field(default_factory=dict)

    def span(self, span: Span) -> float | None:
        """Seconds, or None when one of its marks is unset."""
        first, last = SPANS[span]
        if first not in self.marks or last not in self.marks:
            return None
        seconds = self.marks[last] - self.marks[first]
        return max(seconds, 0.0) if span in _NEVER_NEGATIVE else seconds

    def waited(self, span: Span) -> float | None:
        """How much of the span somebody waited for: not what passed before the turn had surely ended.

        Differs from `span` only where work was begun on trust. Seconds, None when one of its marks is unset.
        """
        seconds = self.span(span)
        if seconds is None or span in (Span.ENDPOINT, Span.VOICE_TO_VOICE):
            return seconds
        first, last = SPANS[span]
        certain = self.marks.get(Mark.TURN_ENDED, self.marks[first])
        return max(self.marks[last], certain) - max(self.marks[first], certain)

    def spans(self) -> dict[Span, float | None]:
        """Every span, None where a mark is unset."""
        return {span: self.span(span) for span in Span}

    def since(self, origin: Mark) -> dict[Mark, float | None]:
        """Every mark in seconds after `origin`, None when either is unset."""
        zero = self.marks.get(origin)
        return {
            mark: None if zero is None or mark not in self.marks else self.marks[mark] - zero for mark in Mark
        }

    def waits(self) -> dict[str, float]:
        """What the listener waited for, stage by stage: seconds that add up to `voice_to_voice`.

        Unlike the spans these do not overlap: work that was done before the turn had surely ended cost
        nobody anything. Empty without a first sound or an end of speech.
        """
        marks = self.marks
        if Mark.SPEECH_STOPPED not in marks or Mark.FIRST_SOUND not in marks:
            return {}
        reached = marks[Mark.SPEECH_STOPPED]
        waits = {}
        for stage, mark in _WAITS:
            until = max(reached, marks.get(mark, reached))
            waits[stage] = until - reached
            reached = until
        return waits


class Stopwatch:
    """Collects the marks of one turn; the first time a mark is set counts."""

    def __init__(self) -> None:
        self._marks: dict[Mark, float] = {}

    def mark(self, mark: Mark, time: float) -> None:
        """Set `mark` to `time` (monotonic seconds) unless it is set."""
        self._marks.setdefault(mark, time)

    def move(self, mark: Mark, time: float) -> None:
        """Set `mark` to `time` even if it is set: speech that goes on stops later."""
        self._marks[mark] = time

    def clear(self, *marks: Mark) -> None:
        """Forget marks that a cancelled speculation had set."""
        for mark in marks:
            self._marks.pop(mark, None)

    def __contains__(self, mark: Mark) -> bool:
        return mark in self._marks

    def __getitem__(self, mark: Mark) -> float:
        return self._marks[mark]

    def update(self, other: Stopwatch) -> None:
        """Take over every mark that `other` has and this one lacks."""
        for mark, time in other._marks.items():
            self.mark(mark, time)

    def timeline(self) -> Timeline:
        """The marks so far, frozen."""
        return Timeline(MappingProxyType(dict(self._marks)))
