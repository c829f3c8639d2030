"""Latencies drawn for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.table import Table
from rich.text import Text

from voicecli.latency.budget import Verdict
from voicecli.latency.tally import Summary
from voicecli.latency.timeline import STAGE_SPANS, Mark, Span, Timeline

__all__ = ["bar", "milliseconds", "statistics_table", "turn_line"]

_FULL = 1.0  # seconds that fill the whole width of the bars
_WIDTH = 14  # characters
_LEAST = 7  # characters in which bars still tell something
_BLOCKS = "▏▎▍▌▋▊▉█"
_NEAR = 0.8  # share of a budget from which it is nearly used up


def milliseconds(seconds: float | None) -> str:
    """As people read them."""
    return "–" if seconds is None else f"{seconds * 1000:.0f} ms"


def turn_line(timeline: Timeline, budget: Mapping[Span, Verdict], width: int = 200) -> Text:
    """One line: voice-to-voice in front, then a bar for each stage, coloured against the budgets.

    In `width` columns that are too few the bars go first, then the shortest stages.
    """
    line = Text()
    total = timeline.span(Span.VOICE_TO_VOICE)
    line.append(f"{milliseconds(total):>8} ", style=f"bold {_colour(budget, (Span.VOICE_TO_VOICE,))}")
    waits = timeline.waits()
    if not waits:
        # What is announced answers nobody who waits: it has sound, and no latency.
        announced = Mark.FIRST_SOUND in timeline.marks and Mark.SPEECH_STOPPED not in timeline.marks
        line.append("announced" if announced else "no sound", style="dim")
        return line
    shown = dict(waits)
    while (room := width - line.cell_len - _labelled(shown)) < (2 if len(shown) < len(waits) else 0):
        if len(shown) == 1:
            break
        del shown[min(shown, key=shown.__getitem__)]
    room -= 2 * len(shown)  # a space before each bar, and its end is rounded up
    scale = min(_WIDTH, room) / max(_FULL, sum(waits.values())) if room >= _LEAST else 0.0
    for stage, seconds in shown.items():
        colour = _colour(budget, STAGE_SPANS[stage])
        line.append(f" {stage} ", style="dim")
        line.append(f"{seconds * 1000:.0f}", style=colour)
        if drawn := bar(seconds * scale):
            line.append(f" {drawn}", style=colour)
    if len(shown) < len(waits):
        line.append(" …", style="dim")
    return line


def _labelled(waits: Mapping[str, float]) -> int:
    """Columns that the stages take without their bars."""
    return sum(len(f" {stage} {seconds * 1000:.0f}") for stage, seconds in waits.items())


def bar(length: float) -> str:
    """So many columns of block characters."""
    whole, rest = divmod(max(0, round(length * 8)), 8)
    return _BLOCKS[-1] * whole + (_BLOCKS[rest - 1] if rest else "")


def _colour(budget: Mapping[Span, Verdict], spans: tuple[Span, ...]) -> str:
    worst = "green"
    for span in spans:
        verdict = budget.get(span)
        if verdict is None or verdict.value is None:
            continue
        if not verdict.ok:
            return "red"
        if verdict.value > _NEAR * verdict.limit:
            worst = "yellow"
    return worst


def statistics_table(summary: Summary, *, without: Collection[str] = ()) -> Table:
    """A row for each span: what was waited for, and how many turns were over its budget with that.

    `without` names columns that are left out.
    """
    title = f"{summary.turns} turn{'s' if summary.turns != 1 else ''}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("span")
    columns = [name for name in ("p50", "p95", "min", "max", "n", "budget", "over") if name not in without]
    for name in columns:
        table.add_column(name, justify="right")
    for span, found in summary.waited.items():
        if found is None:
            continue
        limit, late = summary.budgets.get(span), summary.over.get(span, 0)
        cells: dict[str, str | Text] = {
            "p50": milliseconds(found.p50),
            "p95": milliseconds(found.p95),
            "min": milliseconds(found.min),
            "max": milliseconds(found.max),
            "n": str(found.n),
            "budget": milliseconds(limit),
            "over": Text("" if limit is None else str(late), style="red" if late else "dim"),
        }
        table.add_row(str(span).replace("_", "-"), *(cells[name] for name in columns))
    return table
