"""The screen of a typed conversation: answers stream above the line that is being edited."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TextIO, cast

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Container,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.screen import Char
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.widgets import SearchToolbar
from rich.console import Console, ConsoleRenderable, RenderHook
from rich.table import Table
from rich.text import Text

from voicecli.cli.region import extra_rows, reflows
from voicecli.cli.remembered import remembered_lines
from voicecli.cli.screen import LABEL, STATES, VOICE, YOU, Plain, fitting, said
from voicecli.cli.typed import cleaned
from voicecli.conversation import events
from voicecli.conversation.turntaking import State
from voicecli.printable import printable

__all__ = ["Prompt"]

_KEYS = ("↑ earlier lines", "enter say it", "ctrl-d quit")
_KEYS_ANSWERING = ("enter say it next", "esc stop", "ctrl-d quit")
_AHEAD = 4  # lines typed ahead that are seen
_LAST_WORDS = 5  # of a stopped answer, to tell where it was stopped
_ESCAPE_AFTER = 0.05  # seconds without more of a sequence: it was the key alone
_REDRAWN_AFTER = 0.03  # seconds between drawings at least
_INDENT = " " * LABEL


class Prompt(Plain):
    """What is said goes above; below it the answer grows, lines wait to be said, and one is edited."""

    def __init__(self, console: Console, remembered: Path | None) -> None:
        """`remembered` is the file of the lines typed before; None keeps none."""
        super().__init__(console, typed=True)
        self._remembered = remembered
        self._app: Application[None] | None = None
        self._state = State.LISTENING
        self._answer = _Growing()
        self._waiting: deque[str] = deque()  # typed and not yet said
        self._reflows = reflows()
        self._size = _size(console)  # of the window when the live lines were drawn

    # What happens

    def __call__(self, event: events.Event) -> None:
        """Take in what changes: text as it is made, the times when it has been spoken."""
        match event:
            case events.StateChanged(_, after, _, _):
                self._state = after
            case events.TranscriptCame(_, text, _):
                if self._waiting and self._waiting[0] == text:
                    self._waiting.popleft()
                self.console.print(said(YOU, text, "bold"))
            case events.TokenCame(_, text):
                self._print(self._answer.push(text, self.console))
            case events.ReplyFinished():
                self._print(self._answer.flush())
        super().__call__(event)
        if self._app is not None:
            self._app.invalidate()

    def _reply(self, turn: events.TurnFinished) -> None:
        """The answer stands there already; where it was stopped does not."""
        self._print(self._answer.flush())
        self._answer = _Growing()
        if turn.interrupted:
            words = turn.heard.split()
            place = f"after “{' '.join(words[-_LAST_WORDS:])}”" if words else "before a word was heard"
            self.console.print(said("", f"— stopped {place}", "dim"))

    def _print(self, lines: Sequence[Table]) -> None:
        for line in lines:
            self.console.print(line)

    # What is typed

    async def lines(self, stop: Callable[[], None], end: Callable[[], None]) -> AsyncIterator[str]:
        """What is typed, each line when it is asked for; Ctrl-D calls `end`."""
        typed: asyncio.Queue[str | None] = asyncio.Queue()

        def accept(buffer: Buffer) -> bool:
            if line := cleaned(buffer.text):
                self._waiting.append(line)
                typed.put_nowait(line)
            return False  # the next line begins empty

        app = self._app = self._application(accept, stop, end)
        self.console.push_render_hook(_Above(self._make_room))
        running = asyncio.create_task(app.run_async(handle_sigint=False, set_exception_handler=False))
        running.add_done_callback(lambda _: typed.put_nowait(None))
        try:
            await asyncio.sleep(0)  # now it runs, and its answer to a new size can be replaced
            if hasattr(signal, "SIGWINCH"):
                asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, app.invalidate)
            while (line := await typed.get()) is not None:
                yield line
        finally:
            running.cancel()
            (ended,) = await asyncio.gather(running, return_exceptions=True)
            self._app = None
            self.console.pop_render_hook()
            if isinstance(ended, Exception) and not isinstance(ended, EOFError):  # the terminal may go away
                raise ended

    def _application(
        self, accept: Callable[[Buffer], bool], stop: Callable[[], None], end: Callable[[], None]
    ) -> Application[None]:
        history = remembered_lines(self._remembered, lambda text: self(events.Warned(text)))
        buffer = Buffer(history=history, accept_handler=accept, multiline=False)
        search = SearchToolbar()
        line = Window(
            BufferControl(buffer, search_buffer_control=search.control),
            get_line_prefix=lambda number, wraps: _INDENT if number or wraps else [_label(YOU)],
            wrap_lines=True,
            dont_extend_height=True,
        )
        rows: list[Container] = [
            _part(self._growing, wrap=True),
            _part(self._ahead),
            line,
            search.__pt_container__(),
            _part(self._hints),
        ]
        app: Application[None] = Application(
            Layout(HSplit(rows), focused_element=line),
            key_bindings=_keys(buffer, stop, end),
            erase_when_done=True,
            output=_output(self.console.file, lambda: self._size),
            min_redraw_interval=_REDRAWN_AFTER,
            terminal_size_polling_interval=None,
        )
        app.ttimeoutlen = app.timeoutlen = _ESCAPE_AFTER
        app.before_render += self._refit
        return app

    def _growing(self) -> StyleAndTextTuples:
        if not self._answer.line.strip():
            return []
        return [_label(self._answer.label), ("", self._answer.line)]

    def _ahead(self) -> StyleAndTextTuples:
        shown = [f"next   {line}" for line in list(self._waiting)[:_AHEAD]]
        if len(self._waiting) > _AHEAD:
            shown.append(f"{_INDENT}and {len(self._waiting) - _AHEAD} more")
        return [("dim", "\n".join(shown))] if shown else []

    def _hints(self) -> StyleAndTextTuples:
        room = self._size.columns - 1
        if self._state is State.LISTENING:
            return [("dim", fitting(_KEYS, room))]
        name, colour = STATES[self._state]
        return [(f"fg:ansi{colour}", f"{name}  "), ("dim", fitting(_KEYS_ANSWERING, room - len(name) - 2))]

    def _make_room(self) -> None:
        """Something is being printed: it goes above the live lines, which are drawn again in a moment."""
        if self._app is not None and self._app.is_running:
            self._size = _size(self.console)
            self._wipe(self._app)
            self._app.invalidate()

    def _refit(self, app: Application[None]) -> None:
        """Before they are drawn: what was drawn in a window of another width is wiped away."""
        before, self._size = self._size, _size(self.console)
        if before.columns != self._size.columns:
            self._wipe(app)

    def _wipe(self, app: Application[None]) -> None:
        screen = app.renderer.last_rendered_screen
        if screen is None:
            return
        cursor = screen.get_cursor_position(app.layout.current_window)
        lengths = [_length(screen.data_buffer[row]) for row in range(cursor.y)] + [cursor.x + 1]
        rows = cursor.y + (extra_rows(lengths, self._size.columns) if self._reflows else 0)
        # Row by row: cleared in one go from its first row on, a window is history to some terminals.
        app.output.erase_down()
        app.output.write_raw("\x1b[2K" + "\x1b[1A\x1b[2K" * rows + "\x1b[1B" * cursor.y)
        app.renderer.erase()


class _Growing:
    """An answer while it comes: its lines but for the last can be printed for good."""

    def __init__(self) -> None:
        self.label = VOICE
        self.line = ""  # the last

    def push(self, text: str, console: Console) -> list[Table]:
        """More of it; returns the lines that are full on `console`."""
        self.line += printable(text).expandtabs(4)
        if self.label:
            self.line = self.line.lstrip()
        wrapped = Text(self.line).wrap(console, max(1, console.width - LABEL), overflow="fold")
        *full, last = [part.plain.rstrip() for part in wrapped] or [""]
        if full:
            # The end of what has come is kept to the letter: the next word may follow without a space.
            self.line = self.line[len(self.line.rstrip(" ")) - len(last) :]
        return [self._row(line) for line in full]

    def flush(self) -> list[Table]:
        """The answer is complete; returns the line that was left."""
        line, self.line = self.line.rstrip(), ""
        return [self._row(line)] if line else []

    def _row(self, line: str) -> Table:
        label, self.label = self.label, ""
        return said(label, line)


class _Above(RenderHook):
    """What is printed goes above the live lines."""

    def __init__(self, make_room: Callable[[], None]) -> None:
        self._make_room = make_room

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Make room for them."""
        self._make_room()
        return renderables


def _keys(buffer: Buffer, stop: Callable[[], None], end: Callable[[], None]) -> KeyBindings:
    keys = KeyBindings()
    interrupted = False

    @keys.add("escape", filter=~is_searching)
    def _(event: KeyPressEvent) -> None:
        stop()

    @keys.add("c-d", filter=Condition(lambda: not buffer.text))
    def _(event: KeyPressEvent) -> None:
        end()

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            signal.raise_signal(signal.SIGINT)  # as where no keys are read

    @keys.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    return keys


def _length(row: Mapping[int, Char]) -> int:
    """Columns up to the last letter; blanks behind it are not written."""
    return max((column + letter.width for column, letter in row.items() if letter.char != " "), default=0)


def _label(label: str) -> tuple[str, str]:
    return "dim", f"{label:<{LABEL}}"


def _part(text: Callable[[], StyleAndTextTuples], *, wrap: bool = False) -> ConditionalContainer:
    """Lines that are there while there is something in them."""
    window = Window(FormattedTextControl(text), wrap_lines=wrap, dont_extend_height=True)
    return ConditionalContainer(window, Condition(lambda: bool(text())))


def _size(console: Console) -> Size:
    return Size(rows=console.size.height, columns=console.size.width)


def _output(stream: IO[str], size: Callable[[], Size]) -> Output:
    if sys.platform == "win32":
        return create_output(cast(TextIO, stream))
    # It needs no position of the cursor, and so asks no terminal for one that may not answer.
    return Vt100_Output(
        cast(TextIO, stream),
        size,
        term=os.environ.get("TERM"),
        default_color_depth=ColorDepth.from_env(),
        enable_cpr=False,
    )
