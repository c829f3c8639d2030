"""The console: shows text, and obeys none but our own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from voicecli.errors import VoiceError
from voicecli.printable import json_line, printable

__all__ = [
    "SafeConsole",
    "Telling",
    "complain",
    "error_fields",
    "failure_text",
    "note_text",
    "print_json",
    "tabular",
    "warn",
]


class SafeConsole(Console):
    """Takes out of every text, however deep in a table, what would command the terminal.

    Nor is anything markup in it: brackets and colons are what somebody said.
    """

    def __init__(
        self,
        file: TextIO | None = None,
        *,
        stderr: bool = False,
        width: int | None = None,
        soft_wrap: bool = False,
    ) -> None:
        super().__init__(
            file=file,
            stderr=stderr,
            width=width,
            soft_wrap=soft_wrap,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What Rich calls for every part of what it draws."""
        if isinstance(renderable, str):
            renderable = printable(renderable)
        elif isinstance(renderable, Text):
            renderable = _without_controls(renderable)
        return super().render(renderable, options)


def _without_controls(text: Text) -> Text:
    if printable(text.plain) == text.plain:
        return text
    clean = text.blank_copy()
    for piece in text.divide(sorted({edge for span in text.spans for edge in (span.start, span.end)})):
        piece.plain = printable(piece.plain)  # within one style, so that every style stays where it was
        clean.append_text(piece)
    return clean


def tabular(stream: TextIO | None = None, width: int = 200) -> SafeConsole:
    """A console for tables: of `width` where no terminal says how wide it is."""
    stream = stream or sys.stdout
    return SafeConsole(file=stream, width=None if stream.isatty() else width)


def print_json(record: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """One object on a line, at once."""
    print(json_line(record), file=stream or sys.stdout, flush=True)


def failure_text(message: str, hint: str = "") -> Text:
    """An error, as every view shows it."""
    text = Text.assemble(("error  ", "bold red"), (message, "red"))
    return text.append(f" {hint}") if hint else text


def note_text(message: str) -> Text:
    """Something that the user should know, as every view shows it."""
    return Text(f"note   {message}", style="yellow")


def complain(what: Text) -> None:
    """Something on standard error, in one line however long it is."""
    SafeConsole(stderr=True, soft_wrap=True).print(what)


def warn(message: str) -> None:
    """Something that the user should know, on standard error."""
    complain(note_text(message))


class Telling:
    """What a command tells as it goes: JSON Lines for programs, other lines for people."""

    def __init__(self, as_json: bool, stream: TextIO | None = None) -> None:
        self.as_json = as_json
        self.stream = stream or sys.stdout

    def json(self, event: str, **values: Any) -> None:
        """One object."""
        print_json({"event": event, **values}, self.stream)

    def aside(self, text: str) -> None:
        """What only somebody who looks on wants to know."""
        complain(Text(text, style="dim"))

    def failed(self, error: VoiceError) -> None:
        """What ends everything; the command line says it to people."""
        if self.as_json:
            self.json("error", **error_fields(error))


def error_fields(error: VoiceError) -> dict[str, Any]:
    """What JSON says of an error."""
    return {"kind": error.kind, "message": str(error), "recoverable": error.recoverable}
