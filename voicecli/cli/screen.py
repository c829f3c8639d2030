"""The live screen of `talk`: state, level, what is being said, and where the time went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Self, TextIO

from rich.console import Console, Group
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from voicecli.cli.account import View
from voicecli.cli.console import SafeConsole, failure_text, note_text
from voicecli.cli.region import Region
from voicecli.conversation import events
from voicecli.conversation.turntaking import State
from voicecli.folders import state_folder
from voicecli.latency.render import statistics_table, turn_line
from voicecli.latency.tally import Summary

__all__ = [
    "LABEL",
    "STATES",
    "VOICE",
    "YOU",
    "Plain",
    "Screen",
    "fitting",
    "greeting",
    "said",
    "screen",
]

_KEYS = ("m mute", "space pause", "esc stop", "q quit")
_KEYS_PUSH_TO_TALK = ("m mute", "space talk", "esc stop", "q quit")
_TYPED = "typed"  # the file of what was typed
_UNBROKEN = 10_000  # characters of a line that no terminal has to show
_FRAMES = 12  # a second
_QUIETEST = -60.0  # dBFS at the left end of the meter
_METER_WIDTH = 10  # characters
_NARROW = 60  # columns below which the meter is half as wide
_LEAST_ROWS = 8  # of the live part, where the terminal has them
YOU: Final = "you"
VOICE: Final = "voice"
LABEL: Final = 7  # characters
STATES: Final = {
    State.LISTENING: ("● listening", "green"),
    State.PROCESSING: ("● recognising", "cyan"),
    State.THINKING: ("● thinking", "magenta"),
    State.SPEAKING: ("● speaking", "blue"),
    State.INTERRUPTED: ("● interrupted", "yellow"),
}
_DEAF = ("○ mic closed", "dim")
_STATE_WIDTH = 15  # characters
# What a table of statistics can do without, the first first, where it is too wide.
_DISPENSABLE = ((), ("min", "max"), ("min", "max", "n"), ("min", "max", "n", "budget"))


def greeting(ready: events.Ready) -> Group:
    """Which engines and devices there are, and why."""
    engines = _grid()
    for stage, name in ready.engines.items():
        reason = Text(ready.reasons.get(stage, ""), style="dim")
        engines.add_row(Text(stage, style="dim"), Text(name, style="bold"), reason)
    ends = _grid()
    for role, name in ready.devices.items():
        ends.add_row(Text(role, style="dim"), Text(f"{name}, {ready.rates[role]} Hz", overflow="fold"))
    ends.add_row(Text("saved", style="dim"), Text(ready.saved or "nowhere (--no-save)", overflow="fold"))
    return Group(engines, ends, Text())


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=LABEL)
    return table


def said(label: str, text: str, style: str = "") -> Table:
    """Who said what; the second line and those after it begin where the first does."""
    row = Table.grid()
    row.add_column(width=LABEL)
    row.add_column(overflow="fold")
    row.add_row(Text(label, style="dim"), Text(text, style=style))
    return row


def fitting(keys: Sequence[str], room: int) -> str:
    """What keys do, in `room` columns: the first are left out first, for the last end it all."""
    for first in range(len(keys)):
        hints = " · ".join(keys[first:])
        if len(hints) <= room:
            return hints
    return ""


class Plain(View):
    """Lines, one after another: for pipes, logs and terminals that cannot be drawn on."""

    def __init__(self, console: Console, *, typed: bool = False) -> None:
        """`typed` says that what the user says stands on the terminal already."""
        self.console = console
        self._typed = typed

    def __call__(self, event: events.Event) -> None:
        """Print what is worth a line."""
        match event:
            case events.Ready():
                self.console.print(greeting(event))
            case events.TurnFinished():
                self._turn(event)
            case events.Warned(message):
                self.console.print(note_text(message))
            case events.ErrorRaised(error, _):
                self.console.print(failure_text(error.message, error.hint))

    def _turn(self, turn: events.TurnFinished) -> None:
        if turn.transcript and not self._typed:
            self.console.print(said(YOU, turn.transcript, "bold"))
        self._reply(turn)
        self._times(turn)

    def _reply(self, turn: events.TurnFinished) -> None:
        if turn.interrupted:
            text = (
                f"{turn.heard.rstrip()} —" if turn.heard.strip() else "(interrupted before a word was heard)"
            )
        else:
            text = turn.reply.strip() or turn.heard.strip()
        if text:
            self.console.print(said(VOICE, text))

    def _times(self, turn: events.TurnFinished) -> None:
        breaks = ""
        if turn.underruns:
            breaks = f"  {turn.underruns} breaks, {turn.silence * 1000:.0f} ms"
        line = turn_line(turn.timeline, turn.budget, self.console.width - len(breaks))
        line.append(breaks, style="red")
        self.console.print(line)

    def summary(self, summary: Summary) -> None:
        """What the conversation comes to."""
        if all(statistics is None for statistics in summary.waited.values()):
            return
        for without in _DISPENSABLE:
            table = statistics_table(summary, without=without)
            if Measurement.get(self.console, self.console.options, table).maximum < self.console.width:
                break
        self.console.print()
        self.console.print(table)


class Screen(Plain):
    """A few live lines below everything that is already history, drawn when they change."""

    def __init__(self, console: Console, keys: Sequence[str]) -> None:
        """`keys` says what each key does; where there is little room, the first are left out first."""
        super().__init__(console)
        self._status = ""  # paused, muted
        self._listening = True
        self._keys = keys
        self._state = State.LISTENING
        self._transcript = ""
        self._level: Callable[[], float] = lambda: _QUIETEST
        self._heard: Callable[[], str] = str
        self._region = Region(console)
        self._shown: object = None
        self._said: tuple[object, list[list[Segment]]] = (None, [])
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._region.open()
        self._tick()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._region.close()

    def status(self, text: str, *, listening: bool = True) -> None:
        """Shown until it changes."""
        self._status, self._listening = text, listening

    def watch(self, level: Callable[[], float], heard: Callable[[], str]) -> None:
        """`level` is the microphone's in dBFS, `heard` the reply as far as it has left the loudspeaker."""
        self._level, self._heard = level, heard

    def __call__(self, event: events.Event) -> None:
        """Take in what changes; it is drawn at the next frame."""
        match event:
            case events.StateChanged(_, after, _, _):
                self._state = after
            case events.TranscriptCame(_, text, _):
                self._transcript = text
            case events.TurnFinished():
                self._transcript = ""
                self._draw()  # what was live becomes history, and must not be seen twice
        super().__call__(event)

    def _tick(self) -> None:
        """One frame, and the next after it."""
        # Level and words heard are read from what moves by itself: nobody tells of their changes.
        self._timer = asyncio.get_running_loop().call_later(1 / _FRAMES, self._tick)
        self._draw()

    def _draw(self) -> None:
        columns, rows = self.console.size
        status, heard = self._status_line(columns - 1), self._heard()
        shown = (status.plain, self._state, self._transcript, heard, columns, rows)
        if shown != self._shown:
            self._shown = shown
            # Half the window: where it is made narrower, they take more rows and can still be wiped away.
            most = max(1, min(rows - 1, max(_LEAST_ROWS, rows // 2)))
            lines = self._conversation(heard, columns - 1)
            live = lines[max(0, len(lines) - most + 1) :]
            self._region.draw([*live, *self._rendered(status, columns - 1)])

    def _conversation(self, heard: str, width: int) -> list[list[Segment]]:
        """What is understood, and what of the answer has been heard."""
        style = "dim" if self._state is State.LISTENING else "bold"
        key = (self._transcript, heard, style, width)
        if key != self._said[0]:
            said_by = ((YOU, self._transcript, style), (VOICE, heard, ""))
            parts = [said(label, text, how) for label, text, how in said_by if text]
            self._said = (key, [line for part in parts for line in self._rendered(part, width)])
        return self._said[1]

    def _rendered(self, part: Table | Text, width: int) -> list[list[Segment]]:
        options = self.console.options.update(width=width, height=None)
        return self.console.render_lines(part, options, pad=False)

    def _status_line(self, width: int) -> Text:
        deaf = self._state is State.LISTENING and not self._listening
        name, colour = _DEAF if deaf else STATES[self._state]
        meter = _METER_WIDTH if width >= _NARROW - 1 else _METER_WIDTH // 2
        line = Text(no_wrap=True, overflow="crop")
        line.append(f"{name:<{_STATE_WIDTH}}", style=colour)
        line.append(_meter(self._level(), meter), style="green")
        if self._status:
            line.append(f"  {self._status}", style="bold yellow")
        line.append("  ")
        line.append(fitting(self._keys, width - line.cell_len), style="dim")
        return line


def _meter(level: float, width: int) -> str:
    """dBFS as a bar."""
    eighths = max(0.0, min(1.0, 1.0 - level / _QUIETEST)) * width * 8
    full, rest = divmod(round(eighths), 8)
    bar = "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
    return f"{bar:<{width}}"


def screen(stream: TextIO, *, typing: bool, typed: bool, push_to_talk: bool, remembered: bool) -> Plain:
    """Live where `stream` can be drawn on, lines elsewhere.

    `typing` is a conversation in writing: `typed` at a terminal or given, `remembered` for the next.
    """
    console = SafeConsole(file=stream)
    if not console.is_terminal:
        return Plain(SafeConsole(file=stream, width=_UNBROKEN))
    drawn = stream.isatty() and not console.is_dumb_terminal
    if typing and typed and drawn:
        from voicecli.cli.prompt import Prompt  # prompt_toolkit takes its time to be imported

        return Prompt(console, state_folder() / _TYPED if remembered else None)
    if typing or not drawn:
        return Plain(console, typed=typing and typed)
    return Screen(console, _KEYS_PUSH_TO_TALK if push_to_talk else _KEYS)
