"""What happened in a conversation: shown, saved and counted."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol, Self

from voicecli.conversation import events
from voicecli.conversation.journal import Journal
from voicecli.conversation.record import event_record, summary_record
from voicecli.errors import SaveError, VoiceError
from voicecli.latency.render import milliseconds
from voicecli.latency.statistics import Statistics, summarize
from voicecli.latency.timeline import Span

__all__ = ["Account", "View"]

_SAVED = (
    events.Ready
    | events.TranscriptCame
    | events.ReplyFinished
    | events.TurnFinished
    | events.Warned
    | events.ErrorRaised
)


class View(Protocol):
    """What the user sees of it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def __call__(self, event: events.Event) -> None: ...

    def watch(self, level: Callable[[], float], heard: Callable[[], str]) -> None:
        """`level` is the microphone's in dBFS, `heard` the reply as far as it has left the loudspeaker."""
        ...

    def status(self, text: str, *, listening: bool = True) -> None:
        """What a key has changed: paused, muted; empty when nothing is out of the ordinary.

        `listening` is whether the microphone is open.
        """
        ...

    def lines(self, stop: Callable[[], None], end: Callable[[], None]) -> AsyncIterator[str]:
        """What is typed; keys may `stop` the answer and `end` the conversation meanwhile."""
        ...

    def failed(self, error: VoiceError) -> None:
        """The error that ends everything; people are told of it at the very end, by the command line."""
        ...

    def summary(
        self,
        turns: int,
        spans: Mapping[Span, Statistics | None],
        budgets: Mapping[Span, float],
        over: Mapping[Span, int],
    ) -> None:
        """What the conversation comes to; `over` counts the turns beyond each budget."""
        ...


class _Tally:
    """What is kept of turns that are over: numbers, for a conversation may last a day."""

    def __init__(self) -> None:
        self.turns = 0
        self.failed = 0
        self.failure: VoiceError | None = None  # of the last that failed
        self.spans = {span: array("d") for span in Span}  # seconds; of the turns in which it was measured
        self.over: Counter[Span] = Counter()  # turns beyond each budget
        self.breaches: list[str] = []

    def count(self, turn: events.TurnFinished) -> None:
        self.turns += 1
        if turn.error is not None:
            self.failed += 1
            self.failure = turn.error
        for span, values in self.spans.items():
            seconds = turn.timeline.span(span)
            if seconds is not None:
                values.append(seconds)
        for span, verdict in turn.budget.items():
            if verdict.ok is False:
                self.over[span] += 1
                taken, allowed = milliseconds(verdict.value), milliseconds(verdict.limit)
                self.breaches.append(f"{span} took {taken} of {allowed} in turn {turn.turn}")


class Account:
    """Every event passes here: to the view, to the journal, and into the statistics."""

    def __init__(self, view: View, budgets: Mapping[Span, float]) -> None:
        self.journal: Journal | None = None
        self.watchers: Sequence[Callable[[events.TurnFinished], None]] = ()  # told of every turn
        self._view = view
        self._budgets = budgets
        self._names: Mapping[str, str] = {}
        self._tally = _Tally()
        self._failures = 0  # told of, whether of a turn or of the whole

    def __call__(self, event: events.Event) -> None:
        """Take in an event. A disk that takes no more is told about and does not end the conversation."""
        if isinstance(event, events.Ready):
            self._names = event.engines
        if isinstance(event, events.TurnFinished):
            self._tally.count(event)
            for watcher in self.watchers:
                watcher(event)
        if isinstance(event, events.ErrorRaised):
            self._failures += 1
        self._view(event)
        if self.journal is None or not isinstance(event, _SAVED):
            return
        if isinstance(event, events.TranscriptCame) and not event.final:
            return
        self._save(event_record(event, self._names), sync=isinstance(event, events.TurnFinished))

    def never_began(self) -> None:
        """Throw the journal away if the conversation was never ready."""
        if self.journal is not None and not self._names:
            self.journal.discard()
            self.journal = None

    def warn(self, message: str) -> None:
        """Something the user should know."""
        self(events.Warned(message))

    def _save(self, record: Mapping[str, Any], *, sync: bool = False) -> None:
        if self.journal is None:
            return
        try:
            self.journal.write(record)
            if sync:
                self.journal.sync()
        except SaveError as error:
            self._lose(error)

    def _lose(self, error: VoiceError) -> None:
        self.journal = None
        self._view(events.ErrorRaised(error, self._tally.turns))

    @property
    def turns(self) -> int:
        """How many have ended."""
        return self._tally.turns

    @property
    def breaches(self) -> list[str]:
        """Every budget that a turn was over, in words."""
        return self._tally.breaches

    @property
    def failed(self) -> bool:
        """Whether there were turns and every one of them failed."""
        return 0 < self._tally.turns == self._tally.failed

    @property
    def failure(self) -> VoiceError | None:
        """Why the last failed turn failed."""
        return self._tally.failure

    def failed_by(self, error: VoiceError) -> None:
        """What ends the conversation; the command line says it to the user."""
        self._view.failed(error)
        self._failures += 1
        self._save(event_record(events.ErrorRaised(error, self._tally.turns), self._names))

    def close(self) -> None:
        """Sum up, on the screen and on the disk; a conversation in which nothing happened leaves no trace."""
        spans = {span: summarize(values) for span, values in self._tally.spans.items()}
        self._view.summary(self._tally.turns, spans, self._budgets, self._tally.over)
        if self.journal is None:
            return
        try:
            self.journal.write(summary_record(self._tally.turns, spans))
            self.journal.close()
            if not self._tally.turns and not self._failures and not self.journal.has_sound():
                self.journal.discard()
        except SaveError as error:
            self._lose(error)
