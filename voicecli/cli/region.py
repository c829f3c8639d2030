"""The live lines below everything that is history, drawn over where they change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.control import Control
from rich.segment import ControlType, Segment

__all__ = ["Region", "extra_rows", "reflows"]

Line: TypeAlias = list[Segment]


def reflows(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this terminal wraps what it shows anew when its width changes, as nearly all do."""
    bare_screen = "STY" in environ and "TMUX" not in environ
    return not (environ.get("TERM") == "linux" or "XTERM_VERSION" in environ or bare_screen)


def extra_rows(lengths: Sequence[int], columns: int) -> int:
    """How many rows more than lines there are, since lines of these lengths (cells) were wrapped anew."""
    return sum(max(0, (length - 1) // max(1, columns)) for length in lengths)


class Region(RenderHook):
    """A few lines at the bottom of a terminal; what is printed on `console` meanwhile goes above them.

    Lines must be narrower than the terminal: a cursor behind the last column is nowhere.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._reflows = reflows()
        self._lines: Sequence[Line] = ()  # to be seen
        self._drawn: Sequence[Line] = ()  # on the terminal
        self._columns = 0  # of the terminal when they were drawn

    def open(self) -> None:
        """From now on everything printed goes above."""
        self._console.show_cursor(False)
        self._console.push_render_hook(self)

    def close(self) -> None:
        """Wipe the lines away; the cursor stands where they began."""
        self.draw(())
        self._console.pop_render_hook()
        self._console.show_cursor(True)

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines, writing only from the first on that has changed."""
        if lines != self._drawn or self._columns != self._console.width:
            self._lines = lines
            self._console.print(Control())

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Put the lines below what is being printed."""
        columns = self._console.width
        kept = 0
        if columns == self._columns and all(isinstance(one, Control) for one in renderables):
            kept = _alike(self._drawn[:-1], self._lines[:-1])  # the cursor stands behind the last
        wiped = _Written([[self._wiped(self._drawn[kept:], columns)]])
        self._drawn, self._columns = self._lines, columns
        return [wiped, *renderables, _Written(self._lines[kept:])]

    def _wiped(self, lines: Sequence[Line], columns: int) -> Segment:
        """From behind the last of `lines` to where the first began, and nothing is left between."""
        if not lines:
            return Segment("")
        lengths = [Segment.get_line_length(line) for line in lines]
        up = len(lines) - 1 + (extra_rows(lengths, columns) if self._reflows else 0)
        # Row by row: cleared in one go from its first row on, a window is history to some terminals.
        codes = "\r\x1b[2K" + "\x1b[1A\x1b[2K" * up
        return Segment(codes, None, [(ControlType.CARRIAGE_RETURN,)])


def _alike(before: Sequence[Line], after: Sequence[Line]) -> int:
    """How many lines are the same at the beginning."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (old, new) in pairs if old != new), min(len(before), len(after)))


class _Written:
    """Lines, without an end of the last."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            yield from line
