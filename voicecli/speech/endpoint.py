"""Has the utterance ended? A short silence tells after a whole sentence, a long one after "a timer for"."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf, nan

from voicecli.speech.clause import Completeness, completeness

__all__ = ["EndReason", "EndpointOptions", "Endpointer", "SoftEnd", "TurnEnded"]


_LONGEST = 600.0  # seconds of a turn that a key is to end: it may have been forgotten


class EndReason(StrEnum):
    """What the silence was waited out for."""

    FINISHED = "finished"  # the words were a whole question, command or answer
    SILENCE = "silence"  # nothing was known of the words
    UNFINISHED = "unfinished"  # the words wanted more, and none came
    CAP = "cap"  # the utterance was too long
    CLOSED = "closed"  # the stream ended


@dataclass(frozen=True, slots=True)
class SoftEnd:
    """Perhaps the end: recognition and the model may start, and are void if speech starts again."""

    time: float  # seconds: now
    stopped: float  # seconds: the last voiced sample


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The end: the reply may be heard."""

    time: float  # seconds: now
    stopped: float  # seconds: the last voiced sample; equal to `time` where speech still ran
    reason: EndReason
    started: float = field(default=nan, compare=False)  # seconds: the first voiced sample, where it is known


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    soft_end: float = 0.1  # seconds of silence before a soft end
    min_wait: float = 0.3  # seconds of silence after a finished sentence
    wait: float = 0.6  # seconds of silence while nothing is known of the words
    max_wait: float = 1.5  # seconds of silence after an unfinished sentence
    patience: float = 1.2  # times this speaker's pauses: no shorter wait without words; 0 ignores them
    cap: float = 30.0  # seconds from the start of an utterance to its end, whatever is said
    language: str = "en"  # whose words are listened to; a tag such as "en" or "de-AT"

    def __post_init__(self) -> None:
        if self.soft_end <= 0:
            raise ValueError("soft_end must be above 0 s")
        if not 0 < self.min_wait <= self.wait <= self.max_wait:
            raise ValueError("0 < min_wait <= wait <= max_wait must hold")
        if self.patience < 0 or self.cap <= 0:
            raise ValueError("patience must not be negative, and cap above 0 s")

    def by_silence(self, silence: float) -> EndpointOptions:
        """The same, but `silence` seconds end a turn, whatever was said and whoever speaks."""
        return replace(self, soft_end=silence, min_wait=silence, wait=silence, max_wait=silence, patience=0.0)

    def patient(self) -> EndpointOptions:
        """The same, but no silence ends a turn: it lasts until the stream is closed, as by a key."""
        return replace(self, min_wait=inf, wait=inf, max_wait=inf, cap=max(self.cap, _LONGEST))


class Endpointer:
    """Decides when a speaker has finished; pure: time comes as an argument, in seconds that never go back.

    One serves a whole conversation, for it learns how long this speaker pauses. `started` and `stopped` take
    the times of the gate's signs; `tick` is called with every window.
    """

    def __init__(self, options: EndpointOptions | None = None) -> None:
        self.options = options or EndpointOptions()
        self._started: float | None = None  # when this utterance started
        self._stopped: float | None = None  # since when it is silent
        self._softened = False
        self._words = Completeness.UNKNOWN
        self._pause = 0.0  # the longest within this utterance
        self._pauses: deque[float] = deque(maxlen=5)  # the longest of each utterance before
        self._ended: float | None = None  # where the last utterance stopped, while it may yet be regretted

    @property
    def active(self) -> bool:
        """Whether an utterance is under way."""
        return self._started is not None

    @property
    def wait(self) -> float:
        """Seconds of silence after which the turn ends, as things stand."""
        options = self.options
        known = {Completeness.FINISHED: options.min_wait, Completeness.UNFINISHED: options.max_wait}
        if self._words in known:
            return known[self._words]
        likely = self._words is Completeness.LIKELY
        least = (options.min_wait + options.wait) / 2 if likely else options.wait
        return min(max(least, options.patience * self._habit()), options.max_wait)

    def started(self, time: float) -> None:
        """Speech started: an utterance begins, or goes on after a pause, and a soft end is void."""
        if self._started is None:
            self._regret(time)
            self._started = time
            self._words = Completeness.UNKNOWN
        elif self._stopped is not None:
            self._pause = max(self._pause, time - self._stopped)
            # These words were judged as the end of something that has gone on.
            self._words = Completeness.UNKNOWN
        self._stopped = None
        self._softened = False

    def stopped(self, time: float) -> None:
        """Speech stopped, its last voiced sample at `time`; ignored without an utterance."""
        if self._started is not None and self._stopped is None:
            self._stopped = max(time, self._started)

    def recognised(self, text: str) -> None:
        """The latest transcript of this utterance, partial or whole; replaces the one before."""
        if self._started is not None:
            self._words = completeness(text, self.options.language)

    def tick(self, time: float) -> SoftEnd | TurnEnded | None:
        """Decide, now that nothing but silence or running speech came up to `time`."""
        if self._started is None:
            return None
        stopped = self._stopped
        if stopped is not None and time >= stopped + self.wait:
            return self._end(time, stopped, REASONS[self._words])
        if time >= self._started + self.options.cap:
            return self._end(time, time if stopped is None else stopped, EndReason.CAP)
        if stopped is not None and not self._softened and time >= stopped + self.options.soft_end:
            self._softened = True
            return SoftEnd(time, stopped)
        return None

    def close(self, time: float) -> TurnEnded | None:
        """At the end of the stream, or of the key that is held to talk: no more waiting."""
        if self._started is None:
            return None
        return self._end(time, time if self._stopped is None else self._stopped, EndReason.CLOSED)

    def reset(self) -> None:
        """Drop the utterance without an end; what is known of the speaker stays."""
        self._started = None
        self._stopped = None
        self._softened = False
        self._words = Completeness.UNKNOWN
        self._pause = 0.0
        self._ended = None

    def _end(self, time: float, stopped: float, reason: EndReason) -> TurnEnded:
        pause, started = self._pause, nan if self._started is None else self._started
        self.reset()
        self._pauses.append(pause)
        self._ended = stopped if reason is not EndReason.CAP else None
        return TurnEnded(time, stopped, reason, started)

    def _regret(self, time: float) -> None:
        """Speech right after an end was a pause in truth, if it is shorter than the longest wait."""
        if self._ended is not None and time - self._ended < self.options.max_wait:
            self._pauses[-1] = max(self._pauses[-1], time - self._ended)
        self._ended = None

    def _habit(self) -> float:
        """How long this speaker pauses: in this utterance, or on the average in the last ones."""
        usual = sum(self._pauses) / len(self._pauses) if self._pauses else 0.0
        return max(self._pause, usual)


REASONS = {
    Completeness.FINISHED: EndReason.FINISHED,
    Completeness.LIKELY: EndReason.FINISHED,
    Completeness.UNKNOWN: EndReason.SILENCE,
    Completeness.UNFINISHED: EndReason.UNFINISHED,
}
