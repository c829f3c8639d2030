"""What happened in a conversation: shown, saved and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Self, TextIO

from voicecli.cli.console import error_fields, print_json
from voicecli.cli.typed import typed_lines
from voicecli.conversation import events
from voicecli.conversation.journal import Journal
from voicecli.conversation.record import event_record, summary_record
from voicecli.errors import SaveError, VoiceError
from voicecli.latency.render import milliseconds
from voicecli.latency.tally import Summary, Tally
from voicecli.latency.timeline import Span

__all__ = ["Account", "JsonLines", "View"]

_SAVED = (
    events.Ready
    | events.TranscriptCame
    | events.ReplyFinished
    | events.TurnFinished
    | events.Warned
    | events.ErrorRaised
)


class View:
    """What the user sees of it; whoever shows less keeps what stands here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __call__(self, event: events.Event) -> None:
        """Something has happened."""

    def watch(self, level: Callable[[], float], heard: Callable[[], str]) -> None:
        """`level` is the microphone's in dBFS, `heard` the reply as far as it has left the loudspeaker."""

    def status(self, text: str, *, listening: bool = True) -> None:
        """What a key has changed: paused, muted; empty when nothing is out of the ordinary.

        `listening` is whether the microphone is open.
        """

    def lines(self, stop: Callable[[], None], end: Callable[[], None]) -> AsyncIterator[str]:
        """What is typed; keys may `stop` the answer and `end` the conversation meanwhile."""
        return typed_lines()

    def failed(self, error: VoiceError) -> None:
        """The error that ends everything; people are told of it at the very end, by the command line."""

    def summary(self, summary: Summary) -> None:
        """What the conversation comes to."""


class JsonLines(View):
    """One object a line, each at once, for programs."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._names: Mapping[str, str] = {}

    def __call__(self, event: events.Event) -> None:
        """Print the event; tokens only with `verbose`."""
        if isinstance(event, events.Ready):
            self._names = event.engines
        if not isinstance(event, events.TokenCame) or self._verbose:
            print_json(event_record(event, self._names), self._stream)

    def summary(self, summary: Summary) -> None:
        """What the conversation comes to."""
        print_json(summary_record(summary), self._stream)

    def failed(self, error: VoiceError) -> None:
        """The error that ends everything."""
        print_json({"event": "error", **error_fields(error)}, self._stream)


class Account:
    """Every event passes here: to the view, to the journal, and into the statistics."""

    def __init__(self, view: View, budgets: Mapping[Span, float]) -> None:
        """`budgets` are shown even if there is no turn."""
        self.journal: Journal | None = None
        self.watchers: Sequence[Callable[[events.TurnFinished], None]] = ()  # told of every turn
        self._view = view
        self._names: Mapping[str, str] = {}
        self._tally = Tally(budgets)
        self._errors = 0  # told of, whether of a turn or of the whole
        self._failed = 0  # turns
        self.breaches: list[str] = []  # every budget that a turn was over, in words
        self.failure: VoiceError | None = None  # why the last failed turn failed

    def __call__(self, event: events.Event) -> None:
        """Take in an event. A disk that takes no more is told about and does not end the conversation."""
        if isinstance(event, events.Ready):
            self._names = event.engines
        if isinstance(event, events.TurnFinished):
            self._count(event)
            for watcher in self.watchers:
                watcher(event)
        if isinstance(event, events.ErrorRaised):
            self._errors += 1
        self._view(event)
        if self.journal is None or not isinstance(event, _SAVED):
            return
        if isinstance(event, events.TranscriptCame) and not event.final:
            return
        self._save(event_record(event, self._names), sync=isinstance(event, events.TurnFinished))

    def _count(self, turn: events.TurnFinished) -> None:
        self._tally.count(turn.timeline, turn.budget)
        if turn.error is not None:
            self._failed += 1
            self.failure = turn.error
        for span, verdict in turn.budget.items():
            if verdict.ok is False:
                taken, allowed = milliseconds(verdict.value), milliseconds(verdict.limit)
                self.breaches.append(f"{span} took {taken} of {allowed} in turn {turn.turn}")

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
            self.journal.write(record, sync=sync)
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
    def failed(self) -> bool:
        """Whether there were turns and every one of them failed."""
        return 0 < self._tally.turns == self._failed

    def failed_by(self, error: VoiceError) -> None:
        """What ends the conversation; the command line says it to the user."""
        self._view.failed(error)
        self._errors += 1
        self._save(event_record(events.ErrorRaised(error, self._tally.turns), self._names))

    def close(self) -> None:
        """Sum up, on the screen and on the disk; a conversation in which nothing happened leaves no trace."""
        summary = self._tally.summary()
        self._view.summary(summary)
        if self.journal is None:
            return
        try:
            self.journal.write(summary_record(summary), sync=True)
            self.journal.close()
            if not summary.turns and not self._errors and not self.journal.has_sound():
                self.journal.discard()
        except SaveError as error:
            self._lose(error)
