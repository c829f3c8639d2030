"""The console: shows text, and obeys none but our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from voicecli.printable import printable

__all__ = ["SafeConsole", "warn"]


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


def warn(message: str) -> None:
    """Something that the user should know, on standard error."""
    SafeConsole(stderr=True, soft_wrap=True).print(Text(f"note   {message}", style="yellow"))
