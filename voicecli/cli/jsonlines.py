"""Events as JSON Lines, for programs that read what `talk` does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self, TextIO

from voicecli.cli.console import error_fields, print_json
from voicecli.cli.typed import typed_lines
from voicecli.conversation import events
from voicecli.conversation.record import event_record, summary_record
from voicecli.errors import VoiceError
from voicecli.latency.tally import Summary

__all__ = ["JsonLines"]


class JsonLines:
    """One object a line, each at once."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._names: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def watch(self, level: Callable[[], float], heard: Callable[[], str]) -> None:
        """What moves between two events is nobody's event."""

    def status(self, text: str, *, listening: bool = True) -> None:
        """There are no keys."""

    def lines(self, stop: Callable[[], None], end: Callable[[], None]) -> AsyncIterator[str]:
        """Standard input."""
        return typed_lines()

    def __call__(self, event: events.Event) -> None:
        """Print the event; tokens only with `verbose`."""
        if isinstance(event, events.Ready):
            self._names = event.engines
        if isinstance(event, events.TokenCame) and not self._verbose:
            return
        self.write(event_record(event, self._names))

    def summary(self, summary: Summary) -> None:
        """What the conversation comes to."""
        self.write(summary_record(summary))

    def failed(self, error: VoiceError) -> None:
        """The error that ends everything."""
        self.write({"event": "error", **error_fields(error)})

    def write(self, record: Mapping[str, Any]) -> None:
        """Print one object."""
        print_json(record, self._stream)
