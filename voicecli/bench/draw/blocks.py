"""Charts in block characters, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.text import Text

from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.draw.scale import Scale
from voicecli.bench.metric import Measure, shown
from voicecli.latency.render import bar

__all__ = ["drawn"]

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red", "bright_cyan", "bright_yellow")
_HEIGHT = 10  # lines of a chart with two axes
_NAME = 32  # columns of the names on the left at the most
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille pattern, by row and column
_BRAILLE = 0x2800


def drawn(chart: Chart, width: int) -> RenderableType:
    """The chart in at most `width` columns; nothing but its title when there is nothing in it."""
    parts: list[RenderableType] = [Text(chart.title, style="bold")]
    if chart.empty:
        return Group(*parts, Text("nothing was measured", style="dim"))
    if len(chart.series) > 1:
        parts.append(_legend(chart.series))
    kinds = {"bar": _bars, "waterfall": _waterfall}
    return Group(*parts, *kinds.get(chart.kind, _plane)(chart, width))


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _legend(series: Sequence[Series]) -> Text:
    text = Text()
    for index, one in enumerate(series):
        text.append("■ ", style=_colour(index))
        text.append(f"{one.name}   ")
    return text


def _names(chart: Chart, width: int) -> tuple[list[str], int, int]:
    """Of the rows, the columns that they take, and those that are left."""
    names = [name if len(name) <= _NAME else f"{name[: _NAME - 1]}…" for name in chart.categories]
    left = max(map(len, names), default=0)
    return names, left, max(8, width - left - 14)


def _bars(chart: Chart, width: int) -> Iterator[Text]:
    names, left, room = _names(chart, width)
    most = max((value for one in chart.series for value in one.y if value is not None), default=0.0)
    for row, name in enumerate(names):
        for index, one in enumerate(chart.series):
            value = one.y[row]
            if value is None:
                continue
            line = Text(f"{name:<{left}}  ")
            line.append(bar(room * value / most if most > 0 else 0.0), style=_colour(index))
            line.append(f" {shown(value, chart.y.unit)}")
            yield line
            name = ""


def _waterfall(chart: Chart, width: int) -> Iterator[Text]:
    names, left, room = _names(chart, width)
    ends = [value for one in chart.series for value in one.high if value is not None]
    begins = [value for one in chart.series for value in one.low if value is not None]
    first, last = min(0.0, *begins), max(ends)
    for row, name in enumerate(names):
        columns: list[int | None] = [None] * room
        for index, one in enumerate(chart.series):
            low, high = one.low[row], one.high[row]
            if low is None or high is None or last <= first:
                continue
            start = round((low - first) / (last - first) * room)
            end = max(round((high - first) / (last - first) * room), start + (high > low))
            columns[start : min(end, room)] = [index] * (min(end, room) - start)
        line = Text(f"{name:<{left}}  ")
        for index_or_none in columns:
            line.append("█" if index_or_none is not None else " ", style=_colour(index_or_none or 0))
        total = max((one.high[row] or first for one in chart.series), default=first)
        line.append(f" {shown(total, chart.x.unit)}")
        yield line


def _plane(chart: Chart, width: int) -> Iterator[Text]:
    """Lines and distributions, in dots of braille."""
    lines = [chart.points(one) for one in chart.series]
    every = [point for points in lines for point in points]
    across = Scale.over([x for x, _ in every], chart.x.unit, 6)
    up = Scale.over([y for _, y in every], chart.y.unit, 4) if chart.kind == "line" else Scale(0.0, 1.0, 0.25)
    unit = chart.y.unit if chart.kind == "line" else None
    left = max(len(_level(up.low, unit)), len(_level(up.high, unit)))
    room = max(10, width - left - 3)
    grid = [[0] * room for _ in range(_HEIGHT)]
    owner = [[-1] * room for _ in range(_HEIGHT)]
    for index, points in enumerate(lines):
        for x, y in _between(points, across, room * 2, stepped=chart.kind == "cdf"):
            column = min(round(across.place(x) * (room * 2 - 1)), room * 2 - 1)
            line = min(round((1 - up.place(y)) * (_HEIGHT * 4 - 1)), _HEIGHT * 4 - 1)
            grid[line // 4][column // 2] |= _DOTS[line % 4][column % 2]
            owner[line // 4][column // 2] = index
    for row in range(_HEIGHT):
        level = {0: _level(up.high, unit), _HEIGHT - 1: _level(up.low, unit)}.get(row, "")
        text = Text(f"{level:>{left}} │", style="dim")
        for dots, index in zip(grid[row], owner[row], strict=True):
            text.append(chr(_BRAILLE + dots) if dots else " ", style=f"not dim {_colour(max(index, 0))}")
        yield text
    yield Text(f"{'':>{left}} └{'─' * room}", style="dim")
    yield _feet(across, chart.x, left + 2, room)


def _level(value: float, unit: Measure | None) -> str:
    return f"{value * 100:.0f} %" if unit is None else shown(value, unit)


def _between(
    points: Sequence[tuple[float, float]], across: Scale, columns: int, *, stepped: bool
) -> Iterator[tuple[float, float]]:
    """The points, and enough between them for the eye to see a line."""
    yield from points
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(_HEIGHT * 4, round(abs(across.place(x1) - across.place(x0)) * columns))
        for step in range(1, steps):
            share = step / steps
            yield x0 + (x1 - x0) * share, y0 if stepped else y0 + (y1 - y0) * share
            if stepped:
                yield x1, y0 + (y1 - y0) * share


def _feet(scale: Scale, axis: Axis, left: int, room: int) -> Text:
    text = [" "] * (left + room)
    for tick in scale.ticks:
        name = shown(tick, axis.unit)
        start = left + round(scale.place(tick) * (room - 1)) - len(name) // 2
        start = max(0, min(start, left + room - len(name)))
        if all(sign == " " for sign in text[max(0, start - 1) : start + len(name) + 1]):
            text[start : start + len(name)] = name
    return Text(f"{''.join(text).rstrip()}\n{axis.title:>{left + room}}", style="dim")
