"""What happened in a conversation: shown, saved and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

from voicecli.conversation import events
from voicecli.conversation.journal import Journal
from voicecli.conversation.record import event_record, summary_record
from voicecli.errors import SaveError, VoiceError
from voicecli.latency.render import milliseconds
from voicecli.latency.statistics import Statistics, summarize
from voicecli.latency.timeline import Span

__all__ = ["Account", "View", "late_turns"]

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

    def status(self, text: str) -> None:
        """What a key has changed: paused, muted; empty when nothing is out of the ordinary."""
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


def late_turns(turns: Iterable[events.TurnFinished]) -> Counter[Span]:
    """How many turns were over the budget of each span."""
    return Counter(span for turn in turns for span, verdict in turn.budget.items() if verdict.ok is False)


class Account:
    """Every event passes here: to the view, to the journal, and into the statistics."""

    def __init__(self, view: View, budgets: Mapping[Span, float]) -> None:
        self.journal: Journal | None = None
        self._view = view
        self._budgets = budgets
        self._names: Mapping[str, str] = {}
        self._turns: list[events.TurnFinished] = []

    def __call__(self, event: events.Event) -> None:
        """Take in an event. A disk that takes no more is told about and does not end the conversation."""
        if isinstance(event, events.Ready):
            self._names = event.engines
        if isinstance(event, events.TurnFinished):
            self._turns.append(event)
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
        self._view(events.ErrorRaised(error, len(self._turns)))

    @property
    def turns(self) -> int:
        """How many have ended."""
        return len(self._turns)

    @property
    def breaches(self) -> list[str]:
        """Every budget that a turn was over, in words."""
        return [
            f"{span} took {milliseconds(verdict.value)} of {milliseconds(verdict.limit)} in turn {turn.turn}"
            for turn in self._turns
            for span, verdict in turn.budget.items()
            if verdict.ok is False
        ]

    @property
    def failed(self) -> bool:
        """Whether there were turns and every one of them failed."""
        return bool(self._turns) and all(turn.error is not None for turn in self._turns)

    @property
    def failure(self) -> VoiceError | None:
        """Why the last failed turn failed."""
        return next((turn.error for turn in reversed(self._turns) if turn.error is not None), None)

    def failed_by(self, error: VoiceError) -> None:
        """What ends the conversation; the command line says it to the user."""
        self._view.failed(error)
        self._save(event_record(events.ErrorRaised(error, len(self._turns)), self._names))

    def close(self) -> None:
        """Sum up, on the screen and on the disk."""
        spans = {span: summarize(turn.timeline.span(span) for turn in self._turns) for span in Span}
        self._view.summary(len(self._turns), spans, self._budgets, late_turns(self._turns))
        if self.journal is None:
            return
        try:
            self.journal.write(summary_record(len(self._turns), spans))
            self.journal.close()
        except SaveError as error:
            self._lose(error)
