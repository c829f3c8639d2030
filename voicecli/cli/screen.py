"""The live screen of `talk`: state, level, what is being said, and where the time went."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from voicecli.conversation import events
from voicecli.conversation.turn import State
from voicecli.errors import VoiceError
from voicecli.latency.render import statistics_table, turn_line
from voicecli.latency.statistics import Statistics
from voicecli.latency.timeline import Span

__all__ = ["Plain", "Screen", "failure_text", "greeting"]

_FRAMES = 12  # a second
_QUIETEST = -60.0  # dBFS at the left end of the meter
_METER_WIDTH = 10  # characters
_YOU, _VOICE = "you", "voice"
_LABEL = 7  # characters
_STATES = {
    State.LISTENING: ("● listening", "green"),
    State.PROCESSING: ("● recognising", "cyan"),
    State.THINKING: ("● thinking", "magenta"),
    State.SPEAKING: ("● speaking", "blue"),
    State.INTERRUPTED: ("● interrupted", "yellow"),
}


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
    table.add_column(width=_LABEL)
    return table


def failure_text(message: str, hint: str = "") -> Text:
    """An error, as every view shows it."""
    text = Text()
    text.append("error  ", style="bold red")
    text.append(message, style="red")
    if hint:
        text.append(f" {hint}")
    return text


def _said(label: str, text: str, style: str = "") -> Table:
    row = Table.grid()
    row.add_column(width=_LABEL)
    row.add_column(overflow="fold")
    row.add_row(Text(label, style="dim"), Text(text, style=style))
    return row


class Plain:
    """Lines, one after another: for pipes, logs and terminals that cannot be drawn on."""

    def __init__(self, console: Console, *, typed: bool = False) -> None:
        """`typed` says that what the user says stands on the terminal already."""
        self.console = console
        self._typed = typed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def watch(self, level: Callable[[], float], heard: Callable[[], str]) -> None:
        """Lines do not follow what moves."""

    def status(self, text: str) -> None:
        """Without a terminal there are no keys."""

    def __call__(self, event: events.Event) -> None:
        """Print what is worth a line."""
        match event:
            case events.Ready():
                self.console.print(greeting(event))
            case events.TurnFinished():
                self._turn(event)
            case events.Warned(message):
                self.console.print(Text(f"note   {message}", style="yellow"))
            case events.ErrorRaised(error, _):
                self.console.print(failure_text(error.message, error.hint))

    def failed(self, error: VoiceError) -> None:
        """The command line says it, below everything else."""

    def _turn(self, turn: events.TurnFinished) -> None:
        if turn.transcript and not self._typed:
            self.console.print(_said(_YOU, turn.transcript, "bold"))
        if turn.interrupted:
            text = (
                f"{turn.heard.rstrip()} —" if turn.heard.strip() else "(interrupted before a word was heard)"
            )
        else:
            text = turn.reply.strip() or turn.heard.strip()
        if text:
            self.console.print(_said(_VOICE, text))
        line = turn_line(turn.timeline, turn.budget)
        if turn.underruns:
            line.append(f"  {turn.underruns} breaks, {turn.silence * 1000:.0f} ms", style="red")
        self.console.print(line)

    def summary(
        self,
        turns: int,
        spans: Mapping[Span, Statistics | None],
        budgets: Mapping[Span, float],
        over: Mapping[Span, int],
    ) -> None:
        """What the conversation comes to."""
        if any(statistics is not None for statistics in spans.values()):
            self.console.print()
            title = f"{turns} turn{'s' if turns != 1 else ''}"
            self.console.print(statistics_table(spans, budgets, over, title))


class Screen(Plain):
    """A few live lines below everything that is already history."""

    def __init__(self, console: Console, keys: str) -> None:
        super().__init__(console)
        self._status = ""  # paused, muted
        self._keys = keys
        self._state = State.LISTENING
        self._transcript = ""
        self._reply = ""
        self._level: Callable[[], float] = lambda: _QUIETEST
        self._heard: Callable[[], str] = str
        self._stack = ExitStack()
        self._live = Live(
            console=console, refresh_per_second=_FRAMES, transient=True, get_renderable=self._draw
        )

    def __enter__(self) -> Self:
        self._stack.enter_context(self._live)
        return self

    def __exit__(self, *exc: object) -> None:
        self._transcript = self._reply = ""
        self._stack.close()

    def status(self, text: str) -> None:
        """Shown until it changes."""
        self._status = text

    def watch(self, level: Callable[[], float], heard: Callable[[], str]) -> None:
        """`level` is the microphone's in dBFS, `heard` the reply as far as it has left the loudspeaker."""
        self._level, self._heard = level, heard

    def __call__(self, event: events.Event) -> None:
        """Take in what changes; `_draw` shows it at the next frame."""
        match event:
            case events.StateChanged(_, after, _, _):
                self._state = after
            case events.TranscriptCame(_, text, _):
                self._transcript = text
            case events.TurnFinished():
                self._transcript = self._reply = ""
        super().__call__(event)

    def _draw(self) -> Group:
        name, colour = _STATES[self._state]
        line = Text()
        line.append(f"{name:<15}", style=colour)
        line.append(_meter(self._level()), style="green")
        if self._status:
            line.append(f"  {self._status}", style="bold yellow")
        line.append(f"   {self._keys}", style="dim")
        rows: list[Table | Text] = []
        if self._transcript:
            rows.append(_said(_YOU, self._transcript, "dim" if self._state is State.LISTENING else "bold"))
        heard = self._heard()
        if heard:
            rows.append(_said(_VOICE, heard))
        return Group(*rows, line)


def _meter(level: float) -> str:
    """dBFS as a bar."""
    eighths = max(0.0, min(1.0, 1.0 - level / _QUIETEST)) * _METER_WIDTH * 8
    full, rest = divmod(round(eighths), 8)
    bar = "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
    return f"{bar:<{_METER_WIDTH}}"
